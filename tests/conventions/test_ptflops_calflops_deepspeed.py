"""The conventions ``ptflops``, ``calflops`` and ``deepspeed``: products written out, and the tools
themselves.
"""

import pytest
import torch
from helpers.asking import figures
from helpers.products import expected

import hookcount

EXPECTED = {name: expected(name) for name in ("ptflops", "calflops", "deepspeed")}
OFF_ITS_FUSED_PATH = 2 * (2 * 5 * 16 * 24) + 2 * 5 * (
    24 + 16
)  # under ptflops' hooks: two linears with biases
DIFFER = {
    "ptflops": {"encoder_layer_even": (0, OFF_ITS_FUSED_PATH)},
    "calflops": {},
    "calflops-flops": {},
    "deepspeed": {},
    "deepspeed-flops": {},
}


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name, cases in EXPECTED.items() for case in cases]
)
def test_each_kind_of_op(name, case):
    make, shape, figure = EXPECTED[name][case]
    with torch.no_grad():
        report = hookcount.Counter(run="real").count(make().eval(), torch.zeros(shape))
    assert report.under(name).headline == figure


@pytest.mark.peers
@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("ptflops", "ptflops (aten)"),
        ("calflops", "calflops"),
        ("calflops-flops", "calflops (FLOPs)"),
        ("deepspeed", "deepspeed"),
        ("deepspeed-flops", "deepspeed (FLOPs)"),
    ],
)
def test_the_tools_own_figures(name, peer):
    assert {
        case: pair for case, pair in figures(name, peer).items() if pair[0] != pair[1]
    } == DIFFER[name]
