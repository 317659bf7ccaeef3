"""Attention in a shapes-only run takes the path that it would take on the model's device.

torch decides by the device of its tensors how attention runs. For tensors on meta it would choose
separate ops. Here the device is that of the model, or the CPU for a model on meta.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.utils import backend_registration

from ...core.release import RELEASE
from ..observer import observers_here
from ..parts import PLAIN
from ..patches import Undo, replaced, shared
from ..values import Key, OpArgs, OpKwargs, OpResult, RunsAttention
from .data import Data
from .memo import Memo, key
from .paths import ATTENTION, TENSORS, Path, path_on

_NAMES = (*TENSORS, "dropout_p", "is_causal")
"""The positional parameters of attention."""
_PARTS_NAMES = (*_NAMES, "dropout_mask")
PARTS = torch.ops.aten._scaled_dot_product_attention_math.default
"""Attention as separate ops."""
_CPU = torch.device("cpu")
FOLLOWED = ("cpu", "cuda")
"""The types of devices whose paths are followed."""
FOLLOWS_TRANSFORMS = RELEASE >= (2, 14)
"""Whether the path is followed under ``torch.func.grad`` and its kin. torch 2.6 fails there."""
_KEYS = ("AutogradMeta", *(("AutogradOther",) if FOLLOWS_TRANSFORMS else ()))
"""The dispatch keys of meta, and of a transform that takes derivatives."""


class Attention:
    """Runs a call of ``scaled_dot_product_attention`` as its ops on the model's device."""

    def __init__(self, data: Data, memo: Memo) -> None:
        self._data = data
        self._paths = memo.paths
        self._in_parts = 0
        """How many calls run as separate ops."""

    def __call__(self, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        named = dict(zip(_NAMES, args, strict=False), **kwargs)
        tensors = [named[name] for name in TENSORS if named.get(name) is not None]
        if not PLAIN.issuperset(map(type, tensors)) or not any(map(self._data.has, tensors)):
            return ATTENTION.decompose(**named)
        path = self._path(named)
        if path is not None:
            with torch._C.DisableTorchFunction():
                return path.run(tensors)
        if not all([each.is_meta for each in tensors[:3]]):  # noqa: C419 (faster)
            with torch._C._DisableTorchDispatch():  # the model does not run these ops
                named |= {name: self._data.stand_in(named[name]) for name in TENSORS[:3]}
        self._in_parts += 1
        try:
            return ATTENTION.decompose(**named)
        finally:
            self._in_parts -= 1

    def parts(self, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """torch has chosen separate ops.

        If the call was of real tensors, torch made views of them, which are on meta, and chose by
        these views.
        """
        named = dict(zip(_PARTS_NAMES, args, strict=False), **kwargs)
        tensors = [named[name] for name in TENSORS if named.get(name) is not None]
        if (
            not self._in_parts
            and named.pop("dropout_mask", None) is None
            and PLAIN.issuperset(map(type, tensors))
            and (path := self._path(named)) is not None
        ):
            with torch._C.DisableTorchFunction():
                out = path.run(tensors)
            return out, out  # the caller drops the weights
        self._data.inside += 1  # torch makes a causal mask itself
        try:
            return PARTS.decompose(*args, **kwargs)
        finally:
            self._data.inside -= 1

    def on_jagged(self) -> None:
        """Raise ``DataNeededError`` on a GPU. There the path of jagged tensors is not known."""
        if self._data.device != _CPU:
            raise self._data.needed("attention on a jagged tensor depends on the GPU")

    def _path(self, named: OpKwargs) -> Path | None:
        distinct = _key(named, self._data.device)
        if distinct not in self._paths:
            self._paths[distinct] = _path(self._data.device, named)
        return self._paths[distinct]


def _path(device: torch.device, named: OpKwargs) -> Path | None:
    """The path on a device.

    Separate ops count the same. So on a GPU they serve where the path is not found.
    """
    try:
        with temporarily_clear_interpreter_stack():  # torch asks outside of all transforms
            return path_on(device, named)
    except Exception:
        if device == _CPU:  # the error of the model
            raise
        return None


def _key(named: OpKwargs, device: torch.device) -> Key:
    """Everything that decides which path attention takes."""
    return (
        device,
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch._C._get_flash_sdp_enabled(),
        torch._C._get_mem_efficient_sdp_enabled(),
        torch._C._get_math_sdp_enabled(),
        torch._C._get_cudnn_sdp_enabled(),
        tuple(torch._C._get_sdp_priority_order()),
        torch.are_deterministic_algorithms_enabled(),
        *[
            (name, key(value), isinstance(value, torch.Tensor) and value.requires_grad)
            for name, value in named.items()
        ],
    )


def as_on_the_device() -> AbstractContextManager[None]:
    """For the block, attention takes the path of the device, in each thread that counts on shapes.

    A function in Python would miss calls of ``F.scaled_dot_product_attention`` by another name, and
    a mode for functions would keep encoder layers from their fused path. So the op itself gets an
    implementation, for meta and for transforms that take derivatives. So does the op of separate
    ops: torch may choose it by views on meta, which it made of real inputs.
    """
    return shared("attention on meta", _install)


def _install() -> Undo:
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    for name, function in _ON_META.items():
        for each in _KEYS:
            library.impl(name, function, each)  # type: ignore[no-untyped-call]
    undos = (
        replaced(backend_registration, "_privateuse1_backend_name", _named),
        replaced(torch.overrides, "has_torch_function", _besides_ours),
    )

    def undo() -> None:
        for each in undos:
            each()
        library._destroy()  # type: ignore[no-untyped-call]

    return undo


def _attention() -> RunsAttention | None:
    for observer in reversed(observers_here()):
        if observer.attention is not None and observer.listening():
            return observer.attention
    return None


def _on_meta(*args: Any, **kwargs: Any) -> Any:
    attention = _attention()
    return attention(args, kwargs) if attention else ATTENTION.decompose(*args, **kwargs)


def _parts_on_meta(*args: Any, **kwargs: Any) -> Any:
    attention = _attention()
    return attention.parts(args, kwargs) if attention else PARTS.decompose(*args, **kwargs)


_ON_META = {
    "scaled_dot_product_attention": _on_meta,
    "_scaled_dot_product_attention_math": _parts_on_meta,
}


class _Name(str):
    """The name of torch's backend for new devices. In a shapes-only run it is meta's too.

    ``nn.MultiheadAttention`` and ``nn.TransformerEncoderLayer`` run as one op if their tensors are
    on the CPU, on CUDA or on the device of this name.
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) or (other == "meta" and _fuses_layers())

    def __ne__(self, other: object) -> bool:
        return not self == other


def _named(own: Any) -> Any:
    return _Name(own)


def _fuses_layers() -> bool:
    return any(each.attention is not None for each in observers_here())


def _function_modes() -> list[object]:
    return list(torch.overrides._get_current_function_mode_stack())  # type: ignore[no-untyped-call]


def _besides_ours(own: Callable[[object], bool]) -> Callable[[object], bool]:
    """``has_torch_function``, for which hookcount's own mode for functions does not count.

    A layer asks it before it runs as one op.
    """

    @functools.wraps(own)
    def has_torch_function(args: object) -> bool:
        modes = _function_modes() if _fuses_layers() else []
        if len(modes) != 1 or not getattr(modes[0], "keeps_constants", False):
            return own(args)
        with torch.overrides._pop_mode_temporarily():
            return own(args)

    return has_torch_function
