"""Jagged nested tensors in a model."""

import subprocess
import sys

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


class Layered(nn.Module):
    """A jagged tensor of the inputs, through layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 4, bias=False), nn.GELU(), nn.Linear(4, 2))

    def forward(self, parts):
        rows = torch.nested.nested_tensor(parts, layout=torch.jagged)
        return self.layers(rows).values()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("run", ["auto", "real"])
def test_layers_on_a_jagged_tensor_count_its_rows(run, mode):
    with mode():
        report = hookcount.Counter(run=run).count(Layered(), [torch.ones(3, 8), torch.ones(5, 8)])
    assert report.macs == ROWS * (8 * 4 + 4 * 2)


FIRST = """
import torch, hookcount
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        offsets = torch.tensor([0, 3, 8])
        rows = torch.nested.nested_tensor_from_jagged(self.layer(x), offsets=offsets)
        return rows.values() * 2

print(hookcount.count(Model(), torch.zeros(8, 8)).macs)
"""


def test_the_first_jagged_tensor_of_a_process_is_made_in_a_count():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FIRST], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, [str(ROWS * 8 * 4)]), done.stderr[-500:]
