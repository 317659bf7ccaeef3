"""Discrete Fourier transforms, by the convention of FFTW's benchmarks.

A complex transform of N points takes 5 N log2 N operations. N is the product of all transformed
dimensions. Source: http://www.fftw.org/speed/method.html.

The convention follows radix-2 Cooley-Tukey, with (N / 2) log2 N butterflies. Each is a complex
multiplication (4 muls, 2 adds) and 2 complex additions (4 adds). Together these are 2 N log2 N muls
and 3 N log2 N adds. A transform with a real side takes half of that. If N is no power of two,
N log2 N is rounded, once per transform.

A normalisation is a mul per real number of the output, which FFTW leaves out.
Real operations are counted here, as in the literature. For all other ops on complex tensors,
elements are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2, prod

from torch import Size

from ..core.ops import Ops
from .builtin import formula


def steps(points: int) -> int:
    """N log2 N, rounded: the unit of the convention, for a transform of N points."""
    return round(points * log2(points)) if points else 0


def complex_transform(batch: int, points: int) -> Ops:
    """[batch, N] = fft([batch, N]): 2 N log2 N muls and 3 N log2 N adds per transform."""
    return Ops(adds=3 * steps(points), muls=2 * steps(points)) * batch


def real_transform(batch: int, points: int) -> Ops:
    """[batch, N // 2 + 1] = rfft([batch, N]), or its inverse: half of a complex transform.

    Per transform N log2 N muls and 1.5 N log2 N adds, rounded down.
    """
    return Ops(adds=3 * steps(points) // 2, muls=steps(points)) * batch


def transforms(size: Sequence[int], dim: Sequence[int]) -> tuple[int, int]:
    """The number of transforms along ``dim`` of a tensor, and the number of points of each."""
    points = prod(size[d] for d in dim)
    return (prod(size) // points if points else 0), points


@formula("aten::_fft_c2c", kind="fourier")
def c2c(dim: Sequence[int], normalization: int, out: Size) -> Ops:
    """[*, N] = fft([*, N]), complex to complex."""
    return complex_transform(*transforms(out, dim)) + Ops(
        muls=2 * out.numel() if normalization else 0
    )


@formula("aten::_fft_r2c", kind="fourier")
def r2c(self: Size, dim: Sequence[int], normalization: int, out: Size) -> Ops:
    """[*, N // 2 + 1] = rfft([*, N]), real to complex; N is the real side."""
    return real_transform(*transforms(self, dim)) + Ops(
        muls=2 * out.numel() if normalization else 0
    )


@formula("aten::_fft_c2r", kind="fourier")
def c2r(dim: Sequence[int], normalization: int, out: Size) -> Ops:
    """[*, N] = irfft([*, N // 2 + 1]), complex to real; N is the real side."""
    return real_transform(*transforms(out, dim)) + Ops(muls=out.numel() if normalization else 0)
