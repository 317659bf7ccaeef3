"""The output shape of a grouped matrix product in float32 and float16.

torch's own shapes-only implementation takes only bfloat16 there. The kernel on the CPU takes these
dtypes too, and mixtures of experts in transformers run it.
"""

from __future__ import annotations

import torch

BYTES = 16
"""A row of an operand and of the output begins at a multiple of so many bytes."""


def grouped_mm(
    left: torch.Tensor, right: torch.Tensor, offs: torch.Tensor | None = None, *rest: object
) -> torch.Tensor | None:
    """[m, n] = [m, k] @ [g, k, n], or [g, m, k] @ [k, n]. Groups divide the rows or the columns.

    [g, m, n] = [g, m, k] @ [g, k, n], and [m, k] @ [k, n] where groups divide k. ``offs``: for each
    group, where its rows or columns end. ``rest``: a bias and an output dtype.
    """
    if (
        left.dtype != right.dtype
        or left.dtype not in (torch.float32, torch.float16)
        or not {left.dim(), right.dim()} <= {2, 3}
        or left.shape[-1] != right.shape[-2]
        or any(each is not None for each in rest)
    ):
        return None
    groups = _groups(left, right, offs)
    if groups is None:
        return None
    step = 1 if torch.version.hip else BYTES // left.itemsize
    if not all(_aligned(each, BYTES // left.itemsize) for each in (left, right)):
        raise RuntimeError(f"aten::_grouped_mm takes rows that begin at multiples of {BYTES} bytes")
    m, n = left.shape[-2], right.shape[-1]
    row = -(-n // step) * step
    return torch.empty_strided(
        (*groups, m, n), (m * row, row, 1)[1 - len(groups) :], dtype=left.dtype, device="meta"
    )


def _groups(
    left: torch.Tensor, right: torch.Tensor, offs: torch.Tensor | None
) -> tuple[int, ...] | None:
    """[g] or [], the first axis of the output. None for operands that do not fit."""
    if left.dim() == right.dim() == 3:
        return (left.shape[0],) if offs is None and left.shape[0] == right.shape[0] else None
    if offs is None or offs.dim() != 1:
        return None
    if left.dim() == right.dim() == 2:
        return (offs.shape[0],)
    return () if offs.shape == (left if left.dim() == 3 else right).shape[:1] else None


def _aligned(tensor: torch.Tensor, step: int) -> bool:
    """Whether the rows, or the columns, lie one after the other at multiples of ``step``."""
    rows, columns = tensor.stride()[-2:]
    m, n = tensor.shape[-2:]
    if rows == 1 and columns >= max(1, m):
        return columns % step == 0
    return columns == 1 and rows >= max(1, n) and rows % step == 0
