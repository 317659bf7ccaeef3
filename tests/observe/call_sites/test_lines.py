"""The functions of ``torch.nn.functional`` inside which an op ran: ``OpRun.inside``."""

import pytest
import torch
from helpers.functions import Fn
from torch.nn import functional as F

import hookcount

kept = F.relu


def local(x):
    from torch.nn import functional

    return functional.relu(x)


def with_a_constant(x):
    """In a shapes-only run it is lost, so the second try has a mode for functions."""
    return F.relu(x) * torch.tensor(2.0, device=x.device).item()


ROWS = {
    # the op that shows it, and the names without their module
    "itself": (lambda x: F.relu(x), "aten::relu", ["relu"]),
    "from a local module": (local, "aten::relu", ["relu"]),
    "under another name": (lambda x: kept(x), "aten::relu", []),
    "not at all": (lambda x: torch.relu(x), "aten::relu", []),
    "in a mode for functions": (with_a_constant, "aten::relu", ["relu"]),
    "of C++": (lambda x: F.gelu(x), "aten::gelu", []),
    "one of two": (lambda x: F.max_pool2d(x, 2), "aten::max_pool2d_with_indices", ["max_pool2d"]),
    "a module's": (lambda x: torch.nn.SiLU()(x), "aten::silu", ["silu"]),
    "a method within": (lambda x: F.softmax(x, -1), "aten::_softmax", ["softmax"]),
    "one in another": (
        lambda x: F.upsample(x, (3, 4)),
        "aten::upsample_nearest2d",
        ["interpolate", "upsample"],
    ),
    "one in another, by area": (
        lambda x: F.interpolate(x, (3, 4), mode="area"),
        "aten::_adaptive_avg_pool2d",
        ["adaptive_avg_pool2d", "interpolate"],
    ),
}


@pytest.mark.filterwarnings("ignore:`nn.functional.upsample` is deprecated")
@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("case", ROWS)
def test_inside_which_functions_an_op_ran(case, run):
    function, target, names = ROWS[case]
    model = Fn(lambda me, x: function(x))
    with torch.no_grad():
        report = hookcount.Counter(run=run).count(model, torch.zeros(1, 2, 6, 8))
    ops = [op for each in report.priced.trace.runs for op in each.ops]
    (found,) = (op for op in ops if str(op.call.target).startswith(target.replace("::", ".")))
    assert found.inside == tuple(f"torch.nn.functional.{name}" for name in names)
