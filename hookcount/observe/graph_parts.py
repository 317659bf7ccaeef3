"""Parts of a graph: during its forward, the modules that it was made from seem to be called.

The graph's code says between its ops which part comes next. ``Walk`` tells the observers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn

from .module_tree import ModuleTree
from .observer import Observer, observers_here

_trees: dict[int, ModuleTree] = {}
"""The tree of each observer that is active, by the observer's id."""


class Part(NamedTuple):
    """One call of a module from which a graph was made."""

    key: str
    """Differs between two calls of one module."""
    path: str
    """The path below the graph's own place. Empty for the model that became the graph."""
    type: str


Parts = tuple[Part, ...]
"""The calls around an op, outermost first."""


class _Walks(threading.local):
    def __init__(self) -> None:
        self.stack: list[Walk] = []


_walks = _Walks()


@contextmanager
def parts_seen(observer: Observer, tree: ModuleTree) -> Iterator[None]:
    """For the block, graphs that run report their parts to ``observer``."""
    before = _trees.get(id(observer))
    _trees[id(observer)] = tree
    try:
        yield
    finally:
        if before is None:
            del _trees[id(observer)]


class Walk:
    """The way of one observer through one run of a graph."""

    observer: Observer
    root: str
    base: str
    """The path of the whole graph."""

    def __init__(self, observer: Observer, tree: ModuleTree, root: str) -> None:
        around: list[Walk] = [each for each in _walks.stack if each.observer is observer]
        self.observer = observer
        self.root = root
        # a branch of torch.cond is a graph in the graph, whose parts have paths in the whole
        within = around[-1] if root and around and around[-1].root == root else None
        self.base = observer.here()[0] if within is None else within.base
        self._tree = tree
        self._held: frozenset[str] = frozenset() if within is None else within.keys()
        self._open: list[tuple[Part, nn.Module]] = []
        if within is None and root:
            tree.original(self.base, root)

    def keys(self) -> frozenset[str]:
        """The keys of the calls that have not returned, also of the graphs around this one."""
        return self._held | {part.key for part, _ in self._open}

    def go(self, parts: Parts) -> None:
        """Leave what has returned before the next op, and enter what is called around it."""
        wanted = [part for part in parts if part.path and part.key not in self._held]
        same = 0
        for (part, _), next_part in zip(self._open, wanted, strict=False):
            if part.key != next_part.key:
                break
            same += 1
        self.leave(same)
        for part in wanted[same:]:
            path = f"{self.base}.{part.path}" if self.base else part.path
            module = self._tree.original(path, part.type)
            self.observer.enter(module)
            self._open.append((part, module))

    def leave(self, depth: int = 0) -> None:
        """Leave all parts but ``depth``."""
        while len(self._open) > depth:
            self.observer.leave(self._open.pop()[1])
            self.observer.failed_at = None

    def fail(self) -> None:
        """Leave all parts after an exception. The innermost one is where it was raised."""
        while self._open:
            self.observer.leave(self._open.pop()[1])


def seen_here() -> bool:
    """Whether an observer of this thread wants to know of the parts of graphs."""
    return any(not each.paused and id(each) in _trees for each in observers_here())


@contextmanager
def walking(root: str) -> Iterator[Callable[[Parts], None]]:
    """A run of a graph. Gives the function to call with the parts around the ops that follow.

    ``root``: the type of the model that became the graph.
    """
    walks = [
        Walk(each, _trees[id(each)], root)
        for each in observers_here()
        if not each.paused and id(each) in _trees
    ]

    def go(parts: Parts) -> None:
        for walk in walks:
            if not walk.observer.paused:
                walk.go(parts)

    _walks.stack += walks
    try:
        yield go
    except BaseException:
        for walk in walks:
            walk.fail()
        raise
    finally:
        del _walks.stack[len(_walks.stack) - len(walks) :]
        for walk in walks:
            walk.leave()


def last_name(qualified: str) -> str:
    """The class's own name in ``package.module.Class``."""
    return qualified.rpartition(".")[2]
