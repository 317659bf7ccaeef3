"""The settings that each thread has for itself: how to read them and how to put them back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

import torch

from .setting import Setting

_left_on: list[object] = []
"""Guards of inference mode that must outlive the forward which left the mode changed."""


def _inference(on: bool) -> None:
    guard = torch._C._InferenceMode(on)
    guard.__enter__()  # type: ignore[no-untyped-call]
    _left_on.append(guard)


def _nesting() -> int:
    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def _nest(depth: int) -> None:
    while _nesting() > depth:
        torch.autocast_decrement_nesting()
    while _nesting() < depth:
        torch.autocast_increment_nesting()


def _autocast(device: str) -> Iterator[Setting]:
    yield Setting(
        f"autocast on {device}",
        functools.partial(torch.is_autocast_enabled, device),
        functools.partial(torch.set_autocast_enabled, device),
    )
    yield Setting(
        f"autocast dtype on {device}",
        functools.partial(torch.get_autocast_dtype, device),
        functools.partial(torch.set_autocast_dtype, device),
    )


def _saving_hooks() -> Any:
    """The innermost hooks on tensors that autograd saves. torch 2.6 does not tell."""
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return None if top is None else top(True)


def _pop_saving_hooks(before: Any) -> None:
    while _saving_hooks() is not None and _saving_hooks() != before:
        torch._C._autograd._pop_saved_tensors_default_hooks()


def _decimals() -> Any:
    decimal = sys.modules.get("decimal")
    return None if decimal is None else _Decimals(decimal.getcontext())


class _Decimals:
    """The context of ``decimal``, and what was in it."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self.copy = context.copy()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Decimals)
            and other.context is self.context
            and repr(other.copy) == repr(self.copy)
        )

    __hash__ = None  # type: ignore[assignment]


def _set_decimals(before: _Decimals | None) -> None:
    if before is None:
        return
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"):
        setattr(before.context, name, getattr(before.copy, name))
    before.context.traps.update(before.copy.traps)
    before.context.flags.update(before.copy.flags)
    sys.modules["decimal"].setcontext(before.context)


def _numpy_errors() -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.geterr()


def _set_numpy_errors(before: dict[str, str] | None) -> None:
    if before is not None:
        sys.modules["numpy"].seterr(**before)


def _numpy_printing() -> Any:
    numpy = sys.modules.get("numpy")
    return None if numpy is None else numpy.get_printoptions()


def _set_numpy_printing(before: dict[str, Any] | None) -> None:
    if before is not None:
        sys.modules["numpy"].set_printoptions(**before)


THREAD: tuple[Setting, ...] = (
    Setting("inference mode", torch.is_inference_mode_enabled, _inference),
    Setting("grad mode", torch.is_grad_enabled, torch._C._set_grad_enabled),
    Setting(
        "multithreaded backward",
        torch._C._is_multithreading_enabled,
        torch._C._set_multithreading_enabled,
    ),
    Setting("hooks on saved tensors", _saving_hooks, _pop_saving_hooks),
    Setting("decimals", _decimals, _set_decimals),
    Setting("numpy's printing", _numpy_printing, _set_numpy_printing),
    Setting("numpy's errors", _numpy_errors, _set_numpy_errors),
    Setting("number of threads", torch.get_num_threads, torch.set_num_threads),
    *_autocast("cpu"),
    *_autocast("cuda"),
    Setting("autocast nesting", _nesting, _nest),
    Setting("autocast cache", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled),
)
"""The settings that each thread has for itself."""
