"""Composite ops that run as other ops on a GPU than on meta.

torch opens such an op by the device of its tensors. On a GPU a batch norm runs as an op of cuDNN,
and a dropout, an RMS norm and a recurrent cell as one fused op. A shapes-only run of a model on a
GPU takes that path: ``paths.py`` finds it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch

from ..contained import tensors
from ..parts import PLAIN
from ..patches import Undo, shared
from ..transforms import transformed
from ..values import Key, OpArgs, OpKwargs, OpResult, RunsOnGpu
from .data import Data
from .here import shapes_observer
from .memo import Memo, key
from .paths import Path, claimed, recorded

GPU = "cuda"
"""The type of the devices whose paths are followed."""
NAMES = ("batch_norm", "dropout", "rms_norm", "lstm_cell", "gru_cell")
"""Composite ops without work of their own."""
BY_DEVICE = frozenset(getattr(torch.ops.aten, name).default for name in NAMES)
_RMS_NORM = getattr(torch.ops.aten, "_fused_rms_norm", None)
"""A composite op with a kernel of its own on a GPU. torch 2.6 has none."""


class OnGpu:
    """Runs calls of composite ops as the ops that they run as on the model's GPU."""

    def __init__(self, data: Data, memo: Memo) -> None:
        self._data = data
        self._paths = memo.paths

    def __call__(self, op: torch._ops.OpOverload, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        given = list(tensors((args, kwargs)))
        if transformed() or not PLAIN.issuperset(map(type, given)):
            return op.decompose(*args, **kwargs)
        path = self._path(op, args, kwargs, given)
        return op.decompose(*args, **kwargs) if path is None else path.run(given)

    def _path(
        self,
        op: torch._ops.OpOverload,
        args: OpArgs,
        kwargs: OpKwargs,
        given: list[torch.Tensor],
    ) -> Path | None:
        distinct: Key = (
            op._opname,
            self._data.device,
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch._C._get_cudnn_enabled(),
            torch.is_autocast_enabled(GPU) and torch.get_autocast_dtype(GPU),
            key(args),
            key(kwargs),
            tuple([each.requires_grad for each in given]),
        )
        if distinct not in self._paths:
            self._paths[distinct] = _path(op, args, kwargs, self._data.device)
        return self._paths[distinct]


def _path(
    op: torch._ops.OpOverload, args: OpArgs, kwargs: OpKwargs, device: torch.device
) -> Path | None:
    """The path of a call on a device; None if torch raises there, as the op on meta then does."""
    asked, named = claimed((args, kwargs), device)
    try:
        return recorded(
            device, list(tensors((asked, named))), lambda: op.decompose(*asked, **named)
        )
    except Exception:
        return None


def as_on_a_gpu() -> AbstractContextManager[None]:
    """For the block, these ops take the path of a GPU, in each thread that counts a model there."""
    return shared("composite ops as on a GPU", _install)


def _install() -> Undo:
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    for op in BY_DEVICE:
        name = op._opname
        library.impl(name, partial(_on_meta, op), "AutogradMeta")  # type: ignore[no-untyped-call]
    if _RMS_NORM is not None:
        library.impl("_fused_rms_norm", _rms_norm, "AutogradMeta")  # type: ignore[no-untyped-call]

    def undo() -> None:
        library._destroy()  # type: ignore[no-untyped-call]

    return undo


def _on_gpu() -> RunsOnGpu | None:
    """What runs these ops in this thread, if it counts a model on a GPU."""
    observer = shapes_observer()
    return None if observer is None else observer.on_gpu


def _on_meta(op: torch._ops.OpOverload, *args: Any, **kwargs: Any) -> Any:
    here = _on_gpu()
    return here(op, args, kwargs) if here else op.decompose(*args, **kwargs)


def _rms_norm(
    input: torch.Tensor,
    shape: list[int],
    weight: torch.Tensor | None,
    eps: float | None,
) -> Any:
    """``_fused_rms_norm`` as the op of the kernel."""
    assert _RMS_NORM is not None
    if not _on_gpu() or transformed():
        return _RMS_NORM.default.decompose(input, shape, weight, eps)
    return _RmsNorm.apply(input, weight, shape, eps)


class _RmsNorm(torch.autograd.Function):
    """The op of the kernel with the op of its backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        input: torch.Tensor,
        weight: torch.Tensor | None,
        shape: list[int],
        eps: float | None,
    ) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            out, rstd = torch.ops.aten._fused_rms_norm.default(input, shape, weight, eps)
        ctx.save_for_backward(input, weight, rstd)
        ctx.shape = shape
        ctx.mark_non_differentiable(rstd)
        return out, rstd

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, *rest: object) -> Any:
        observer = shapes_observer()
        if torch.is_grad_enabled() and observer is not None and observer.refuse is not None:
            raise observer.refuse("a gradient of an RMS norm is itself differentiated")
        input, weight, rstd = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad[:2])
        made = torch.ops.aten._fused_rms_norm_backward.default(
            grad, input, ctx.shape, rstd, weight, wanted
        )
        return *made, None, None
