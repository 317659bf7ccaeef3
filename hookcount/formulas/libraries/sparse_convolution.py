"""Convolution of sparse maps: spconv's modules, by name. Their kernels are called from outside of torch's dispatcher."""

from __future__ import annotations

from math import prod
from typing import Any

from ...core.ops import Ops
from ..arithmetic import bias, matmul
from ..builtin import formula, observed


def _sites(map: Any) -> int:
    """How many places of a ``SparseConvTensor`` hold something: the rows of its features."""
    held = vars(map)
    return int((held["_features"] if "_features" in held else held["features"])[0])


@formula("spconv.pytorch.conv.SparseConvolution", kind="convolution")
def sparse_convolution(module: Any, input: Any, add_input: Any = None, *, out: Any) -> Ops:
    """[m, Co] at m places = conv of [n, Ci] at n places, [*K, ...]: a product of Ci by Co for each pair of places that K joins.

    Which places are neighbours, shapes do not tell. A position of the kernel joins each place of the input with at most one
    of the output, and the other way round: prod(K) * min(n, m) pairs is an upper bound, exact for a kernel of 1. The bias is an
    add per output; finding the pairs is not counted.
    """
    inputs, outputs = _sites(input), _sites(out)
    pairs = prod(module.kernel_size) * min(inputs, outputs)
    ops = matmul(pairs, module.in_channels, module.out_channels)
    if module.bias is not None:
        ops = ops + bias(outputs * module.out_channels)
    return ops if add_input is None else ops + Ops(adds=outputs * module.out_channels)


observed(["spconv.pytorch.modules.SparseSequential"])
