"""The casts of autocast on the CPU, for tensors on meta.

torch's autocast casts only tensors of its own device. So an activation or a weight on meta would
keep its dtype. Here it gets the dtype that it would have on the CPU.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ...core.lifetimes import ByIdentity
from ...rules.registry import Op
from ..opfacts import registered_name
from ..values import OpArgs

Cast = Callable[[torch.Tensor, torch.dtype], torch.Tensor]
"""Runs a cast as an op of its own."""

_LOWER = frozenset(
    f"aten::{name}"
    for name in (
        *("mm", "bmm", "addmm", "baddbmm", "addbmm", "mv", "addmv", "linalg_vecdot"),
        *("convolution", "_convolution", "conv_tbc", "_prelu_kernel", "mkldnn_rnn_layer"),
        *("_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"),
        *("_scaled_dot_product_efficient_attention", "_native_multi_head_attention"),
    )
)
"""Ops that run in the lower precision, or that are all of a composite op that does."""
_PROMOTES = frozenset(("aten::cat", "aten::stack", "aten::index_copy"))
"""Ops for which torch itself takes the wider dtype, on meta too."""
_SINGLE = frozenset(
    f"aten::{name}"
    for name in (
        *("_fft_r2c", "_fft_c2r", "_fft_c2c", "_cdist_forward", "_adaptive_avg_pool3d"),
        *("nll_loss_forward", "nll_loss2d_forward", "_ctc_loss", "max_pool3d_with_indices"),
    )
)
"""Ops inside of composite ops that run in single precision."""
_COMPARE_DTYPES = frozenset(
    (
        *("prelu", "scaled_dot_product_attention", "conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    )
)
"""Functions that run in the lower precision, and compare dtypes before any op is seen."""
_on_cpu: ByIdentity[bool] = ByIdentity()


class _Here(threading.local):
    on = False


_here = _Here()


def active() -> bool:
    """Whether autocast is on for the CPU in this thread, in a shapes-only run.

    While a dispatch mode handles an op, torch itself says no.
    """
    return _here.on


def look() -> None:
    """Note whether autocast is on. To be called outside of ops."""
    _here.on = torch.is_autocast_enabled("cpu")


@contextmanager
def looked_at() -> Iterator[None]:
    """For the block, ``active`` knows whether autocast is on."""
    before = _here.on
    look()
    try:
        yield
    finally:
        _here.on = before


def cast(op: Op, name: str, args: OpArgs, to: Cast) -> OpArgs:
    """The arguments of ``op`` as autocast gives them to the kernel on the CPU."""
    if name in _LOWER:
        dtype = torch.get_autocast_dtype("cpu")
    elif name in _SINGLE or (name not in _PROMOTES and _has_casts(op)):
        dtype = torch.float32
    else:
        return args
    return tuple(
        [to(each, dtype) if _is_cast(each) and each.dtype != dtype else each for each in args]
    )


def cast_before(name: str, args: OpArgs) -> OpArgs:
    """The arguments of a function of torch that looks at their dtypes before any op is seen."""
    if not _here.on:
        return args
    if name in _COMPARE_DTYPES or _is_fused_lstm(name, args):
        return tuple([_as(each, torch.get_autocast_dtype("cpu")) for each in args])
    if name.startswith("fft_") or name == "stft":
        return tuple([_as(each, torch.float32) for each in args])
    return args


def _as(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)([_as(each, dtype) for each in value])
    return value.to(dtype) if _is_cast(value) else value


def _is_fused_lstm(name: str, args: OpArgs) -> bool:
    """Whether a layer runs as one op in bfloat16 on the CPU: an LSTM without projections."""
    return (
        name == "lstm"
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and isinstance(args[1], (list, tuple))
        and len({state.shape for state in args[1]}) == 1
    )


def _is_cast(value: object) -> bool:
    """Whether autocast may cast a value: a floating-point tensor, but not one of float64."""
    return (
        isinstance(value, torch.Tensor)
        and value.is_floating_point()
        and value.dtype != torch.float64
    )


def _has_casts(op: Op) -> bool:
    """Whether torch's autocast has casts for an op."""
    known = _on_cpu.values.get(id(op))
    if known is not None:
        return known
    found = False
    if isinstance(op, torch._ops.OpOverload):
        name = registered_name(op)
        found = torch._C._dispatch_has_kernel_for_dispatch_key(name, "AutocastCPU")
    return _on_cpu.put(op, found)
