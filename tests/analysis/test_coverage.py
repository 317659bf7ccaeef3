"""``report.coverage()``: every figure has a source, and they sum to the total."""

import inspect

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, Registry
from hookcount.formulas import BUILTIN

B, N, D = 2, 3, 4


class Scores(nn.Module):
    """One layer, and the rest of the work between layers."""

    def __init__(self):
        super().__init__()
        self.mix, self.never_called, self.flat = nn.Linear(D, D), nn.Linear(D, 5), nn.Flatten()

    def forward(self, x):
        x = torch.relu(self.mix(x))
        scores = x @ x.transpose(1, 2)  # the product
        seen = nn.functional.linear(x, self.never_called.weight)  # the bare weight
        return self.flat(scores), seen


def line_of(text):
    lines, first = inspect.getsourcelines(Scores)
    return f"{__file__}:{first + next(index for index, line in enumerate(lines) if text in line)}"


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_each_figure_has_its_line(run):
    found = hookcount.Counter(run=run).count(Scores(), torch.zeros(B, N, D)).coverage()
    assert [(each.path, each.target, each.ops) for each in found.modules] == [
        ("mix", "Linear", Ops(macs=B * N * D * D, adds=B * N * D))
    ]
    between = {each.line: each for each in found.between}
    assert between[line_of("the product")].ops == Ops(macs=B * N * N * D)
    assert between[line_of("the bare weight")].ops == Ops(macs=B * N * D * 5)
    assert between[line_of("torch.relu")].ops == Ops(compares=B * N * D)
    assert len(between) == 3
    assert (found.macs_of_modules, found.macs_between) == (
        B * N * D * D,
        B * N * N * D + B * N * D * 5,
    )
    assert ("Flatten", "module", 1) in found.free
    assert found.uncounted == ()


def test_the_sources_sum_to_the_report():
    models = pytest.importorskip("torchvision").models
    for name in ("swin_t", "mobilenet_v3_small", "vit_b_32"):
        report = hookcount.count(
            models.get_model(name, weights=None).eval(), torch.zeros(1, 3, 224, 224)
        )
        found = report.coverage()
        assert sum([each.ops for each in (*found.modules, *found.between)], Ops()) == report.total
        frame = found.to_dataframe()
        assert (int(frame["macs"].sum()), int(frame["flops"].sum())) == (report.macs, report.flops)
        assert found.macs_by_layer == {BUILTIN.name: report.macs}


def test_an_unknown_op_is_told_and_has_no_figure(recwarn):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    found = hookcount.count(Odd(), torch.rand(3, 3)).coverage()
    assert [(each.target, each.calls) for each in found.uncounted] == [("aten::linalg_eig", 1)]
    frame = found.to_dataframe()
    assert frame.loc[frame.kind == "uncounted", "macs"].isna().tolist() == [True]
    assert "Uncounted: aten::linalg_eig 1" in str(found)


def test_whose_formula_it_was():
    mine = Registry(name="mine")
    mine.register(Scores, lambda module, x, *, out: Ops(macs=7), covers="own")
    found = hookcount.Counter(registry=mine).count(Scores(), torch.zeros(B, N, D)).coverage()
    assert found.macs_by_layer == {"mine": 7, BUILTIN.name: B * N * D * D}
    assert "by mine" in str(found)


def test_the_text_names_line_op_and_places():
    text = str(hookcount.count(nn.Sequential(Scores()), torch.zeros(B, N, D)).coverage())
    for part in ("test_coverage.py:", "aten::bmm", "Free: ", "Uncounted: nothing"):
        assert part in text
    assert text.splitlines()[0].startswith(f"{B * N * D * D + B * N * N * D + B * N * D * 5} MACs")


def test_a_model_that_does_nothing():
    found = hookcount.count(nn.Identity(), torch.zeros(2)).coverage()
    assert (found.modules, found.between, found.uncounted) == ((), (), ())
    assert found.free == (("Identity", "module", 1),)
    assert "Free: Identity 1" in str(found)


def test_ops_outside_every_module_have_a_line():
    model = nn.Linear(D, D)
    with hookcount.Counter().watch(model) as watch:
        out = model(torch.zeros(B, D))
        torch.mm(out, out.T)
    outside = next(each for each in watch.report().coverage().between)
    assert (outside.path, outside.ops.macs) == ("<outside>", B * B * D)
    assert outside.line.startswith(__file__)
