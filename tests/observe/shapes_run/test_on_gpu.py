"""The path of a GPU, found on a machine without one: the model only claims to be there.

``tests/gpu/`` holds the same against real runs. The names of the ops are those of such runs.
"""

import collections

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hookcount import Counter, DataNeededError, Training
from hookcount.observe.shapes_run import cudnn_recurrent
from hookcount.observe.shapes_run.data import Data, device_of

HAS_CUDNN = torch.backends.cudnn.is_available()
HAS_RMS_NORM = hasattr(torch.ops.aten, "_fused_rms_norm")


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch):
    monkeypatch.setattr(Data, "placed", torch.device("cuda", 0))
    monkeypatch.setattr(cudnn_recurrent, "_ACCEPTABLE", lambda tensor: tensor.is_cuda)


def ops_of(report, *phases):
    found = collections.Counter()
    for run in report.priced.trace.runs:
        for each in run.ops:
            if run.phase in phases:
                found[str(each.call.target).removeprefix("aten.").partition(".")[0]] += each.times
    return found


def forward_ops(model, *args):
    report = Counter(run="shapes").count(model, *args)
    return ops_of(report, "forward")


def backward_ops(model, *args):
    report = Training(counter=Counter(run="shapes")).count(model, *args)
    assert report.step.uncounted == ()
    return ops_of(report, "backward")


NORM = "cudnn_batch_norm" if HAS_CUDNN else "native_batch_norm"
RMS = "_fused_rms_norm" if HAS_RMS_NORM else "rsqrt"
FUSED = {
    "batch norm": (nn.BatchNorm2d(4), (2, 4, 6, 6), NORM, f"{NORM}_backward"),
    "instance norm": (
        nn.InstanceNorm2d(4, affine=True),
        (2, 4, 6, 6),
        NORM,
        f"{NORM}_backward",
    ),
    "dropout": (nn.Dropout(0.1), (2, 4), "native_dropout", "native_dropout_backward"),
    "RMS norm": (
        nn.RMSNorm(4),
        (2, 4),
        RMS,
        f"{RMS}_backward" if HAS_RMS_NORM else "mul",
    ),
    "LSTM cell": (
        nn.LSTMCell(4, 6),
        (2, 4),
        "_thnn_fused_lstm_cell",
        "_thnn_fused_lstm_cell_backward_impl",
    ),
    "GRU cell": (
        nn.GRUCell(4, 6),
        (2, 4),
        "_thnn_fused_gru_cell",
        "_thnn_fused_gru_cell_backward",
    ),
    "LSTM": (nn.LSTM(4, 6, 2, bidirectional=True), (5, 2, 4), "_cudnn_rnn", "_cudnn_rnn_backward"),
    "projections": (nn.LSTM(4, 6, proj_size=3), (5, 2, 4), "_cudnn_rnn", "_cudnn_rnn_backward"),
    "GRU": (nn.GRU(4, 6, batch_first=True), (5, 2, 4), "_cudnn_rnn", "_cudnn_rnn_backward"),
    "RNN": (nn.RNN(4, 6, bias=False), (5, 2, 4), "_cudnn_rnn", "_cudnn_rnn_backward"),
}


class Of(nn.Module):
    """A layer on an activation, or on the input."""

    def __init__(self, layer, first):
        super().__init__()
        self.layer, self.first = layer, first

    def forward(self, x):
        out = self.layer(x if self.first else x * 1)
        return out if isinstance(out, torch.Tensor) else out[0]


@pytest.mark.parametrize("name", FUSED)
def test_layers_run_as_one_op(name):
    layer, shape, op, gradient = FUSED[name]
    x = torch.randn(shape, requires_grad=True)
    assert forward_ops(Of(layer, first=False), x)[op] == 1
    for first in (False, True):
        assert backward_ops(Of(layer, first), x)[gradient] >= 1


@pytest.mark.parametrize("name", [each for each in FUSED if each != "RMS norm"])
def test_outputs_have_the_shapes_and_strides_of_the_layer(name):
    layer, shape, *_ = FUSED[name]
    seen = []

    class Looks(Of):
        def forward(self, x):
            out = super().forward(x)
            seen.append((out.shape, out.dtype))
            return out

    model = Looks(layer, first=False)
    model(torch.randn(shape))
    Counter(run="shapes").count(model, torch.randn(shape))
    assert seen[0] == seen[1]


def test_inference_mode():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    with torch.inference_mode():
        found = forward_ops(model, torch.randn(2, 4, requires_grad=False))
    assert found["native_dropout"] == 1


def test_what_runs_nothing_on_a_gpu():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0), nn.Dropout(0.5).eval())
    assert forward_ops(model, torch.randn(2, 4))["native_dropout"] == 0


def test_cudnn_switched_off():
    with torch.backends.cudnn.flags(enabled=False):
        found = forward_ops(Of(nn.BatchNorm2d(4), first=False), torch.randn(2, 4, 6, 6))
    assert found["native_batch_norm"] == 1


def test_packed_sequences():
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 3, 4), [5, 4, 1])
    report = Training(counter=Counter(run="shapes")).count(nn.LSTM(4, 6), packed)
    steps = 5 + 4 + 1
    assert report.macs == steps * 4 * 6 * (4 + 6)
    assert report.backward.macs == 2 * report.macs
    assert ops_of(report, "forward")["_cudnn_rnn"] == 1


@pytest.mark.parametrize("activation", [False, True])
def test_packed_sequences_of_an_activation(activation):
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.GRU(4, 6)

        def forward(self, packed):
            if activation:
                packed = packed._replace(data=packed.data * 1)
            return self.layer(packed)[0].data

    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(5, 3, 4), [5, 4, 1])
    report = Counter(run="shapes").count(Packed(), packed)
    assert report.macs == 10 * 3 * 6 * (4 + 6)
    assert ops_of(report, "forward")["_cudnn_rnn"] == 1


def test_an_error_is_that_of_the_model():
    class Wrong(nn.Module):
        def forward(self, x):
            return F.batch_norm(x * 1, torch.ones(3), torch.ones(4), training=True)

    with pytest.raises(RuntimeError, match="running_mean"):
        Counter(run="shapes").count(Wrong(), torch.randn(2, 4, 6, 6))


def test_the_rows_of_a_cpu():
    """The prices of a layer are those of its formula, whichever op it runs as."""
    for layer, shape, *_ in FUSED.values():
        if isinstance(layer, nn.Dropout):
            continue
        found = Counter(run="shapes").count(layer, torch.randn(shape))
        real = Counter(run="real").count(layer, torch.randn(shape))
        assert found.records == real.records


def test_the_device_of_a_model():
    lengths, x = torch.ones(3, dtype=torch.long), torch.ones(3, device="meta")
    assert device_of([x]) is None
    assert device_of([x, lengths]) == torch.device("cpu")


@pytest.mark.skipif(not HAS_RMS_NORM, reason="this torch has no op for it")
def test_a_gradient_of_a_gradient_of_an_rms_norm_runs_for_real():
    class Penalised(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.RMSNorm(4)

        def forward(self, x):
            (gradient,) = torch.autograd.grad(self.norm(x * 1).sum(), x, create_graph=True)
            return gradient.square().sum()

    x = torch.randn(2, 4, requires_grad=True)
    with pytest.raises(DataNeededError, match="RMS norm is itself differentiated"):
        Counter(run="shapes").count(Penalised(), x)
    assert Counter().count(Penalised(), x).run == "real"
