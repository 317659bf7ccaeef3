"""Models and inputs that are ``FakeTensor``s count as the same ones with values."""

import copy

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

import hookcount


class Ids(nn.Module):
    """Embeddings of ids with positions and a mask, and factory functions in the forward."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(10, 8)
        self.layer = nn.Linear(8, 8)
        self.register_buffer("positions", torch.arange(5))

    def forward(self, ids):
        rows = self.layer(self.words(ids) + self.words(self.positions))
        rows = rows + torch.arange(5, device=ids.device).view(5, 1)
        return rows * (ids > 3).unsqueeze(-1) + torch.ones(8, device=ids.device)


def images():
    return torch.ones(2, 3, 8, 8)


MODELS = {
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5), nn.Dropout(0.5)
        ),
        images,
    ),
    "LSTM": (lambda: nn.LSTM(4, 8, 2), lambda: torch.ones(5, 2, 4)),
    "transformer": (
        lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True),
        lambda: torch.ones(2, 5, 16),
    ),
    "ids": (Ids, lambda: torch.zeros(2, 5, dtype=torch.long)),
}


def figures(report):
    return report.macs, report.flops, report.params, report.uncounted


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
@pytest.mark.parametrize("name", MODELS)
def test_under_the_mode(name, run):
    make, inputs = MODELS[name]
    counter = hookcount.Counter(run=run)
    expected = figures(counter.count(make(), inputs()))
    before = torch.get_rng_state()
    with FakeTensorMode():
        model, x = make(), inputs()
        kept = {key: id(tensor) for key, tensor in model.state_dict(keep_vars=True).items()}
        assert figures(counter.count(model, x)) == expected
        assert figures(counter.count(model, x)) == expected
        assert isinstance(torch.ones(1), FakeTensor)
        assert kept == {key: id(t) for key, t in model.state_dict(keep_vars=True).items()}
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("run", ["auto", "shapes"])
@pytest.mark.parametrize("name", MODELS)
def test_after_the_mode(name, run):
    make, inputs = MODELS[name]
    counter = hookcount.Counter(run=run)
    expected = figures(counter.count(make(), inputs()))
    with FakeTensorMode():
        model, x = make(), inputs()
    assert figures(counter.count(model, x)) == expected


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("fake", ["model", "input", "neither"])
def test_one_of_the_two_is_fake(fake, inside):
    make, inputs = MODELS["convolution"]
    model, x = make(), inputs()
    expected = figures(hookcount.count(copy.deepcopy(model), x))
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        model = make() if fake == "model" else model
        x = inputs() if fake == "input" else x
    for run in ("auto", "shapes", "real"):
        with mode if inside else torch.enable_grad():
            assert figures(hookcount.Counter(run=run).count(model, x)) == expected


def test_a_fake_tensor_that_is_a_plain_attribute():
    class Holds(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = [torch.ones(8, 4)]

        def forward(self, x):
            return x @ self.scale[0]

    with FakeTensorMode():
        model, x = Holds(), torch.ones(3, 8)
    for run in ("auto", "shapes", "real"):
        assert hookcount.Counter(run=run).count(model, x).macs == 3 * 8 * 4


@pytest.mark.parametrize("run", ["auto", "shapes"])
def test_values_that_are_not_there_are_named(run):
    class Reads(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with FakeTensorMode():
        x = torch.ones(3)
        with pytest.raises(hookcount.DataNeededError, match="reads the value"):
            hookcount.Counter(run=run).count(Reads(), x)


def test_a_training_step_of_a_fake_model():
    with FakeTensorMode():
        layer, x = nn.Linear(8, 4, bias=False), torch.ones(3, 8)
        with hookcount.Counter().watch(layer) as watch:
            layer(x).sum().backward()
    assert watch.report().macs == 3 * 8 * 4
    assert isinstance(layer.weight.grad, FakeTensor)
