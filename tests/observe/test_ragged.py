"""Jagged nested tensors in a model."""

import pytest
import torch
from torch import nn

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
ROWS = 3 + 5


class Ragged(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        offsets = torch.tensor([0, 3, 8])
        return torch.nested.nested_tensor_from_jagged(self.layer(x), offsets=offsets)


class Functional(nn.Module):
    """A product that no module's formula pays for."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 8))

    def forward(self, parts):
        rows = torch.nested.nested_tensor(parts, layout=torch.jagged)
        return nn.functional.linear(rows, self.weight)


@pytest.mark.parametrize("run", ["auto", "real"])
def test_a_jagged_tensor_made_of_an_activation(run):
    report = hookcount.Counter(run=run).count(Ragged(), torch.ones(ROWS, 8))
    assert report.macs == ROWS * 8 * 4


@pytest.mark.parametrize("run", ["auto", "real"])
def test_an_op_on_a_jagged_tensor_counts_its_rows_without_padding(run):
    parts = [torch.ones(3, 8), torch.ones(5, 8)]
    assert hookcount.Counter(run=run).count(Functional(), parts).macs == ROWS * 8 * 4


@pytest.mark.parametrize("run", ["auto", "real"])
def test_a_jagged_input_and_a_backward_pass_of_it(run):
    x = torch.nested.nested_tensor([torch.ones(3, 8), torch.ones(5, 8)], layout=torch.jagged)
    layer = nn.Sequential(nn.Linear(8, 4, bias=False), nn.ReLU())
    assert hookcount.Counter(run=run).count(layer, x).macs
    with hookcount.Counter().watch(layer) as watch:
        layer(x).values().sum().backward()
    assert watch.report().macs
    assert layer[0].weight.grad.shape == (4, 8)
