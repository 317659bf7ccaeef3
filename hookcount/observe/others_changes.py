"""Notes what other threads set at the modules of a model while it is counted, so that it stays.

A thread that trains the model may call ``model.eval()`` meanwhile, or replace a layer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from .by_thread import Inside, threads_of
from .module_tree import ModuleTree
from .patches import patched
from .undo import others
from .undo.modules import GONE, Changes, restoring

_METHODS = ("__setattr__", "__delattr__", "register_buffer", "register_parameter", "add_module")
"""Methods of modules that set or remove what has a name, the first argument."""


class _Noting:
    """The changes that threads outside of one count have made."""

    def __init__(self, tree: ModuleTree) -> None:
        self.ids = frozenset(map(id, tree.modules))
        self.inside: Inside = threads_of(tree)
        self.changes = Changes()

    def note(self, module: nn.Module, name: str) -> None:
        """Another thread has set or removed ``name``."""
        state = vars(module)
        for held in (state, *(state.get(each) for each in ("_parameters", "_buffers", "_modules"))):
            if held is not None:
                self.changes.made.append((held, name, held.get(name, GONE)))

    def moved(self, module: nn.Module) -> None:
        """Another thread has moved the tensors of a module."""
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                self.changes.made.append((held, name, tensor))
                self.changes.moved.add(id(tensor))


_noting: list[_Noting] = []


@contextmanager
def others_changes(tree: ModuleTree) -> Iterator[Changes]:
    """For the block, note what other threads change at the modules of a tree."""
    noting = _Noting(tree)
    with ExitStack() as undo:
        if others.clocks():
            _noting.append(noting)
            undo.callback(_noting.remove, noting)
            for name in _METHODS:
                undo.enter_context(patched(nn.Module, name, _noted))
            undo.enter_context(patched(nn.Module, "_apply", _moving))
        yield noting.changes


def _counts(module: nn.Module) -> list[_Noting]:
    """The counts of a module that this thread does not work for."""
    return [each for each in tuple(_noting) if id(module) in each.ids and not each.inside()]


def _noted(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def method(self: nn.Module, name: str, *args: Any, **kwargs: Any) -> Any:
        if not _counts(self):
            return own(self, name, *args, **kwargs)
        with restoring:
            result = own(self, name, *args, **kwargs)
            for each in _counts(self):
                each.note(self, name)
        return result

    return method


def _moving(own: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(own)
    def _apply(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if not _counts(self):
            return own(self, *args, **kwargs)
        with restoring:
            result = own(self, *args, **kwargs)
            for each in _counts(self):
                each.moved(self)
        return result

    return _apply
