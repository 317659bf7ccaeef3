"""A run that replaces functions of torch, as some tools do, to know which calls these tools see.

Such a tool puts its own functions in the place of torch's. It sees a call only if the code took the
function from torch meanwhile. ``f = F.linear`` in a forward is such a function. An alias that the
code took before is none: ``from torch.nn.functional import linear`` at the top of a file. The code
around a call does not always show this. So the run replaces the functions too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType
from typing import Any

import torch

from .observer import Observer, observers_here
from .patches import patched

Function = Callable[..., Any]
_ORIGINAL = "_hookcount_original"


@contextmanager
def functions_named(observer: Observer, names: Iterable[str]) -> Iterator[None]:
    """For the block, an op has the names of these functions around it, in place of its site's.

    ``names`` are written as in ``OpRun.called``. Only attributes of ``torch``, of
    ``torch.nn.functional`` and of ``torch.Tensor`` are replaced.
    """
    with ExitStack() as undo:
        for name in sorted(names):
            owner, _, attribute = name.rpartition(".")
            if owner in _OWNERS and hasattr(_OWNERS[owner], attribute):
                undo.enter_context(_replaced(_OWNERS[owner], attribute, name))
        observer.functions = ()
        yield


_OWNERS: dict[str, type | ModuleType] = {
    "torch": torch,
    "torch.nn.functional": torch.nn.functional,
    "torch.Tensor": torch.Tensor,
}


def _replaced(owner: type | ModuleType, attribute: str, name: str) -> AbstractContextManager[None]:
    return patched(owner, attribute, functools.partial(_named, name))


def _named(name: str, own: Function) -> Function:
    @functools.wraps(own)
    def function(*args: Any, **kwargs: Any) -> Any:
        observer = _listening()
        # torch passes a function by its name to a mode, which calls the function again
        if observer is None or observer.functions is None or name in observer.functions[:1]:
            return own(*args, **kwargs)
        around = observer.functions
        observer.functions = (name, *around)
        try:
            return own(*args, **kwargs)
        finally:
            observer.functions = around

    setattr(function, _ORIGINAL, own)
    return function


def original_of(function: Function) -> Function:
    """The function itself, or that of torch if this is one in its place.

    Torch looks a function up by its name to pass it to a function mode. It passes ``x + y`` as
    ``torch.Tensor.add``. So a mode gets functions that the code has not called.
    """
    found: Function = getattr(function, _ORIGINAL, function)
    return found


def _listening() -> Observer | None:
    return next((each for each in reversed(observers_here()) if each.listening()), None)
