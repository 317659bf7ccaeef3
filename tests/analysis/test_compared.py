"""The plot of ``compare``."""

import copy
import io
import pickle
import re

import pandas as pd
import pytest
import torch
from helpers.pictured import EACH, counted
from rich.console import Console
from torch import nn

import hookcount
from hookcount.conventions import CONVENTIONS
from hookcount.core.ops import Ops
from hookcount.core.units import si
from hookcount.tables.grid import table

pytest.importorskip("plotly")

X = torch.zeros(2, 8)


def compared(conventions=("default", "torch"), names=("one", "two")):
    models = {name: (nn.Linear(8, 4 + place), X) for place, name in enumerate(names)}
    return hookcount.compare(models, conventions)


def test_a_bar_for_each_model_and_a_panel_for_each_unit():
    figure = compared().plot()
    assert [trace.name for trace in figure.data] == [
        "default (MACs)",
        "torch (FLOPs)",
        "parameters",
    ]
    assert figure.data[0].x == (2 * 8 * 4, 2 * 8 * 5)
    assert figure.data[1].x == (2 * 2 * 8 * 4, 2 * 2 * 8 * 5)
    assert figure.data[2].x == (8 * 4 + 4, 8 * 5 + 5)
    assert [trace.xaxis for trace in figure.data] == ["x", "x2", "x3"]
    assert figure.layout.yaxis.ticktext == ("one&nbsp;", "two&nbsp;")
    assert figure.layout.title.text.startswith("2 models side by side")
    assert compared().plot(title="mine").layout.title.text.startswith("mine")
    assert figure.data[0].hovertext[0].endswith(f"{2 * 8 * 4} MACs")


def test_hostile_names():
    figure = compared(names=("<b>x</b>", "n" * 3000, "n" * 2999 + "m")).plot()
    ticks = figure.layout.yaxis.ticktext
    assert len(set(ticks)) == 3
    assert not any("<" in each for each in ticks)
    assert max(map(len, ticks)) < 60


BAD, BIG = hookcount.Registry(), hookcount.Registry()


@BAD.register(nn.Linear)
def fails(module, out):
    raise ValueError("no")


@BIG.register(nn.Linear)
def big(module, out):
    return Ops(macs=10**22 + 1)


def test_a_convention_that_fails_has_no_bar():
    convention = hookcount.Convention("bad", formulas=BAD)
    figure = hookcount.compare({"one": (nn.Linear(8, 4), X)}, ["default", convention]).plot()
    assert [len(trace.x) for trace in figure.data] == [1, 0, 1]


def test_figures_beyond_2_63():
    convention = hookcount.Convention("big", formulas=BIG)
    figure = hookcount.compare({"one": (nn.Linear(8, 4), X)}, convention).plot()
    assert f"{10**22 + 1:,} MACs" in figure.data[0].hovertext[0]
    figure.to_json()


def test_it_is_a_frame_like_any_other():
    frame = compared()
    assert isinstance(frame, pd.DataFrame)
    assert type(frame["model"]) is pd.Series
    for made in (copy.deepcopy(frame), pickle.loads(pickle.dumps(frame))):
        pd.testing.assert_frame_equal(made, frame)
        assert made.plot().data[0].x == frame.plot().data[0].x
    assert frame.plot.barh.__self__.__class__.__name__ == "PlotAccessor"
    with pytest.raises(AttributeError):
        frame.plot._nothing  # noqa: B018


def test_rows_and_columns_of_it_are_drawn_too():
    frame = compared()
    last = frame.sort_values("default", ascending=False).head(1)
    assert last.plot().data[0].x == (2 * 8 * 5,)
    assert len(frame[["model", "torch"]].plot().data) == 1


def test_the_plots_of_pandas_are_there_by_their_arguments():
    frame = compared()
    figure = frame.plot(kind="bar", x="model", y="default", backend="plotly", title="t")
    assert figure.layout.title.text == "t"
    assert figure.data[0].type == "bar"


def test_no_models_cannot_be_drawn():
    with pytest.raises(hookcount.InputError, match="there is no model"):
        hookcount.compare({}).plot()


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("models", [1, 3, 12])
def test_all_conventions_are_read_in_a_narrow_terminal(width, models):
    """Each convention has its name, and each figure of each model all its digits."""
    names = [each for each in EACH if ":" not in each][:models]
    frame = hookcount.compare({name: counted(name) for name in names}, list(CONVENTIONS))
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(table(frame, turned=True))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert not any("…" in each and each[0].isdigit() for each in words)
    assert {*names, *CONVENTIONS} <= set(words)
    for name in CONVENTIONS:
        texts = ["-" if each is None else si(each) for each in frame[name]]
        if models <= 3:  # so many that each convention is a row
            (row,) = [line for line in lines if line.split()[:1] == [name]]
            assert re.split("  +", row.strip())[1:] == texts
        else:
            assert all(text in " ".join(words) for text in texts)
