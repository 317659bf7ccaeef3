"""Keeps hookcount's own functions away from torch's compiler, and runs them outside of it.

A function that is compiled may count. The compiler then ends its graph at the count and begins a
new one after it. With ``fullgraph=True`` the compiler raises its own error.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any, ParamSpec, TypeVar

from torch._C._dynamo import eval_frame

P = ParamSpec("P")
R = TypeVar("R")
_compiler: Any = eval_frame


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """Let the compiler neither trace ``function`` nor compile what runs inside.

    This is ``torch.compiler.disable``, which would import the compiler. That takes seconds.
    """

    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        around = _compiler.set_eval_frame(None)
        try:
            return function(*args, **kwargs)
        finally:
            _compiler.set_eval_frame(around)

    _skip(call.__code__)
    functools.update_wrapper(call, function)
    vars(call)["_torchdynamo_disable"] = True
    return call


@contextmanager
def outside_of_compiler() -> Iterator[None]:
    """Run the block as it is written, also where it is called by a compiled function."""
    around = _compiler.set_eval_frame(None)
    try:
        yield
    finally:
        _compiler.set_eval_frame(around)


def skipped(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, over which the compiler passes. What it calls is compiled as before."""
    _skip(function.__code__)
    return function


def _skip(code: CodeType) -> None:
    """Let the compiler pass over a function, but not over what the function calls."""
    if hasattr(_compiler, "skip_code"):  # torch 2.6
        _compiler.skip_code(code)
    else:
        action = _compiler._FrameAction
        strategy = _compiler._FrameExecStrategy(action.SKIP, action.DEFAULT)
        _compiler.set_code_exec_strategy(code, strategy)
