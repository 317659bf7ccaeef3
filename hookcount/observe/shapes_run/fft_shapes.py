"""Output shapes of Fourier transforms, laid out as the kernels of the CPU give them.

torch's own shapes-only implementations lay them out as cuFFT does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty


def c2c(input: torch.Tensor, dim: Sequence[int], *rest: object) -> Made:
    """[*] = c2c([*]), complex."""
    if not dim or not input.is_complex():
        return None
    return _laid_out(input, input.shape, _by_stride(input, dim), input.dtype)


def r2c(input: torch.Tensor, dim: Sequence[int], normalization: int, onesided: bool) -> Made:
    """[*] complex = r2c([*]). One-sided, the last transformed axis has n // 2 + 1 elements."""
    if not dim or not input.is_floating_point():
        return None
    sizes = list(input.shape)
    if onesided:
        sizes[dim[-1]] = sizes[dim[-1]] // 2 + 1
    order = [*_by_stride(input, dim[:-1]), dim[-1]]
    return _laid_out(input, sizes, order, input.dtype.to_complex())


def c2r(input: torch.Tensor, dim: Sequence[int], normalization: int, last: int) -> Made:
    """[*] real = c2r([*]). The last transformed axis has ``last`` elements."""
    if not dim or not input.is_complex():
        return None
    if len(dim) > 1:
        before = c2c(input, dim[:-1])
        assert isinstance(before, torch.Tensor)
        input = before
    sizes = list(input.shape)
    sizes[dim[-1]] = last
    return _laid_out(input, sizes, dim[-1:], input.dtype.to_real())


def _by_stride(input: torch.Tensor, dim: Sequence[int]) -> list[int]:
    strides = input.stride()
    return sorted(dim, key=lambda axis: strides[axis], reverse=True)


def _laid_out(
    input: torch.Tensor, sizes: Sequence[int], dim: Sequence[int], dtype: torch.dtype
) -> torch.Tensor:
    """A tensor with the axes ``dim`` innermost, in this order; without MKL it is contiguous."""
    if not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return empty(sizes, dtype)
    batch = _by_stride(input, [axis for axis in range(input.dim()) if axis not in dim])
    order = [*batch, *dim]
    made = empty([sizes[axis] for axis in order], dtype)
    return made.permute([order.index(axis) for axis in range(input.dim())])
