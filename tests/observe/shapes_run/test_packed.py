"""Packed sequences on shapes: the lengths are real, and the rows are those of a real run."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import hookcount
from hookcount import Counter, DataNeededError, Training

STEPS, WIDTH, HIDDEN = (1, 5, 4), 12, 16
KINDS = {
    "LSTM": (nn.LSTM, {}, 4),
    "LSTM, batch first": (nn.LSTM, {"batch_first": True}, 4),
    "LSTM without biases": (nn.LSTM, {"bias": False}, 4),
    "GRU": (nn.GRU, {}, 3),
    "RNN": (nn.RNN, {"nonlinearity": "relu"}, 1),
}


class Reader(nn.Module):
    """Packs an activation and pads the result."""

    def __init__(self, kind, **options):
        super().__init__()
        self.linear, self.layer = nn.Linear(WIDTH, WIDTH), kind(WIDTH, HIDDEN, **options)
        self.batch_first = options.get("batch_first", False)

    def forward(self, x, lengths, enforce_sorted=False):
        options = {"batch_first": self.batch_first, "enforce_sorted": enforce_sorted}
        packed = pack_padded_sequence(self.linear(x), lengths, **options)
        return pad_packed_sequence(self.layer(packed)[0], batch_first=self.batch_first)[0]


def sequences(model):
    x = torch.randn(max(STEPS), len(STEPS), WIDTH)
    return x.transpose(0, 1) if model.batch_first else x


@pytest.mark.parametrize("name", KINDS)
def test_the_products_are_those_of_the_steps(name):
    kind, options, gates = KINDS[name]
    model = Reader(kind, **options)
    x, lengths = sequences(model), torch.tensor(STEPS)
    padded = max(STEPS) * len(STEPS)
    products = padded * WIDTH * WIDTH + sum(STEPS) * gates * HIDDEN * (WIDTH + HIDDEN)
    shapes = Counter(run="shapes").count(model, x, lengths)
    real = Counter(run="real").count(model, x, lengths)
    assert shapes.macs == products
    assert shapes.records == real.records


@pytest.mark.parametrize("name", KINDS)
def test_a_training_step_has_the_rows_of_a_real_one(name):
    kind, options, _ = KINDS[name]
    model = Reader(kind, **options)
    x, lengths = sequences(model), torch.tensor(STEPS)
    shapes, real = (
        Training(counter=Counter(run=run)).count(model, x, lengths) for run in ("shapes", "real")
    )
    assert shapes.step.records == real.step.records
    assert shapes.step.uncounted == ()


def test_other_lengths_are_other_work():
    counter, model = Counter(run="shapes"), Reader(nn.LSTM)
    x = sequences(model)
    found = [
        counter.count(model, x, torch.tensor(lengths))["layer"].macs
        for lengths in ((5, 4, 1), (5, 5, 5), (5, 4, 1))
    ]
    each = 4 * HIDDEN * (WIDTH + HIDDEN)
    assert found == [10 * each, 15 * each, 10 * each]


def test_a_model_on_meta():
    with torch.device("meta"):
        model = Reader(nn.GRU)
    report = hookcount.count(model, sequences(model).to("meta"), torch.tensor(STEPS))
    assert report["layer"].macs == sum(STEPS) * 3 * HIDDEN * (WIDTH + HIDDEN)


def test_lengths_that_come_from_data():
    class Measures(Reader):
        def forward(self, x, lengths):
            return super().forward(x, (x[..., 0] > -100).sum(0).clamp(max=4))

    model = Measures(nn.LSTM)
    x = sequences(model)
    with pytest.raises((DataNeededError, RuntimeError)):
        Counter(run="shapes").count(model, x, None)
    report = hookcount.count(model, x, None)
    assert report.run == "real"
    assert report["layer"].macs == 12 * 4 * HIDDEN * (WIDTH + HIDDEN)


@pytest.mark.parametrize("lengths", [(1, 5, 4), (5, 4, 0), (6, 4, 1), (5, 4)])
def test_lengths_that_torch_refuses(lengths):
    model = Reader(nn.LSTM)
    x = sequences(model)
    with pytest.raises(RuntimeError) as plain:
        model(x, torch.tensor(lengths), enforce_sorted=True)
    with pytest.raises(RuntimeError) as counted:
        hookcount.count(model, x, torch.tensor(lengths), enforce_sorted=True)
    assert str(counted.value) == str(plain.value)
