"""A count runs a parametrization as often as a plain forward does, and its figures are right."""

import gc
import random
import weakref
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import hookcount

CONV = 2 * 3 * 8 * 9 * 9 * 8  # batch, kernel, channels in and out, positions
"""MACs of ``conv()``: [2, 8, 9, 9] with 3 x 1 windows padded to keep the size."""


CALLS = []
"""A global variable, as a count puts back the data of classes."""


class Noisy(nn.Module):
    """Notes its calls, draws random numbers, and prints."""

    def forward(self, weight):
        CALLS.append(1)
        random.random()
        print("noise")
        return weight + torch.randn(()).abs()


class Tiles(nn.Module):
    """Makes a weight of another shape, as ``unsafe=True`` allows."""

    def forward(self, weight):
        return weight.repeat(2, 1, 1, 1)


def conv(out=8, bias=True):
    return nn.Conv2d(8, out, (3, 1), padding=(1, 0), bias=bias)


IMAGES = torch.zeros(2, 8, 9, 9)


@pytest.mark.parametrize("run", ["shapes", "real", "auto"])
def test_a_parametrization_runs_as_often_as_in_a_forward(run, capsys):
    model = nn.Sequential(conv(), conv())
    for each in model:
        parametrize.register_parametrization(each, "weight", Noisy())
    CALLS.clear()
    model(IMAGES)
    plain = len(CALLS)
    assert plain == 2
    str(hookcount.count(conv(), IMAGES))  # rich draws a random number when it is imported
    capsys.readouterr()
    CALLS.clear()
    report = hookcount.Counter(run=run).count(model, IMAGES)
    assert len(CALLS) == plain
    drawn = torch.get_rng_state(), random.getstate()
    assert capsys.readouterr().out == "noise\n" * plain
    # reading the report runs nothing either
    report.to_dataframe()
    str(report)
    for convention in ("torch", "thop", "fvcore", "torchinfo", "ultralytics"):
        str(report.under(convention))
    assert len(CALLS) == plain
    assert capsys.readouterr().out == ""
    assert torch.equal(drawn[0], torch.get_rng_state())
    assert drawn[1] == random.getstate()
    assert report.macs == 2 * CONV


def test_the_shape_is_that_which_the_forward_read():
    layer = conv(out=4)
    parametrize.register_parametrization(layer, "weight", Tiles(), unsafe=True)
    layer.bias = None
    assert layer(IMAGES).shape == (2, 8, 9, 9)
    for run in ("shapes", "real"):
        assert hookcount.Counter(run=run).count(layer, IMAGES).macs == CONV


def test_inside_cached_the_kept_tensor_is_read():
    layer = conv(out=4)
    parametrize.register_parametrization(layer, "weight", Tiles(), unsafe=True)
    layer.bias = None
    with parametrize.cached():
        layer(IMAGES)
        assert hookcount.Counter(run="real").count(layer, IMAGES).macs == CONV


MADE = {
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "orthogonal": parametrizations.orthogonal,
}
LAYERS = {
    "linear": (lambda: nn.Linear(6, 6), torch.zeros(2, 6), 2 * 6 * 6),
    "conv": (conv, IMAGES, CONV),
}


@pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("name", MADE)
def test_torchs_own_parametrizations(name, layer):
    make, x, macs = LAYERS[layer]
    model = MADE[name](make())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    report = hookcount.count(model, x)
    record = next(each for each in report.records if each.path == "")
    assert record.ops.macs == macs
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def attention():
    return nn.MultiheadAttention(8, 2, batch_first=True)


KINDS = {
    "linear": (lambda: MADE["weight_norm"](nn.Linear(6, 6)), (torch.zeros(2, 6),)),
    "conv": (lambda: MADE["spectral_norm"](conv()), (IMAGES,)),
    "orthogonal": (lambda: MADE["orthogonal"](nn.Linear(6, 6)), (torch.zeros(2, 6),)),
    "bilinear": (
        lambda: MADE["weight_norm"](nn.Bilinear(3, 4, 5)),
        (torch.zeros(2, 3), torch.zeros(2, 4)),
    ),
    "lstm": (lambda: nn.LSTM(3, 4), (torch.zeros(5, 1, 3),)),
    "attention": (attention, (torch.zeros(1, 5, 8),) * 3),
}
AROUND = {
    "nothing": nullcontext,
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "device": lambda: torch.device("meta"),
}


@pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
@pytest.mark.parametrize("one", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("around", AROUND)
def test_a_count_in_a_mode_breaks_no_later_one(around, kind, one):
    from hookcount.observe import meta_copies

    make, args = KINDS[kind]
    model = make()
    expected = hookcount.count(make(), *args).macs
    for first in (AROUND[around], nullcontext):
        meta_copies._made.clear()
        counter = hookcount.Counter()
        for mode in (first, nullcontext, AROUND[around], nullcontext):
            counter = counter if one else hookcount.Counter()
            with mode():
                report = counter.count(model, *args)
            assert report.macs == expected
            assert not any(each.is_inference() for each in meta_copies._made.values())


def test_a_count_inside_a_transform_leaves_no_wrapped_tensor():
    from hookcount.observe import meta_copies

    meta_copies._made.clear()
    model = nn.Linear(3, 3)

    def inside(x):
        hookcount.count(model, torch.zeros(2, 3))
        return x.sum()

    torch.func.grad(inside)(torch.ones(3))
    torch.vmap(inside)(torch.ones(2, 3))
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor
    assert meta_copies._made
    assert not any(map(wrapped, meta_copies._made.values()))
    assert hookcount.count(model, torch.zeros(2, 3)).macs == 2 * 3 * 3


def test_a_report_does_not_hold_a_parametrized_model():
    """Its class refers to the module itself, through the property that torch added."""
    model = MADE["weight_norm"](nn.Linear(3, 3))
    ends = weakref.ref(model), weakref.ref(type(model))
    report = hookcount.count(model, torch.zeros(2, 3))
    del model
    gc.collect()
    assert [each() for each in ends] == [None, None]
    assert report.to_dataframe().shape[0] > 1


def test_a_tool_that_matches_exact_types_does_not_see_a_parametrized_layer():
    model = nn.Sequential(nn.Linear(3, 3), MADE["weight_norm"](nn.Linear(3, 3)))
    report = hookcount.count(model, torch.zeros(2, 3)).under("thop")
    assert {each.path for each in report.records} == {"0"}


def test_the_row_has_the_name_of_torchs_class():
    model = MADE["weight_norm"](nn.Linear(3, 3))
    assert hookcount.count(model, torch.zeros(2, 3)).tree.type == "ParametrizedLinear"
