"""Recurrent layers of a shapes-only run as the op that the CPU would take."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import hookcount
from hookcount.observe.shapes_run import recurrent

FUSED = "aten::mkldnn_rnn_layer"
MODES = (torch.enable_grad, torch.no_grad, torch.inference_mode)
STEPS = recurrent.LONG + 13


class Reads(nn.Module):
    """A layer whose input is an activation."""

    def __init__(self, layer):
        super().__init__()
        self.before, self.layer = nn.Linear(4, 4), layer

    def forward(self, x):
        return self.layer(self.before(x))


class Differentiates(Reads):
    """Derivatives by the input, or by the weights of the layer."""

    def __init__(self, layer, by):
        super().__init__(layer)
        self.by = by

    def forward(self, x):
        x = self.before(x).detach().requires_grad_()
        wanted = x if self.by == "input" else list(self.layer.parameters())
        return torch.autograd.grad(self.layer(x)[0].sum(), wanted)


def ops(report):
    """Per run of a module, its ops with their arguments and times."""
    return [
        (run.path, sorted((op.call.target.name(), str(op.call.args), op.times) for op in run.ops))
        for run in report.priced.trace.runs
    ]


def both(model, x):
    """A shapes-only count and one on meta. Both must equal the real one in rows and ops."""
    real = hookcount.Counter(run="real").count(model, x)
    found = hookcount.Counter(run="shapes").count(model, x)
    on_meta = hookcount.count(model.to("meta"), x.to("meta"))
    for each in (found, on_meta):
        assert ops(each) == ops(real)
        assert each.to_dataframe().to_csv() == real.to_dataframe().to_csv()
        for name in ("torch", "fvcore", "thop"):
            assert each.under(name).headline == real.under(name).headline
    return found


LSTMS = {
    "plain": {},
    "deep": {"num_layers": 3, "bidirectional": True, "batch_first": True},
    "without biases": {"bias": False},
    "dropout": {"num_layers": 2, "dropout": 0.5},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("steps", [3, STEPS])
@pytest.mark.parametrize("name", LSTMS)
def test_an_lstm_is_one_op_per_layer_and_direction(name, steps, mode):
    layer = nn.LSTM(4, 6, **LSTMS[name])
    with mode():
        found = both(Reads(layer), torch.ones(steps, 2, 4))
    times = sum(op.times for run in found.priced.trace.runs for op in run.ops if is_fused(op))
    assert times == layer.num_layers * (2 if layer.bidirectional else 1)


def is_fused(op):
    return op.call.target.name() == FUSED


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_the_figure_of_the_tool(dtype):
    """oneDNN has the op for some dtypes. The tool does not see the products inside it."""
    model, x = Reads(nn.LSTM(4, 6)).to(dtype), torch.ones(5, 2, 4, dtype=dtype)
    found = hookcount.count(model, x)
    assert found.run == "shapes"
    with FlopCounterMode(display=False) as tool:
        model(x)
    assert found.under("torch").headline == tool.get_total_flops()
    assert found.macs == 5 * 2 * (4 * 4 + (4 + 6) * 4 * 6)  # nn.Linear, then the gates


@pytest.mark.parametrize("by", ["input", "weights"])
def test_gradients_pass_through_the_op(by):
    model, x = Differentiates(nn.LSTM(4, 6, 2), by), torch.ones(5, 2, 4)
    real = hookcount.Counter(run="real").count(model, x)
    found = hookcount.Counter(run="shapes").count(model, x)
    on_meta = hookcount.count(model.to("meta"), x.to("meta"))
    # forward and two products backward for each layer, of 4 + 6 and of 6 + 6 features
    assert real.macs == 5 * 2 * (4 * 4 + 3 * 4 * 6 * (4 + 6 + 6 + 6))
    for each in (found, on_meta):
        assert each.to_dataframe().to_csv() == real.to_dataframe().to_csv()
        assert each.under("torch").headline == real.under("torch").headline


class Transformed(Reads):
    """``torch.func.grad`` of a layer."""

    def forward(self, x):
        return torch.func.grad(lambda y: self.layer(self.before(y))[0].sum())(x)


class Exported(nn.Module):
    """Calls the op of an LSTM, as an exported program does."""

    def __init__(self):
        super().__init__()
        self.before, self.layer = nn.Linear(4, 4), nn.LSTM(4, 6)

    def forward(self, x):
        weights, state = self.layer._flat_weights, [torch.zeros(1, 2, 6)] * 2
        rest = (True, 1, 0.0, False, False, False)
        return torch.ops.aten.lstm.input(self.before(x), state, weights, *rest)


def test_a_transform_of_the_layer_counts_as_a_real_run():
    x, model = torch.ones(5, 2, 4), Transformed(nn.LSTM(4, 6))
    assert hookcount.count(model, x).total == hookcount.Counter(run="real").count(model, x).total


def test_the_op_of_a_layer_is_followed_too():
    both(Exported(), torch.ones(5, 2, 4))


def test_the_op_is_not_taken_where_it_is_switched_off():
    with torch.backends.mkldnn.flags(enabled=False):
        found = hookcount.count(Reads(nn.LSTM(4, 6)), torch.ones(5, 2, 4))
    assert not any(is_fused(op) for run in found.priced.trace.runs for op in run.ops)
    assert found.under("torch").macs == found.macs
    again = hookcount.count(Reads(nn.LSTM(4, 6)), torch.ones(5, 2, 4))
    assert again.under("torch").macs == 5 * 2 * 4 * 4


def test_a_layer_with_a_projection_runs_in_steps_without_a_warning(recwarn):
    found = hookcount.count(Reads(nn.LSTM(4, 6, proj_size=5)), torch.ones(5, 2, 4))
    assert [str(each.message) for each in recwarn if "oneDNN" in str(each.message)] == []
    # the gates of 4 + 5 features, and the map from 6 to 5
    assert found.macs == found.under("torch").macs == 5 * 2 * (4 * 4 + (4 + 5) * 4 * 6 + 6 * 5)


def test_a_very_long_sequence():
    steps = 10**6
    x = torch.ones(steps, 2, 4, device="meta")
    report = hookcount.count(nn.LSTM(4, 6, device="meta"), x)
    assert report.macs == steps * 2 * (4 + 6) * 4 * 6
    assert report.under("torch").macs == 0
