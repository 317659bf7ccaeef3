"""Modules that only move data or only call others."""

import pytest
import torch
from helpers.against_ops import assert_formula_matches_ops
from torch import nn


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
