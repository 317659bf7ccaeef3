"""The modules that run in a block, also in its backward passes, without a model given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import nn
from torch.nn.modules import module as every_module

from ...core.trace import OUTSIDE
from ...observe.owners import Owners

_SEPARATOR = "\0"
_NO_PASS = -1
"""The number of the backward pass where none runs."""


class Modules:
    """The names of the modules that run in this thread."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._names: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
        self._with_names_below: WeakSet[nn.Module] = WeakSet()
        self._owners = Owners()
        self._running: list[tuple[nn.Module, tuple[str, ...]]] = []

    def enter(self, module: nn.Module, *_: object) -> None:
        """A module call begins."""
        if threading.get_ident() == self._thread:
            name, above = self._name(module), self.here()
            if name in above:  # a checkpoint runs the module again
                above = above[: above.index(name)]
            self._running.append((module, (*above, name)))
            self._note()

    def leave(self, module: nn.Module, *_: object) -> None:
        """A module call ended, also by an exception."""
        if threading.get_ident() == self._thread:
            if any([each is module for each, _ in self._running]):  # noqa: C419 (faster)
                while self._running.pop()[0] is not module:
                    pass
            self._note()

    def here(self) -> tuple[str, ...]:
        """The modules to which an op belongs that runs now, outermost first."""
        if self._running:
            return self._running[-1][1]
        node: Any = torch._C._current_autograd_node()
        if node is None or torch._C._current_graph_task_id() == _NO_PASS:
            self._owners.continue_as(OUTSIDE)
            return ()
        path = self._owners.of(node._sequence_nr())
        self._owners.continue_as(path)
        return () if path == OUTSIDE else tuple(path.split(_SEPARATOR))

    def _note(self) -> None:
        """Nodes of the graph belong to these modules from now on."""
        names = self._running[-1][1] if self._running else (OUTSIDE,)
        self._owners.begin(_SEPARATOR.join(names))

    def _name(self, module: nn.Module) -> str:
        """The name of a module, as torch finds it.

        A module in two others has the name of its last place there. The modules in it have those of
        the first place.
        """
        name = self._names.setdefault(module, type(module).__name__)
        if module not in self._with_names_below:
            self._with_names_below.add(module)
            for key, child in module.named_children():
                self._names[child] = f"{name}.{key}"
                self._name(child)
        return name


@contextmanager
def modules_running() -> Iterator[Modules]:
    """Follows the calls of all modules for the block."""
    modules = Modules()
    with ExitStack() as hooks:
        before = every_module.register_module_forward_pre_hook(modules.enter)
        hooks.callback(before.remove)
        after = every_module.register_module_forward_hook(modules.leave, always_call=True)
        hooks.callback(after.remove)
        yield modules
