"""Code that branches on the device of a tensor."""

import warnings

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, Registry

LIBRARY = torch.library.Library("hookcount_paths", "DEF")
for name in ("fused", "anywhere"):
    LIBRARY.define(f"{name}(Tensor x, Tensor w) -> Tensor")
    LIBRARY.impl(name, lambda x, w: x.new_empty(x.shape[0], w.shape[1]), "Meta")
LIBRARY.impl("fused", lambda x, w: x @ w, "CUDA")
LIBRARY.impl("anywhere", lambda x, w: x @ w, "CompositeExplicitAutograd")
MINE = torch.ops.hookcount_paths
X = torch.ones(2, 8)


class Branches(nn.Module):
    """The product of its input with a weight, by a fused op where the device is no CPU."""

    def __init__(self, op, also=None):
        super().__init__()
        self.weight, self.op, self.also = nn.Parameter(torch.ones(8, 4)), op, also

    def forward(self, x):
        x = x * 2
        y = x @ self.weight if x.device.type == "cpu" else self.op(x, self.weight)
        return y if self.also is None else self.also(y)


def count(model, run="auto", registry=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = hookcount.Counter(registry, run=run).count(model, X)
    return report, "".join(str(each.message) for each in caught)


def test_auto_tries_the_real_run_where_no_kernel_of_the_device_could_have_run():
    report, text = count(Branches(MINE.fused))
    assert (report.run, report.total, report.uncounted) == (
        "real",
        Ops(macs=2 * 8 * 4, muls=2 * 8),
        (),
    )
    assert text == ""


def test_a_run_on_shapes_stays_one_and_says_so():
    report, text = count(Branches(MINE.fused), "shapes")
    assert (report.run, report.macs) == ("shapes", 0)
    assert "hookcount_paths::fused has no formula" in text
    assert "hookcount.Counter(run='real')" in text


def test_where_the_device_has_a_kernel_too_the_warning_says_what_to_try():
    report, text = count(Branches(MINE.anywhere))
    assert (report.run, report.macs) == ("shapes", 0)
    assert "the device of a tensor is 'meta'" in text
    assert "hookcount.Counter(run='real')" in text
    assert count(Branches(MINE.anywhere), "real")[0].macs == 2 * 8 * 4


def test_without_values_there_is_no_real_run():
    with pytest.warns(hookcount.UncountedWarning, match="hookcount_paths::fused"):
        report = hookcount.count(Branches(MINE.fused).to("meta"), X.to("meta"))
    assert report.run == "shapes"


def also_unpriced(y):
    return MINE.fused(y, y.new_ones(4, 4))


def test_where_the_real_run_fails_the_shapes_stand():
    report, text = count(Branches(MINE.fused, also_unpriced))
    assert report.run == "shapes"
    assert "hookcount_paths::fused has no formula: 2 calls" in text


@pytest.mark.parametrize("target", ["hookcount_paths::fused", Branches])
def test_what_a_formula_pays_for_needs_no_other_run(target):
    registry = Registry()
    registry.register(target, lambda out: Ops(macs=8 * out.numel()))
    report, text = count(Branches(MINE.fused), registry=registry)
    assert (report.run, report.macs, text) == ("shapes", 2 * 8 * 4, "")
