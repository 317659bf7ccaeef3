"""The convention ``calflops``: products written out, and the tool itself."""

import pytest
import torch
from asking import figures
from products import expected

import hookcount

CASES = expected("calflops")


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_op(case):
    make, shape, figure = CASES[case]
    with torch.no_grad():
        report = hookcount.Counter(run="real").count(make().eval(), torch.zeros(shape))
    assert report.under("calflops").headline == figure


def test_the_tools_own_figures():
    found = figures("calflops", "calflops")
    assert {case: pair for case, pair in found.items() if pair[0] != pair[1]} == {}
