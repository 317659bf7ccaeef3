"""From one convention's figure to another's: the lines sum to the difference, and each is what it says."""

import itertools

import pytest
import torch
from torch import nn

import hookcount
from hookcount.conventions import CONVENTIONS

OUTPUTS = 4 * 6 * 6
CONV = OUTPUTS * 3 * 9


@pytest.fixture
def small():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    return hookcount.count(model, torch.zeros(1, 3, 8, 8))


def test_a_norm_that_the_other_counts(small):
    found = small.reconcile("thop")
    assert (found.start, found.end) == (CONV, CONV + 4 * OUTPUTS)
    assert found.lines == (("BatchNorm2d", "counted at 4 per output element", 4 * OUTPUTS),)


def test_a_multiply_accumulate_that_counts_twice(small):
    found = small.reconcile("torch")
    assert found.lines == (("a multiply-accumulate", "counted as 2, not 1", CONV),)


def test_what_the_other_does_not_see():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x):
            return self.linear(x) @ x.T

    report = hookcount.count(Block(), torch.zeros(2, 8))
    assert report.reconcile("thop").lines == (("aten::mm", "not seen", -2 * 8 * 2),)
    back = report.under("thop").reconcile("default")
    assert back.lines == (("aten::mm", "seen there alone", 2 * 8 * 2),)


def test_a_bias():
    report = hookcount.count(nn.Linear(8, 4), torch.zeros(2, 8))
    biased = hookcount.Convention("biased", weights={"macs": 1, "adds": 1})
    assert report.reconcile(biased).lines == (("Linear", "bias counted", 2 * 4),)


def test_the_biggest_line_is_first(small):
    lines = small.reconcile("textbook").lines
    sizes = [abs(line.difference) for line in lines]
    assert len(sizes) > 2
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "vit_b_32", "swin_t", "convnext_tiny", "googlenet"])
def test_lines_sum_to_the_difference_between_every_two_conventions(name):
    models = pytest.importorskip("torchvision").models
    with torch.device("meta"):
        model = models.get_model(name, **({"init_weights": False} if name == "googlenet" else {})).eval()
    report = hookcount.count(model, torch.zeros(1, 3, 224, 224, device="meta"))
    reports = [report.under(each) for each in CONVENTIONS]
    for start, end in itertools.permutations(reports, 2):
        found = start.reconcile(end.convention)
        assert found.start == start.headline
        assert found.end == end.headline
        assert sum(line.difference for line in found.lines) == end.headline - start.headline


def test_a_published_figure_with_an_honest_residual(small):
    found = small.reconcile(2 * CONV + 5)
    assert found.end == 2 * CONV + 5
    assert sum(line.difference for line in found.lines) == CONV + 5
    assert [line.difference for line in found.lines if line.what == "residual"] == [5]


def test_as_a_table_and_as_text(small):
    found = small.reconcile("thop")
    frame = found.to_dataframe()
    assert frame.values.tolist() == [["BatchNorm2d", "counted at 4 per output element", 4 * OUTPUTS]]
    assert frame.attrs == {"start": CONV, "end": CONV + 4 * OUTPUTS}
    first, line, last = str(found).splitlines()
    assert first.split() == ["default,", "MACs", f"{CONV:,}"]
    assert "BatchNorm2d: counted at 4 per output element" in line
    assert f"+{4 * OUTPUTS}" in line
    assert last.split() == ["thop,", "MACs", f"{CONV + 4 * OUTPUTS:,}"]


def test_which_convention_a_figure_was_counted_by():
    """A norm of 10 million elements beside a product of 1000 million: 4 per element is told from 2, and 2 x MACs from MACs."""
    model = nn.Sequential(nn.Linear(1000, 1000), nn.LayerNorm(1000))
    report = hookcount.count(model, torch.zeros(1000, 1000, device="meta"))
    macs, elements = 10**9, 10**6
    nearest = report.match(macs + 4 * elements)
    assert {each.convention.name for each in nearest if each.off == 0} == {"thop", "ultralytics"}
    double = report.match(2 * macs)
    assert (2, "default") in {(each.times, each.convention.name) for each in double}
    assert (1, "torch") in {(each.times, each.convention.name) for each in double}
    assert [abs(each.off) for each in double] == sorted(abs(each.off) for each in double)
    assert report.match(5 * macs) == ()


def test_modules_only_is_told_from_all():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(100, 100)

        def forward(self, x):
            return self.linear(x) @ x.T

    report = hookcount.count(Block(), torch.zeros(50, 100))
    found = report.match(2 * 50 * 100 * 100)
    assert (2, "modules only") in {(each.times, each.convention.name) for each in found}
    assert (2, "default") not in {(each.times, each.convention.name) for each in found}


@pytest.mark.parametrize("figure", [0, -1, float("nan")])
def test_what_is_no_figure(small, figure):
    with pytest.raises(hookcount.InputError, match="To fix it"):
        small.match(figure)
