"""Integers of other types."""

import enum
import warnings

import numpy
import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops, Registry
from hookcount.core.integers import as_int


class Three(enum.IntEnum):
    THREE = 3


class Indexed:
    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


@pytest.mark.parametrize(
    "three",
    [3, numpy.int8(3), numpy.uint64(3), numpy.array(3), Indexed(3)],
    ids=lambda value: type(value).__name__,
)
def test_an_integer_becomes_an_int(three):
    assert type(as_int(three)) is int
    assert as_int(three) == 3


@pytest.mark.parametrize(
    "other",
    [True, 3.0, "3", None, Three.THREE, numpy.bool_(True), numpy.float32(3), torch.tensor(3)],
    ids=repr,
)
def test_any_other_value_stays(other):
    assert as_int(other) is other


def test_an_array_of_several_integers_stays():
    array = numpy.arange(3)
    assert as_int(array) is array


TWO, EIGHT = numpy.int64(2), numpy.array((4, 2)).prod()
LAYERS = {
    "max": (lambda n: nn.MaxPool2d(n(2)), (1, 2, 8, 8)),
    "max, one by one": (lambda n: nn.MaxPool2d((n(2), 4)), (1, 2, 8, 8)),
    "max in a list": (lambda n: nn.MaxPool2d([n(2), n(4)]), (1, 2, 8, 8)),
    "average": (lambda n: nn.AvgPool3d((n(2),) * 3), (1, 2, 4, 4, 4)),
    "power": (lambda n: nn.LPPool2d(2, n(2)), (1, 2, 8, 8)),
    "layer norm": (lambda n: nn.LayerNorm(n(8)), (1, 8)),
    "group norm": (lambda n: nn.GroupNorm(n(2), n(4)), (1, 4, 8)),
    "local norm": (lambda n: nn.LocalResponseNorm(n(3)), (1, 4, 8)),
    "linear": (lambda n: nn.Linear(n(8), n(4)), (1, 8)),
    "convolution": (lambda n: nn.Conv2d(n(4), n(8), n(3), groups=n(2)), (1, 4, 8, 8)),
    "transposed": (lambda n: nn.ConvTranspose1d(n(4), n(8), n(3), stride=n(2)), (1, 4, 8)),
    "recurrent": (lambda n: nn.LSTM(n(8), n(4), num_layers=n(2)), (3, 1, 8)),
    "cell": (lambda n: nn.GRUCell(n(8), n(4)), (3, 8)),
    "encoder": (lambda n: nn.TransformerEncoderLayer(n(8), n(2), n(16)).eval(), (3, 1, 8)),
    "embedding": (lambda n: nn.Unflatten(1, (n(2), n(4))), (3, 8)),
    "upsampling": (lambda n: nn.Upsample(scale_factor=n(2)), (1, 2, 4, 4)),
}


@pytest.mark.parametrize("integer", [numpy.int64, numpy.int32, numpy.uint8])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_sizes_of_numpy_counts_as_one_with_ints(name, integer):
    make, shape = LAYERS[name]
    try:
        make(integer)(torch.zeros(shape))
    except TypeError:
        pytest.skip("torch does not take it")
    x = torch.zeros(shape)
    ours, plain = hookcount.count(make(integer), x), hookcount.count(make(int), x)
    assert ours.records == plain.records
    for convention in ("thop", "ultralytics", "ptflops", "fvcore", "torchinfo", "textbook"):
        assert ours.under(convention).headline == plain.under(convention).headline, convention


def test_the_figures_are_those_written_out():
    x = torch.zeros(1, 2, 8, 8)
    # 2 * 4 * 4 windows of 2 * 2 values: 3 compares each
    assert hookcount.count(nn.MaxPool2d(TWO), x).total == Ops(compares=2 * 4 * 4 * 3)
    linear = hookcount.count(nn.Linear(EIGHT, 4), torch.zeros(1, 8))
    assert linear.total == Ops(macs=8 * 4, adds=4)
    assert linear.under("thop").headline == 8 * 4


class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.table = {"width": [width]}

    def forward(self, x, times):
        return x


def test_a_formula_gets_ints_which_do_not_overflow():
    registry = Registry()

    @registry.register(Wide)
    def wide(module, x, times):
        assert type(module.width) is type(module.table["width"][0]) is type(times) is int
        return Ops(macs=module.width * module.table["width"][0] * times)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = hookcount.Counter(registry).count(
            Wide(numpy.int32(2**30)), torch.zeros(2), numpy.int8(100)
        )
    assert report.macs == 2**60 * 100


def test_modules_that_differ_only_in_such_an_integer_are_told_apart():
    registry = Registry()
    registry.register(Wide, lambda module, x, times: Ops(macs=module.width))
    counter = hookcount.Counter(registry)
    found = [counter.count(Wide(numpy.int64(n)), torch.zeros(2), 1).macs for n in (3, 4, 3)]
    assert found == [3, 4, 3]


def test_scaling_takes_sizes_of_numpy():
    model = nn.Linear(8, 4, bias=False)
    found = hookcount.scaling(model, lambda n: torch.zeros(n, 8), numpy.arange(1, 6))
    assert [point.total.macs for point in found.points] == [n * 8 * 4 for n in range(1, 6)]
