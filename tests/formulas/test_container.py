"""Modules that only move data or only call others."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops
from torch import nn

from hookcount import FREE, OBSERVED, Counter, Ops
from hookcount.formulas import BUILTIN
from hookcount.rules.resolver import Resolver


@pytest.mark.parametrize(
    "module",
    [
        nn.CircularPad2d(1),
        nn.ConstantPad2d(1, 0.0),
        nn.ReflectionPad2d(1),
        nn.ReplicationPad2d(1),
        nn.ZeroPad2d(1),
        nn.Flatten(),
        nn.Identity(),
        nn.Unflatten(1, (2, 2)),
        nn.PixelShuffle(2),
        nn.PixelUnshuffle(2),
        nn.ChannelShuffle(2),
    ],
    ids=lambda module: type(module).__name__,
)
def test_what_only_moves_data_runs_nothing_that_costs(module):
    assert_formula_matches_ops(module, torch.rand(2, 4, 4, 4))


def entry(module):
    return Resolver(BUILTIN).module(module)


def total(module, *args):
    report = Counter(run="real").count(module, *args)
    assert report.uncounted == ()
    return report.total


PADS = [
    getattr(nn, f"{form}Pad{axes}d")
    for form in ("Circular", "Constant", "Reflection", "Replication", "Zero")
    for axes in (1, 2, 3)
]


@pytest.mark.parametrize("cls", PADS, ids=lambda cls: cls.__name__)
def test_padding_is_free_in_each_number_of_axes(cls):
    module = cls(1, 0.0) if "Constant" in cls.__name__ else cls(1)
    assert entry(module).price is FREE
    axes = int(cls.__name__[-2])
    assert_formula_matches_ops(module, torch.rand(2, 3, *[4] * axes))
    assert total(module, torch.rand(2, 3, *[4] * axes)) == Ops()


@pytest.mark.parametrize(
    "cls", [nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.Dropout1d, nn.Dropout2d]
)
def test_dropout_in_eval_is_nothing(cls):
    module = cls(0.5).eval()
    assert entry(module).price is OBSERVED
    assert total(module, torch.rand(2, 3, 5, 5)[(0,) * (cls is nn.Dropout1d)]) == Ops()


def test_dropout_in_training_divides_and_multiplies_each_element():
    assert total(nn.Dropout(0.5), torch.rand(2, 3, 4)) == Ops(muls=24, specials=24)


def test_dropout_of_channels_divides_only_its_smaller_mask():
    found = total(nn.Dropout2d(0.5), torch.rand(2, 3, 4, 4))
    assert found == Ops(muls=2 * 3 * 16, specials=2 * 3)


def test_embeddings_cost_what_follows_the_look_up():
    ids = torch.zeros(2, 3, dtype=torch.long)
    assert total(nn.Embedding(9, 4), ids) == Ops()
    # per row of 4: 4 squares, 3 adds, sqrt; a compare; norm + eps, a division, 4 muls
    norms = Ops(adds=3 + 1, muls=4 + 4, compares=1, specials=1 + 1) * (2 * 3)
    assert total(nn.Embedding(9, 4, max_norm=1.0), ids) == norms
    # two bags of 3 rows of 4: 2 adds per column; the mean divides each
    assert total(nn.EmbeddingBag(9, 4, mode="sum"), ids) == Ops(adds=2 * 2 * 4)
    mean = Ops(adds=2 * 2 * 4, specials=2 * 4)
    assert total(nn.EmbeddingBag(9, 4, mode="mean"), ids) == mean
    for module in (nn.Embedding(9, 4), nn.EmbeddingBag(9, 4)):
        assert (entry(module).price, entry(module).kind) == (OBSERVED, "embedding")


def test_containers_cost_what_they_hold():
    layers = nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 5, bias=False)
    x = torch.rand(2, 4)
    held = Ops(macs=2 * 4 * 6 + 2 * 6 * 5, compares=2 * 6)
    assert total(nn.Sequential(*layers), x) == held
    assert total(nn.DataParallel(nn.Sequential(*layers)), x) == held
    for module in (nn.Sequential(), nn.ModuleList(), nn.ModuleDict(), nn.ParameterList()):
        assert entry(module).price is OBSERVED
    assert entry(nn.DataParallel(nn.ReLU())).price is OBSERVED


def test_a_parametrization_costs_what_it_runs():
    class Doubled(nn.Module):
        def forward(self, weight):
            return weight * 2

    layer = nn.Linear(4, 6, bias=False)
    nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    assert entry(layer.parametrizations.weight).price is OBSERVED
    assert total(layer, torch.rand(2, 4)) == Ops(macs=2 * 4 * 6, muls=4 * 6)
