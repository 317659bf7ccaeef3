"""Convolution of sparse maps: spconv's modules, by name.

Their kernels are called outside of torch's dispatcher.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

from ...core.ops import Ops
from ..arithmetic import bias, matmul
from ..builtin import formula, observed


class _Convolution(Protocol):
    """The attributes of ``SparseConvolution`` that its formula reads."""

    kernel_size: Sequence[int]
    in_channels: int
    out_channels: int
    bias: object


def _sites(map: object) -> int:
    """The number of places of a ``SparseConvTensor`` that hold values: the rows of its features."""
    held = vars(map)
    return int((held["_features"] if "_features" in held else held["features"])[0])


@formula("spconv.pytorch.conv.SparseConvolution", kind="convolution")
def sparse_convolution(
    module: _Convolution, input: object, add_input: object = None, *, out: object
) -> Ops:
    """[m, Co] at m places = conv([n, Ci] at n places, [*K, ...]): Ci * Co per pair of places.

    The kernel joins these pairs. Shapes do not show which places are neighbours. A position of the
    kernel joins each place of the input with at most one of the output, and vice versa. The number
    of pairs is thus at most prod(K) * min(n, m): the count is an upper bound, exact if prod(K) = 1.

    The bias is an add per output. The search for the pairs is not counted.
    """
    inputs, outputs = _sites(input), _sites(out)
    pairs = prod(module.kernel_size) * min(inputs, outputs)
    ops = matmul(pairs, module.in_channels, module.out_channels)
    if module.bias is not None:
        ops = ops + bias(outputs * module.out_channels)
    return ops if add_input is None else ops + Ops(adds=outputs * module.out_channels)


observed(["spconv.pytorch.modules.SparseSequential"])
