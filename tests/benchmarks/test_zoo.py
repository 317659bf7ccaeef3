"""``benchmarks/zoo/zoo.py``: its rows say what was found, and its counts are those of others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from zoo import measuring, zoo
from zoo.published import ELSEWHERE, FIGURES, MODULES, Figure
from zoo.rows import Row, made, rows, timm_model


class Scored(nn.Module):
    """A linear layer, attention's two products, and a matrix by a vector.

    ``FlopCounterMode`` leaves the last one out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(6, 8)
        self.score = nn.Parameter(torch.ones(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.project(x)
        return nn.functional.scaled_dot_product_attention(x, x, x)[0].mv(self.score)


LINEAR, ATTENTION, SCORE = 5 * 6 * 8, 2 * 5 * 5 * 8, 5 * 8


def scored(unseen: int) -> Row:
    return Row(
        "scored", made(Scored, ((torch.ones(1, 5, 6),), {})), unseen=unseen, unseen_why="aten::mv"
    )


def test_a_row_has_the_count_and_what_flop_counter_mode_says():
    result = zoo.measured(scored(SCORE))
    assert (result.failed, result.uncounted, result.warnings, result.run) == ("", (), (), "shapes")
    assert (result.given, result.params, result.macs) == (
        "1x5x6",
        6 * 8 + 8 + 8,
        LINEAR + ATTENTION + SCORE,
    )
    assert (result.theirs, result.theirs_how) == (LINEAR + ATTENTION, "meta")
    assert result.equal
    assert result.good


def test_a_row_with_other_macs_than_flop_counter_mode_is_not_good():
    result = zoo.measured(scored(SCORE - 1))
    assert result.equal is False
    assert not result.good


def test_where_flop_counter_mode_cannot_run_a_row_is_beside_what_was_worked_out(monkeypatch):
    monkeypatch.setattr(
        measuring, "by_flop_counter", lambda row, model, given: (None, "cannot run")
    )
    for worked, equal in ((0, None), (LINEAR + ATTENTION + SCORE, True), (LINEAR, False)):
        assert zoo.measured(replace(scored(0), worked=worked)).equal is equal


def test_a_row_that_fails_is_shown_with_its_reason(monkeypatch, capsys):
    def broken() -> nn.Module:
        raise ImportError("no such library")

    monkeypatch.setattr(zoo, "rows", lambda: [scored(SCORE), Row("broken", made(broken, ((), {})))])
    monkeypatch.setattr(zoo.torch, "set_num_threads", lambda threads: None)
    assert zoo.main(["--rst", "scored"]) == 0
    assert zoo.main(["--rst"]) == 1
    shown = capsys.readouterr().out
    assert "broken failed: ``ImportError: no such library``" in shown
    assert "1 of 2 models ran" in shown


def test_results_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "rows", lambda: [scored(SCORE)])
    monkeypatch.setattr(zoo.torch, "set_num_threads", lambda threads: None)
    monkeypatch.setitem(FIGURES, "scored", (Figure("1", "GMACs", "here", MODULES),))
    file = tmp_path / "results"
    zoo.main(["--results", str(file)])
    kept = zoo.recorded(file)["scored"]
    monkeypatch.setattr(zoo, "measured", lambda row: pytest.fail("counted again"))
    zoo.main(["--results", str(file)])
    assert kept.macs == LINEAR + ATTENTION + SCORE
    assert [each.source for each in kept.readings] == ["here"]


def test_a_figure_is_read_by_its_rule_and_in_its_unit():
    report, caught, _ = measuring.counted(Scored(), ((torch.ones(1, 5, 6),), {}), "shapes")
    figure = Figure("0.00000048", "GFLOPs", "here", MODULES)
    assert caught == []
    assert figure.read(report) == pytest.approx(2 * LINEAR / 1e9)
    assert figure.whole(report) == pytest.approx(2 * (LINEAR + ATTENTION + SCORE) / 1e9)
    assert figure.agrees(report)
    assert Figure("0.00000049", "GFLOPs", "here", MODULES).agrees(report)
    assert not Figure("0.00000050", "GFLOPs", "here", MODULES).agrees(report)


def test_every_figure_has_a_row_and_every_row_a_name_of_its_own():
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    assert set(FIGURES) <= set(names)


LIBRARIES = {"rf-detr": "rfdetr"}


def library(name: str) -> str:
    return next(
        (package for start, package in LIBRARIES.items() if name.startswith(start)), "transformers"
    )


def only_in_caches_of_transformers(text):
    """Whether a warning names tensors that transformers keeps in an lru_cache, and no others."""
    holders = [line for line in text.splitlines() if " holds " in line]
    return text.startswith("LeftBehindWarning") and all(
        each.startswith("  the cache of the function `transformers.") for each in holders
    )


@pytest.mark.zoo
@pytest.mark.parametrize(
    "name", [name for name, each in FIGURES.items() if each[0].source == ELSEWHERE]
)
def test_macs_are_those_measured_elsewhere(name):
    pytest.importorskip(library(name))
    row = next(each for each in rows() if each.name == name)
    report, caught, _ = measuring.counted(*row.make("meta"), "shapes")
    assert report.uncounted == ()
    assert [each for each in caught if not only_in_caches_of_transformers(each)] == []
    figure = FIGURES[name][0]
    assert figure.agrees(report), f"{figure.read(report)} for {figure.value} {figure.unit}"


@pytest.mark.zoo
def test_a_draw_has_every_family_of_timm():
    timm = pytest.importorskip("timm")
    drawn = [row.name.removeprefix("timm:") for row in zoo.timm_rows(1)]
    families = {module: set(timm.list_models(module=module)) for module in timm.list_modules()}
    assert all(names & set(drawn) for names in families.values() if names)


@pytest.mark.zoo
def test_a_model_of_timm_is_its_papers_figure():
    pytest.importorskip("timm")
    report, _, _ = measuring.counted(*timm_model("levit_256", zoo.image(224))("meta"), "shapes")
    assert report.macs == pytest.approx(1120e6, rel=0.01)  # https://arxiv.org/abs/2104.01136


@pytest.mark.parametrize("name", [name for name in FIGURES if name.startswith("torchvision:")])
def test_torchvisions_figures_are_those_of_its_weights(name):
    models = pytest.importorskip("torchvision.models")
    (figure,) = FIGURES[name]
    assert float(figure.value) in {
        each.meta["_ops"] for each in models.get_model_weights(name.removeprefix("torchvision:"))
    }
