"""Packed sequences under ``thop`` and ``ultralytics``: each tool has a rule of its own."""

import pytest
import torch
from torch import nn
from torch.nn.utils import rnn

import hookcount
from hookcount.conventions import CONVENTIONS


class Packs(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x, lengths):
        packed = rnn.pack_padded_sequence(x, lengths, self.layers.batch_first, False)
        return self.layers(packed)[0].data


def figure(name, layers, lengths):
    size = (len(lengths), max(lengths), 8)
    x = torch.zeros(size) if layers.batch_first else torch.zeros(size).transpose(0, 1)
    return hookcount.count(Packs(layers), x, torch.tensor(lengths)).under(name).headline


def padded(name, layers, lengths):
    """The figure for the padded rectangle as a plain tensor."""
    size = (len(lengths), max(lengths), 8)
    x = torch.zeros(size) if layers.batch_first else torch.zeros(size).transpose(0, 1)
    return hookcount.count(layers, x).under(name).headline


def test_figures_that_the_tools_print():
    """thop 0.1.1 and ultralytics-thop, for an LSTM from 8 to 16 on lengths 5 and 3."""
    layers = nn.LSTM(8, 16, batch_first=True)
    # a step: 4 * 16 * (8 + 16) products, and 4 * 16 sums, 4 * 16 ops of states, 8 * 16 biases
    step = 4 * 16 * (8 + 16) + 4 * 16 + 4 * 16 + 8 * 16
    assert (2 * 5 * step, (5 + 3) * step) == (17920, 14336)
    assert figure("thop", layers, [5, 3]) == 2 * 5 * step
    assert figure("ultralytics", layers, [5, 3]) == (5 + 3) * step


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(
    "layers",
    [
        nn.RNN(8, 5),
        nn.GRU(8, 5, num_layers=2, bidirectional=True),
        nn.LSTM(8, 5, num_layers=3, bias=False, batch_first=True),
        nn.LSTM(8, 5, proj_size=3, bidirectional=True),
    ],
)
@pytest.mark.parametrize("lengths", [[4], [2, 6, 1, 6], [3, 3]])
def test_thop_counts_the_rectangle_and_ultralytics_the_steps(layers, lengths):
    rectangle = len(lengths) * max(lengths)
    assert figure("thop", layers, lengths) == padded("thop", layers, lengths)
    assert figure("ultralytics", layers, lengths) * rectangle == sum(lengths) * padded(
        "ultralytics", layers, lengths
    )


def test_every_convention_gives_a_figure():
    layers = nn.LSTM(8, 16, batch_first=True)
    report = hookcount.count(Packs(layers), torch.zeros(2, 5, 8), torch.tensor([5, 3]))
    frame = report.by_convention()
    assert frame["convention"].tolist() == list(CONVENTIONS)
    assert frame.columns.tolist() == ["convention", "unit", "figure", "exact", "mirrors"]
    assert dict(zip(frame["convention"], frame["figure"], strict=True))["thop"] == 17920
