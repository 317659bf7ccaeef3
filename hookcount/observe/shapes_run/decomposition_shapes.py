"""Output shapes of matrix decompositions, laid out as LAPACK gives them: column by column.

Each rule takes the op's arguments and returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .meta_tensors import Made, empty


def by_columns(shape: Sequence[int], dtype: torch.dtype, rows: int = 0) -> torch.Tensor:
    """Matrices whose columns are contiguous. ``rows``: each column has room for as many."""
    *batch, height, width = shape
    room = max(height, rows)
    return empty((*batch, width, room), dtype)[..., :height].transpose(-2, -1)


def geqrf(input: torch.Tensor) -> Made:
    """[*, m, n], [*, min(m, n)] = geqrf([*, m, n])."""
    if input.dim() < 2:
        return None
    *batch, m, n = input.shape
    return by_columns(input.shape, input.dtype), empty((*batch, min(m, n)), input.dtype)


def eig(input: torch.Tensor) -> Made:
    """[*, n], [*, n, n] = eig([*, n, n]), both complex."""
    if input.dim() < 2 or input.shape[-1] != input.shape[-2]:
        return None
    if not (input.is_floating_point() or input.is_complex()):
        return None
    dtype = input.dtype.to_complex()
    return empty(input.shape[:-1], dtype), by_columns(input.shape, dtype)


def svd(
    input: torch.Tensor,
    full_matrices: bool = False,
    compute_uv: bool = True,
    *,
    driver: str | None = None,
) -> Made:
    """[*, m, k], [*, k], [*, k, n] = svd([*, m, n]), with k = min(m, n) singular values.

    With ``full_matrices`` the matrices are [*, m, m] and [*, n, n]. Another device lays out the
    last one row by row.
    """
    if input.dim() < 2 or not compute_uv:
        return None
    *batch, m, n = input.shape
    k = min(m, n)
    return (
        by_columns((*batch, m, m if full_matrices else k), input.dtype),
        empty((*batch, k), input.dtype.to_real()),
        by_columns((*batch, n if full_matrices else k, n), input.dtype),
    )


def lstsq(
    input: torch.Tensor,
    b: torch.Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
) -> Made:
    """[*, n, k], residuals, rank, singular values = lstsq([*, m, n], [*, m, k]).

    ``gels`` and the others but ``gelsy`` give residuals [*, k] where m > n. For ``gelsd`` and
    ``gelss`` they also depend on the rank, which is a value. So the rule does not apply there.
    """
    if input.dim() < 2 or b.dim() < 1 or input.dtype != b.dtype:
        return None
    (m, n), driver = input.shape[-2:], driver or "gelsy"
    vector = b.dim() == 1 or (b.dim() == input.dim() - 1 and b.shape == input.shape[:-1])
    right = b.unsqueeze(-1) if vector else b
    if right.dim() < 2 or right.shape[-2] != m or (driver in ("gelsd", "gelss") and m > n):
        return None
    batch = torch.broadcast_shapes(input.shape[:-2], right.shape[:-2])  # type: ignore[no-untyped-call]
    solution = by_columns((*batch, n, right.shape[-1]), input.dtype, m)
    residuals = (*batch, right.shape[-1]) if m > n and m and driver == "gels" else (0,)
    real = input.dtype.to_real()
    ranks = empty((0,) if driver == "gels" else input.shape[:-2], torch.int64)
    values = (*input.shape[:-2], min(m, n)) if driver in ("gelsd", "gelss") else (0,)
    return (
        solution.squeeze(-1) if vector else solution,
        empty(residuals, real),
        ranks,
        empty(values, real),
    )
