"""The convention ``deepspeed``: products written out, and the tool itself."""

import pytest
import torch
from asking import figures
from products import expected

import hookcount

CASES = expected("deepspeed")


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_op(case):
    make, shape, figure = CASES[case]
    with torch.no_grad():
        report = hookcount.Counter(run="real").count(make().eval(), torch.zeros(shape))
    assert report.under("deepspeed").headline == figure


def test_the_tools_own_figures():
    found = figures("deepspeed", "deepspeed")
    repeated = 5 * 7 * 11  # the left operand, of which the tool counts one for the right one's six
    assert found.pop("x@y_bcast_lhs") == (6 * repeated, repeated)
    assert {case: pair for case, pair in found.items() if pair[0] != pair[1]} == {}
