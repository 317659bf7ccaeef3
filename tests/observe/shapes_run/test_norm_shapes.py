"""The rules for norms against the kernels of the CPU, dtype by dtype."""

import pytest
import torch
from helpers.kernels import same_as_the_kernel

aten = torch.ops.aten
HALF = torch.bfloat16
PAIRS = [(torch.float32, torch.float32), (HALF, HALF), (HALF, torch.float32), (HALF, None)]


@pytest.mark.parametrize(("dtype", "held"), PAIRS)
def test_norms_of_batches(dtype, held):
    x = torch.ones(4, 6, 5, dtype=dtype)
    weight = None if held is None else torch.ones(6, dtype=held)
    statistics = torch.ones(6, dtype=held or torch.float32)
    own = (weight, weight, statistics, statistics.clone())
    for training in (True, False):
        assert same_as_the_kernel(aten.native_batch_norm.default, x, *own, training, 0.1, 1e-5)
        op = aten._native_batch_norm_legit.default
        assert same_as_the_kernel(op, x, *own, training, 0.1, 1e-5)
    op = aten._native_batch_norm_legit.no_stats
    assert same_as_the_kernel(op, x, weight, weight, True, 0.1, 1e-5)
    op = aten._native_batch_norm_legit_no_training.default
    assert same_as_the_kernel(op, x, *own, 0.1, 1e-5)
    assert same_as_the_kernel(aten._batch_norm_with_update.default, x, *own, 0.1, 1e-5)


@pytest.mark.parametrize(("dtype", "held"), PAIRS)
def test_norms_of_rows(dtype, held):
    x = torch.ones(4, 6, 5, dtype=dtype)
    weight = None if held is None else torch.ones(6, 5, dtype=held)
    assert same_as_the_kernel(aten.native_layer_norm.default, x, [6, 5], weight, weight, 1e-5)
