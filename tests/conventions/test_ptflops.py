"""The convention ``ptflops``: products written out, and the tool itself."""

import pytest
import torch
from asking import figures
from products import expected

import hookcount

CASES = expected("ptflops")


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_op(case):
    make, shape, figure = CASES[case]
    with torch.no_grad():
        report = hookcount.Counter(run="real").count(make().eval(), torch.zeros(shape))
    assert report.under("ptflops").headline == figure


def test_the_tools_own_figures():
    found = figures("ptflops", "ptflops (aten)")
    off_its_fused_path = 2 * (2 * 5 * 16 * 24) + 2 * 5 * (24 + 16)  # under the tool's hooks: two linears with biases
    assert found.pop("encoder_layer_even") == (0, off_its_fused_path)
    assert {case: pair for case, pair in found.items() if pair[0] != pair[1]} == {}
