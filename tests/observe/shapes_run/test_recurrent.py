"""Recurrent layers on shapes. Of a long one a few steps run, and the count is that of all steps."""

import collections
import time

import pytest
import torch
from torch import nn

import hookcount
from hookcount.observe.shapes_run import recurrent

STEPS = recurrent.LONG + 13


class Reads(nn.Module):
    """A recurrent layer whose input is an activation, with work before and after it."""

    def __init__(self, layer, size):
        super().__init__()
        self.before, self.layer, self.after = nn.Linear(4, 4), layer, nn.Linear(size, 3)

    def forward(self, x):
        y, state = self.layer(self.before(x))
        return self.after(y), state


LAYERS = {
    "lstm": (lambda: nn.LSTM(4, 6), 6),
    "gru": (lambda: nn.GRU(4, 6), 6),
    "tanh": (lambda: nn.RNN(4, 6), 6),
    "relu": (lambda: nn.RNN(4, 6, nonlinearity="relu", bias=False), 6),
    "deep": (lambda: nn.LSTM(4, 6, 3, bidirectional=True, batch_first=True), 12),
    "as many layers as short steps": (lambda: nn.GRU(4, 6, 12), 6),
    "projection": (lambda: nn.LSTM(4, 6, 2, proj_size=5), 5),
    "dropout": (lambda: nn.LSTM(4, 6, 2, dropout=0.5), 6),
}


def everything(report):
    """All rows, and how often each op ran in each module."""
    ops = [
        (run.path, str(op.call.target), op.call.args, op.call.kwargs, op.call.out, op.times)
        for run in report.priced.trace.runs
        for op in run.ops
    ]
    return report.to_dataframe().to_csv(), ops


@pytest.mark.parametrize(
    ("batch", "mode"), [(2, torch.enable_grad), (11, torch.no_grad), (1, torch.inference_mode)]
)
@pytest.mark.parametrize("name", LAYERS)
def test_the_same_as_step_by_step(name, batch, mode, monkeypatch):
    make, size = LAYERS[name]
    x = torch.ones(STEPS, batch, 4, device="meta")
    model = Reads(make(), size).to("meta")
    if name == "deep":
        x = x.transpose(0, 1)
    with mode():
        derived = hookcount.count(model, x)
        monkeypatch.setattr(recurrent, "LONG", STEPS)
        each = hookcount.count(model, x)
    rows, ops = everything(derived)
    expected_rows, expected_ops = everything(each)
    assert rows == expected_rows
    assert sorted(map(str, ops)) == sorted(map(str, expected_ops))


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_as_a_real_run(name):
    make, size = LAYERS[name]
    model, x = Reads(make(), size), torch.ones(STEPS, 2, 4)
    if name == "deep":
        x = x.transpose(0, 1)
    shapes, real = hookcount.count(model, x), hookcount.Counter(run="real").count(model, x)
    assert (shapes.run, real.run) == ("shapes", "real")
    assert shapes.to_dataframe().to_csv() == real.to_dataframe().to_csv()


def test_the_product_written_out():
    steps, batch = 100_000, 2
    x = torch.ones(steps, batch, 4, device="meta")
    began = time.perf_counter()
    report = hookcount.count(nn.GRU(4, 6, device="meta"), x)
    assert time.perf_counter() - began < 10
    assert report.macs == steps * batch * (4 + 6) * 3 * 6
    # that tool counts each product of a step, 2 FLOPs a MAC
    assert report.under("torch").macs == report.macs


class Saliency(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(4, 6)

    def forward(self, x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(self.layer(x * 2)[0].sum(), x)[0]


def test_a_backward_pass_through_a_long_layer_runs_each_step(monkeypatch):
    x = torch.ones(STEPS, 2, 4, device="meta")
    model = Saliency().to("meta")
    derived = hookcount.count(model, x)
    monkeypatch.setattr(recurrent, "LONG", STEPS)
    assert everything(derived)[0] == everything(hookcount.count(model, x))[0]
    # forward, and two products of its size backward to the input and to the state
    assert derived.macs > STEPS * 2 * (4 + 6) * 3 * 6


def test_a_long_input_that_has_values():
    x = torch.ones(STEPS, 2, 4)
    model = nn.GRU(4, 6)
    shapes, real = hookcount.count(model, x), hookcount.Counter(run="real").count(model, x)
    assert everything(shapes)[0] == everything(real)[0]
    assert sorted(map(str, everything(shapes)[1])) == sorted(map(str, everything(real)[1]))


@pytest.mark.parametrize(("name", "steps"), [*((name, 3) for name in LAYERS), ("gru", STEPS)])
def test_a_step_of_training_is_that_of_the_cpu(name, steps):
    """There one product makes the inputs of all steps, and one the gradient of its weight."""
    make, size = LAYERS[name]
    x = torch.ones(steps, 2, 4)
    x = x.transpose(0, 1) if name == "deep" else x
    model = Reads(make(), size)
    reports = [
        hookcount.Training(loss=lambda out: out[0].sum(), counter=hookcount.Counter(run=run)).count(
            model, x
        )
        for run in ("shapes", "real")
    ]
    assert [each.run for each in reports] == ["shapes", "real"]
    shapes, real = (each.backward for each in reports)
    found, expected = (
        {(row.path, row.target, row.calls, row.ops) for row in each.records}
        for each in (shapes, real)
    )
    assert found == expected
    assert reports[0].total == reports[1].total


WORKS = ("mm", "addmm", "bmm", "mkldnn_rnn_layer", "add", "add_", "mul", "tanh", "sigmoid", "relu")


def work(report):
    """How often each op with work ran, with the shape of its first result."""
    found = collections.Counter()
    for run in report.priced.trace.runs:
        for op in run.ops:
            name = op.call.target.name().removeprefix("aten::").partition(".")[0]
            if name in WORKS:
                out = op.call.out[0] if isinstance(op.call.out, tuple) else op.call.out
                found[run.path, name, out.shape] += op.times
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [3, STEPS])
@pytest.mark.parametrize("name", LAYERS)
def test_the_ops_are_those_of_the_cpu(name, steps, dtype):
    """So a convention that prices ops, as that of ptflops, has the figure of a real run too."""
    make, size = LAYERS[name]
    x = torch.ones(steps, 2, 4, dtype=dtype)
    model = Reads(make(), size).to(dtype).eval()
    with torch.no_grad():
        shapes = hookcount.Counter(run="shapes").count(model, x)
        real = hookcount.Counter(run="real").count(model, x)
    assert work(shapes) == work(real)
    assert shapes.under("ptflops").headline == real.under("ptflops").headline
