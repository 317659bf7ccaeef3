"""Tables of a report: figures of any size, and the figure of the convention."""

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops

N = 2**20


class Three(nn.Module):
    """Three layers of 2**39, 2**39 and 2**40 MACs a row."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(N, N // 2, bias=False)
        self.b = nn.Linear(N // 2, N, bias=False)
        self.c = nn.Linear(N, N, bias=False)

    def forward(self, x):
        return self.c(self.b(self.a(x)))


def large(rows):
    with torch.device("meta"):
        model = Three()
    return hookcount.count(model, torch.empty(rows, N, device="meta"))


@pytest.mark.parametrize("rows", [1, 2**21, 2**22, 3 * 2**22, 2**40])
def test_figures_beyond_64_bits_are_exact_in_every_table(rows):
    """With 2**22 rows each layer is below 2**63, and the sum is not."""
    half = rows * N * (N // 2)
    report = large(rows)
    assert report.macs == 4 * half
    frame = report.to_dataframe()
    assert frame["own_macs"].sum() == frame["macs"][0] == 4 * half
    assert frame["own_flops"].sum() == 8 * half
    assert frame["own_figure"].sum() == frame["figure"][0] == 4 * half
    assert frame["own_macs"].tolist() == [0, half, half, 2 * half]
    for by in ("own_macs", "macs", "flops", "figure"):
        assert report.top(1, by=by)["path"].tolist() == (["c"] if by == "own_macs" else [""])
    assert report.by_type()["macs"].sum() == report.by_op()["macs"].sum() == 4 * half
    assert report.by_role()["macs"].sum() == 4 * half
    assert report.coverage().to_dataframe()["flops"].sum() == 8 * half
    compared = hookcount.compare({"one": report, "two": report}, ["default", "torch"])
    assert compared["torch"].sum() == 2 * 8 * half
    assert report.reconcile("torch").to_dataframe()["difference"].sum() == 4 * half


def test_top_names_the_columns_of_large_figures():
    with pytest.raises(hookcount.InputError, match="own_macs, own_flops, macs, flops"):
        large(2**40).top(by="path")


@pytest.mark.parametrize(("convention", "times"), [("default", 1), ("torch", 2), ("thop", 1)])
def test_each_row_has_the_figure_of_the_convention(convention, times):
    """Of a convolution without a bias these count the products, once or twice."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.Conv2d(8, 4, 1, bias=False))
    report = hookcount.count(model, torch.zeros(1, 3, 6, 6)).under(convention)
    first, second = times * 8 * 4 * 4 * 27, times * 4 * 4 * 4 * 8
    frame = report.to_dataframe()
    assert frame["own_figure"].tolist() == [0, first, second]
    assert frame["figure"].tolist() == [first + second, first, second]
    assert report.headline == first + second
    assert frame.attrs["figure"] == first + second
    assert frame.attrs["unit"] == report.unit == ("FLOPs" if times == 2 else "MACs")
    for other in (report.by_type(), report.by_op(), report.by_role()):
        assert other["figure"].sum() == first + second
        assert other.attrs["convention"] == convention


def test_the_figure_weighs_each_kind_of_work():
    mine = hookcount.Convention("mine", "FLOPs", weights={"macs": 2, "adds": 1})
    report = hookcount.count(nn.Linear(8, 4), torch.zeros(2, 8)).under(mine)
    assert report.total == Ops(macs=64, adds=8)
    assert report.to_dataframe()["figure"].tolist() == [2 * 64 + 8]
    assert report.to_dataframe().attrs["convention"] == "mine"
