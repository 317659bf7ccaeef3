"""What autocast does with the arguments of each op, on the CPU and on CUDA.

https://docs.pytorch.org/docs/stable/amp.html lists the ops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..values import OpArgs, OpKwargs

Policy = Callable[[OpArgs, OpKwargs, torch.dtype], tuple[OpArgs, OpKwargs]]
"""The arguments of an op as its kernel gets them. The dtype is the lower precision."""

_KEYS = {"cpu": "AutocastCPU", "cuda": "AutocastCUDA"}
"""The dispatch key of the autocast of each device."""
_LOWER = frozenset(
    (
        *("mm", "mv", "bmm", "matmul", "linear", "addr", "addmm", "addmv", "addbmm", "baddbmm"),
        *("_addmm_activation", "linalg_vecdot", "linalg_multi_dot", "chain_matmul", "einsum"),
        *("convolution", "_convolution", "conv_tbc", "conv1d", "conv2d", "conv3d", "prelu"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
        *("cudnn_convolution", "cudnn_convolution_transpose", "_cudnn_rnn", "mkldnn_rnn_layer"),
        *("_thnn_fused_lstm_cell", "_thnn_fused_gru_cell"),
        *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),
        *("scaled_dot_product_attention", "_scaled_dot_product_flash_attention"),
        "_native_multi_head_attention",
    )
)
"""Ops that run in the lower precision."""
_WIDEST = {
    "cpu": frozenset(("cat", "stack", "index_copy")),
    "cuda": frozenset(
        (
            *("addcdiv", "addcmul", "atan2", "bilinear", "cross", "dot", "vdot", "tensordot"),
            *("grid_sampler", "index_put", "scatter_add"),
        )
    ),
}
"""Ops that run in single precision if one tensor has it."""
_RESULT_IN_SINGLE = frozenset(
    (
        *("softmax", "log_softmax", "sum", "prod", "cumsum", "cumprod"),
        *("linalg_vector_norm", "linalg_matrix_norm", "norm"),
    )
)
"""Ops that CUDA gives a dtype for their result. It casts no argument."""


def registered() -> list[str]:
    """The names of all ops for which autocast does something, without ``aten::``."""
    return [
        name.removeprefix("aten::")
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("aten::") and any(_has_kernel(name, key) for key in _KEYS.values())
    ]


def policies_of(name: str) -> dict[str, Policy]:
    """What autocast does with the op of a name, by the type of the device."""
    return {
        device: _policy(name.partition(".")[0], device)
        for device, key in _KEYS.items()
        if _has_kernel(f"aten::{name}", key)
    }


def _has_kernel(name: str, key: str) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, key))


def _policy(name: str, device: str) -> Policy:
    if name in _LOWER:
        return _lower
    if name in _WIDEST[device]:
        return _widest
    if device == "cuda" and name in _RESULT_IN_SINGLE:
        return _result_in_single
    return _single


def _lower(args: OpArgs, kwargs: OpKwargs, lower: torch.dtype) -> tuple[OpArgs, OpKwargs]:
    return _all_as(args, lower), _all_as(kwargs, lower)


def _single(args: OpArgs, kwargs: OpKwargs, lower: torch.dtype) -> tuple[OpArgs, OpKwargs]:
    return _all_as(args, torch.float32), _all_as(kwargs, torch.float32)


def _widest(args: OpArgs, kwargs: OpKwargs, lower: torch.dtype) -> tuple[OpArgs, OpKwargs]:
    single = any(each.dtype is torch.float32 for each in _cast_ones((args, kwargs)))
    return (_single if single else _lower)(args, kwargs, lower)


def _result_in_single(
    args: OpArgs, kwargs: OpKwargs, lower: torch.dtype
) -> tuple[OpArgs, OpKwargs]:
    if not _is_cast(args[0]) or any(isinstance(each, torch.dtype) for each in args):
        return args, kwargs
    return args, {"dtype": torch.float32, **kwargs}


def _all_as(value: Any, dtype: torch.dtype) -> Any:
    """A value with each tensor in it cast, in order."""
    if isinstance(value, torch.Tensor):
        return value.to(dtype) if _is_cast(value) and value.dtype is not dtype else value
    if isinstance(value, (list, tuple)):
        return type(value)([_all_as(each, dtype) for each in value])
    if isinstance(value, dict):
        return {name: _all_as(each, dtype) for name, each in value.items()}
    return value


def _cast_ones(value: Any) -> Iterator[torch.Tensor]:
    """The tensors in a value that autocast may cast."""
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _cast_ones(each)
    elif isinstance(value, dict):
        yield from _cast_ones(list(value.values()))
    elif _is_cast(value):
        yield value


def _is_cast(value: object) -> bool:
    """Whether autocast may cast a value: a floating-point tensor, but not one of float64."""
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.dtype is not torch.float64
    )
