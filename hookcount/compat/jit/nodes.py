"""Calls that a jit trace shows as one node, whatever runs inside.

These are ``apply`` of an ``autograd.Function`` (``prim::PythonOp.Name``, with the name of the
class) and the call of a scripted function (``prim::CallFunction``).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from types import FrameType
from typing import Any, Protocol, cast

import torch
from torch.autograd import function

from ...observe.patches import patched

PYTHON_OP = "prim::PythonOp"
"""The name of the node of an ``autograd.Function``, without the name of the class."""
CALL_FUNCTION = "prim::CallFunction"
"""The name of the node of a scripted function."""

_CHECKPOINT = "CheckpointFunction"
"""The function of activation checkpointing, in torch and in other packages. It has no work of its
own. A jit trace fails if it runs modules."""
_SCRIPTED = cast(type, torch._C.ScriptFunction)

Go = Callable[[], Any]
"""Runs the call."""


class Recorder(Protocol):
    """Records a node."""

    def node(self, name: str, inputs: tuple[Any, ...], names: tuple[str, ...], go: Go) -> Any:
        """Run a call that is one node, and return its result.

        ``inputs`` are the node's inputs, ``names`` the variables that hold them.
        """
        ...


class _Here(threading.local):
    def __init__(self) -> None:
        self.recorders: list[Recorder] = []


_here = _Here()


@contextmanager
def nodes_recorded(recorder: Recorder) -> Iterator[None]:
    """In the block, such calls of this thread go through ``recorder``."""
    _here.recorders.append(recorder)
    try:
        with ExitStack() as entered:
            # ``apply`` is written in C. It looks up ``forward``, also for a caller that kept it.
            meta = function.FunctionMeta
            entered.enter_context(patched(meta, "__getattribute__", _looking_up))
            entered.enter_context(patched(_SCRIPTED, "__call__", _call))
            yield
    finally:
        _here.recorders.pop()


def _looking_up(own: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """How the attributes of the classes of ``autograd.Function`` are found."""

    def look_up(cls: Any, name: str) -> Any:
        found = own(cls, name)
        recorded = name == "forward" and _here.recorders and own(cls, "__name__") != _CHECKPOINT
        return _forward(cls, found) if recorded else found

    return look_up


def _forward(cls: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    """The ``forward`` of a class, recorded if ``apply`` calls it."""

    @wraps(own)
    def forward(*args: Any, **kwargs: Any) -> Any:
        go = partial(own, *args, **kwargs)
        has_context = cls.setup_context is function._SingleLevelFunction.setup_context
        if has_context and not (args and isinstance(args[0], torch._C._FunctionBase)):
            return go()  # the code calls ``forward`` itself
        given = tuple(each for each in args[has_context:] if isinstance(each, torch.Tensor))
        names = _variables(sys._getframe(1), given)
        return _here.recorders[-1].node(f"{PYTHON_OP}.{cls.__name__}", given, names, go)

    return forward


def _call(own: Callable[..., Any]) -> Callable[..., Any]:
    """``__call__`` of all scripted functions."""

    @wraps(own)
    def call(scripted: Any, *args: Any, **kwargs: Any) -> Any:
        go = partial(own, scripted, *args, **kwargs)
        if not _here.recorders:
            return go()
        given = (scripted.name, *args, *kwargs.values())
        return _here.recorders[-1].node(CALL_FUNCTION, given, ("",) * len(given), go)

    return call


def _variables(frame: FrameType | None, values: tuple[Any, ...]) -> tuple[str, ...]:
    """The local variables that hold the values, in the innermost frame outside of torch's own.

    Empty for a value without one.
    """
    while frame is not None and frame.f_code.co_filename == function.__file__:
        frame = frame.f_back
    held = {id(each): name for name, each in reversed(frame.f_locals.items())} if frame else {}
    return tuple(held.get(id(each), "") for each in values)
