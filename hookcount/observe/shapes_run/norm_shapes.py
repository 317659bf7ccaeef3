"""Output shapes of norms and of dropout, with the dtypes that the kernels give.

Each rule takes the op's arguments and returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from .meta_tensors import META, Made, empty, like

Held = torch.Tensor | None


def _statistics_dtype(input: torch.Tensor, *held: Held) -> torch.dtype:
    """The dtype of the statistics: that of the weight, bias or running statistics, else the input.

    A kernel takes single precision beside an input in half precision.
    """
    return next((each.dtype for each in held if each is not None), input.dtype)


def batch_norm(
    input: torch.Tensor,
    weight: Held,
    bias: Held,
    mean: Held,
    var: Held,
    training: bool,
    *rest: object,
) -> Made:
    """[N, C, *], [S], [S] = batch_norm([N, C, *]).

    The statistics for a backward pass have S = C elements in training, else none.
    """
    kept = (input.shape[1] if training else 0,)
    dtype = _statistics_dtype(input, weight, bias, mean, var)
    return like(input), empty(kept, dtype), empty(kept, dtype)


def batch_norm_legit(input: torch.Tensor, weight: Held, bias: Held, *rest: Any) -> Made:
    """As ``batch_norm``. An overload has no running statistics."""
    given = (None, None, *rest) if isinstance(rest[0], bool) else rest
    return batch_norm(input, weight, bias, *given)


def batch_norm_in_eval(
    input: torch.Tensor, weight: Held, bias: Held, mean: Held, var: Held, *rest: object
) -> Made:
    """[N, C, *], [0], [0] = batch_norm([N, C, *])."""
    return batch_norm(input, weight, bias, mean, var, False)


def batch_norm_with_update(
    input: torch.Tensor, weight: Held, bias: Held, mean: Held, var: Held, *rest: object
) -> Made:
    """[N, C, *], [C], [C], [0] bytes = batch_norm([N, C, *]), which updates the statistics."""
    kept, dtype = (input.shape[1],), _statistics_dtype(input, weight, bias, mean, var)
    return like(input), empty(kept, dtype), empty(kept, dtype), empty((0,), torch.uint8)


def layer_norm(
    input: torch.Tensor, shape: Sequence[int], weight: Held, bias: Held, eps: float
) -> Made:
    """[*, *shape], [*, 1 ...], [*, 1 ...] = layer_norm([*, *shape]).

    The first output is contiguous. The others are the mean and 1 / std of each row.
    """
    if tuple(input.shape[input.dim() - len(shape) :]) != tuple(shape):
        return None
    if any(each is not None and each.shape != torch.Size(shape) for each in (weight, bias)):
        return None
    rows = (*input.shape[: input.dim() - len(shape)], *[1] * len(shape))
    dtype = _statistics_dtype(input, weight, bias)
    return empty(input.shape, input.dtype), empty(rows, dtype), empty(rows, dtype)


def cudnn_batch_norm(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: Held,
    mean: Held,
    var: Held,
    training: bool,
    *rest: object,
) -> Made:
    """[N, C, *], [S], [S], [0] bytes = batch_norm([N, C, *]) by cuDNN.

    S is C in training, else 0. The last output is scratch memory of an unknown size, so it has
    none.
    """
    kept = (input.shape[1] if training else 0,)
    statistics = empty(kept, weight.dtype), empty(kept, weight.dtype)
    return like(input), *statistics, empty((0,), torch.uint8)


def fused_rms_norm(
    input: torch.Tensor, shape: Sequence[int], weight: Held, eps: float | None
) -> Made:
    """[*, *shape], [*, 1 ...] = rms_norm([*, *shape]), with 1 / rms of each row.

    The kernel keeps the second output in single precision beside an input in half precision.
    """
    rows = (*input.shape[: input.dim() - len(shape)], *[1] * len(shape))
    kept = torch.float64 if input.dtype is torch.float64 else torch.float32
    return empty(input.shape, input.dtype), empty(rows, kept)


def native_dropout(input: torch.Tensor, p: float, train: bool | None) -> Made:
    """[*], [*] = dropout([*]), with the mask."""
    if not input.is_floating_point():
        return None
    out = like(input)
    return out, torch.empty_strided(out.shape, out.stride(), dtype=torch.bool, device=META)
