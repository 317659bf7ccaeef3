"""The LaTeX table of a report: units, rows, and the whole in the last row."""

import pytest
import torch
from torch import nn

import hookcount
from hookcount.render.paper import paper_of_models


class Net(nn.Module):
    """Two blocks, and a product between them that no module pays."""

    def __init__(self, wide=1000):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(wide, wide, bias=False), nn.ReLU())
        self.last_one = nn.Linear(wide, wide, bias=False)

    def forward(self, x):
        x = self.first(x)
        return self.last_one(x @ x)


def table(report, **options):
    """The rows, as lists of cells."""
    lines = report.to_latex(**options).splitlines()
    return [
        [cell.strip() for cell in line.removesuffix(r"\\").split(" & ")]
        for line in lines
        if line.endswith(r"\\")
    ]


@pytest.fixture
def report():
    with torch.device("meta"):
        return hookcount.count(Net(), torch.zeros(1000, 1000))


def test_millions_of_parameters_and_giga(report):
    """Three products of 1000 * 1000 * 1000 MACs."""
    rows = table(report)
    assert rows[0] == ["Module", "Type", "Output", "Params (M)", "GMACs", "GFLOPs"]
    assert rows[1][3:] == ["", "1.00", "2.00"]
    assert rows[1][0] == "(itself)"
    assert rows[2] == [r"\texttt{first}", "Sequential", "(1000, 1000)", "1.00", "1.00", "2.00"]
    assert rows[3][0] == r"\texttt{last\_one}"
    assert rows[4] == ["Total", "Net", "(1000, 1000)", "2.00", "3.00", "6.00"]
    assert len(rows) == 5


def test_the_work_of_the_rows_sums_to_the_total(report):
    rows = table(report)[1:]
    for column in (3, 4, 5):
        parts = sum(float(row[column] or 0) for row in rows[:-1])
        assert parts == pytest.approx(float(rows[-1][column]), abs=0.02)


def test_deeper(report):
    names = [row[0] for row in table(report, depth=2)]
    assert r"\quad \texttt{0}" in names
    assert len(table(report, depth=0)) == 2


def test_a_small_model_has_a_smaller_unit():
    rows = table(hookcount.count(nn.Linear(30, 20, bias=False), torch.zeros(1, 30)), depth=0)
    assert rows[0][3:] == ["Params", "MACs", "kFLOPs"]
    assert rows[1][3:] == ["600", "600", "1.20"]


def test_a_convention_has_its_column(report):
    found = report.under("torch")
    rows = table(found)
    assert rows[0][4] == "GFLOPs (torch)"
    assert rows[-1][4] == "6.00"
    assert "convention: torch; figure: 6000000000; unit: FLOPs" in found.to_latex()


def test_what_made_the_figures_is_in_the_file(report, tmp_path):
    report.to_latex(tmp_path / "a.tex")
    text = (tmp_path / "a.tex").read_text()
    assert f"% hookcount {hookcount.__version__}, torch {torch.__version__}" in text
    assert "for an input of (1000, 1000)" in text


def test_hostile_names_are_escaped():
    model = nn.Sequential()
    for name in ("100%_$#&{}~^\\", "\\input{/etc/passwd}", "a\n\nb", "x" * 3000):
        model.add_module(name, nn.Linear(4, 4, bias=False))
    text = hookcount.count(model, torch.zeros(1, 4)).to_latex()
    assert "\\input" not in text.replace(r"\textbackslash{}input", "")
    assert "\n\n" not in text
    assert max(map(len, text.splitlines())) < 250


def test_figures_beyond_64_bits():
    with torch.device("meta"):
        model = nn.Linear(2**20, 2**20, bias=False)
        report = hookcount.count(model, torch.empty(2**30, 2**20))
    rows = table(report, depth=0)
    assert rows[1][4] == f"{2**70 / 1e21:.2f}"
    assert rows[0][4] == "ZMACs"


def test_uncounted_work_is_said():
    class Odd(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x)

    with pytest.warns(hookcount.UncountedWarning):
        report = hookcount.count(Odd(), torch.rand(3, 3))
    assert "lower bound" in report.to_latex()


def linear(rows, wide=1000, bias=False):
    with torch.device("meta"):
        return nn.Linear(wide, wide, bias=bias), torch.zeros(rows, wide)


def cells_of(text):
    lines = [line.strip().removesuffix(r"\\") for line in text.splitlines() if line.endswith(r"\\")]
    return [[cell.strip() for cell in line.split(" & ")] for line in lines]


def test_models_are_rows_with_millions_of_parameters_and_giga():
    """1000 rows of 1000 * 1000 MACs, and 2500."""
    frame = hookcount.compare({"a_b": linear(1000), "50%": linear(2500)})
    assert cells_of(paper_of_models(frame)) == [
        ["Model", "Params (M)", "GMACs"],
        [r"a\_b", "1.00", "1.00"],
        [r"50\%", "1.00", "2.50"],
    ]


def test_each_convention_of_models_has_its_unit():
    frame = hookcount.compare({"one": linear(1000)}, ["default", "torch"])
    assert cells_of(paper_of_models(frame)) == [
        ["Model", "Params (M)", "GMACs (default)", "GFLOPs (torch)"],
        ["one", "1.00", "1.00", "2.00"],
    ]


def test_models_too_small_for_millions_have_smaller_units():
    """8 * 8 parameters, 2 * 8 * 8 MACs, and 10 times as much."""
    frame = hookcount.compare({"one": linear(2, 8), "ten": linear(20, 8)})
    assert cells_of(paper_of_models(frame)) == [
        ["Model", "Params", "kMACs"],
        ["one", "64", "0.13"],
        ["ten", "64", "1.28"],
    ]


def test_a_figure_that_a_convention_does_not_give_is_empty():
    frame = hookcount.compare({"one": linear(1000), "two": linear(1000)}, ["default", "thop"])
    frame["thop"] = frame["thop"].astype(object)
    frame.loc[0, "thop"] = None
    assert [row[-1] for row in cells_of(paper_of_models(frame))[1:]] == ["", "1.00"]


def test_a_model_with_uncounted_work_is_named_in_the_caption():
    frame = hookcount.compare({"one": linear(1000), "two": linear(1000)})
    frame["uncounted"] = [0, 1]
    text = paper_of_models(frame)
    assert r"\caption{Some work of two is uncounted: a lower bound.}" in text
