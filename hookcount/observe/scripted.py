"""Modules of TorchScript: their submodules run inside one graph, where no hook of Python runs.

During a count a copy of the graph runs, with the graphs of all submodules in it. Around the graph
of each submodule there is a note. The copy works on the module itself.
"""

from __future__ import annotations

import itertools
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any

import torch

from .graph_parts import Part, Parts, parts_seen, seen_here, walking
from .module_tree import ModuleTree, type_name
from .observer import Observer
from .patches import Undo, shared

Script = Any
"""A ``torch.jit.ScriptModule``. Its classes are not typed."""
Graph = Any
"""A ``torch.Graph``."""
Forward = Callable[..., object]

_FORWARD = re.compile(r"forward\d*")
"""The methods that are calls of a module. A trace gives each call a method of its own."""


class _Running(threading.local):
    def __init__(self) -> None:
        self.runs: list[_Run] = []


_running = _Running()


class _Run:
    """One run of a graph: the calls of submodules that have begun."""

    def __init__(self, go: Callable[[Parts], None], types: dict[str, str]) -> None:
        self._go = go
        self._types = types
        self._calls: list[Part] = []
        self._keys = itertools.count()

    def begin(self, path: str) -> None:
        self._calls.append(Part(str(next(self._keys)), path, self._types[path]))
        self._go(tuple(self._calls))

    def end(self) -> None:
        self._calls.pop()
        self._go(tuple(self._calls))


def hookcount_begins(path: str) -> None:
    """A note in a graph: the call of the submodule at ``path`` begins."""
    for run in _running.runs[-1:]:
        run.begin(path)


def hookcount_ends(path: str) -> None:
    """A note in a graph: the call of the submodule at ``path`` ends."""
    for run in _running.runs[-1:]:
        run.end()


def _both(path: str) -> None:
    hookcount_begins(path)
    hookcount_ends(path)


@cache
def _notes() -> tuple[Graph, list[Any]]:
    """A graph with both notes, and its two nodes, to copy."""
    for each in (hookcount_begins, hookcount_ends):
        # TorchScript calls them as they are, and it reads no annotations that are text
        each.__annotations__.update({"path": str, "return": None})
        torch.jit.ignore(each)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        graph = torch.jit.script(_both).graph
    return graph, [node for node in graph.nodes() if node.kind() != "prim::Constant"][:2]


@contextmanager
def scripts_seen(observer: Observer, tree: ModuleTree) -> Iterator[None]:
    """For the block, the scripted modules of a model report their submodules to ``observer``."""
    classes = [
        each for each in tree.types if issubclass(each, torch.jit.ScriptModule) and _looks_up(each)
    ]
    with ExitStack() as entered:
        if classes:
            _notes()  # before any mode is active
            entered.enter_context(parts_seen(observer, tree))
        for cls in classes:
            entered.enter_context(shared((cls, "forward"), partial(_install, cls)))
        yield


def _looks_up(cls: type) -> bool:
    """Whether the forward of a class is a scripted method. A class may have one in Python."""
    found = next(vars(each)["forward"] for each in cls.__mro__ if "forward" in vars(each))
    return type(found).__name__ == "_CachedForward"


def _install(cls: type) -> Undo:
    """Give a class a ``forward`` that comes before the one in the attributes of its instances."""
    own = vars(cls).get("forward")
    made: dict[int, _Noted | None] = {}

    def forward_of(module: Script) -> Forward:
        """The method that torch looks up, or in a count of this thread the one with notes."""
        method: Forward = vars(module).get("forward") or module.__getattr__("forward")
        if not seen_here() or not isinstance(method, torch._C.ScriptMethod):
            return method
        if id(module) not in made:
            made[id(module)] = _with_notes(module)
        noted = made[id(module)]
        return method if noted is None else noted.forward(module, method)

    ours = property(forward_of)
    cls.forward = ours  # type: ignore[attr-defined]

    def undo() -> None:
        if vars(cls).get("forward") is not ours:
            return
        if own is None:
            del cls.forward  # type: ignore[attr-defined]
        else:
            cls.forward = own  # type: ignore[attr-defined]

    return undo


class _Noted:
    """The ``forward`` of a scripted module with notes in its graph."""

    def __init__(self, graph: Graph, types: dict[str, str]) -> None:
        self._function: Any = torch._C._create_function_from_graph("forward", graph)
        self._types = types

    def forward(self, module: Script, method: Any) -> Forward:
        """The graph with notes, to be called like ``method``."""

        def forward(*args: object, **kwargs: object) -> object:
            bound = _bound(method.schema.arguments[1:], args, kwargs)
            if bound is None:
                return method(*args, **kwargs)  # it raises torch's own error
            # the copied graph belongs to no method, so it takes the module itself too
            with walking("") as go:
                _running.runs.append(_Run(go, self._types))
                try:
                    return self._function(module, *bound)
                finally:
                    _running.runs.pop()

        return forward


def _bound(
    parameters: list[Any], args: tuple[object, ...], kwargs: dict[str, object]
) -> list[object] | None:
    """All arguments in the order of the parameters. None if they do not fit."""
    found, left = list(args), dict(kwargs)
    for parameter in parameters[len(args) :]:
        if parameter.name in left:
            found.append(left.pop(parameter.name))
        elif parameter.has_default_value():
            found.append(parameter.default_value)
    return found if len(found) == len(parameters) and not left else None


def _with_notes(module: Script) -> _Noted | None:
    """The graph of a module with notes around its submodules. None if it calls none."""
    types: dict[str, str] = {}
    graph = _opened(module, "", "forward", types)
    return _Noted(graph, types) if types else None


def _opened(module: Script, path: str, method: str, types: dict[str, str]) -> Graph:
    """A copy of a method's graph, with the graphs of the called methods in it.

    ``path``: that of the module. ``types`` gets the type of each submodule whose forward is called.
    """
    graph = module._c._get_method(method).graph.copy()
    itself = next(iter(graph.inputs()))
    for node in list(graph.findAllNodes("prim::CallMethod", True)):
        given = list(node.inputs())
        names = _names(given[0], itself)
        if names is None:
            continue  # the module is chosen while the graph runs
        below, called = module, node.s("name")
        for name in names:
            below = getattr(below, name)
        there = ".".join((*([path] if path else []), *names))
        is_call = bool(names) and _FORWARD.fullmatch(called) is not None
        if is_call:
            types[there] = type_name(below)
        inner = _opened(below, there, called, types)
        with graph.insert_point_guard(node):
            if is_call:
                _note(graph, 0, there)
            results = graph.insertGraph(inner, given)
            if is_call:
                _note(graph, 1, there)
        for before, result in zip(node.outputs(), results, strict=True):
            before.replaceAllUsesWith(result)
        node.destroy()
    return graph


def _names(value: Any, itself: Any) -> list[str] | None:
    """The attributes that lead from the module itself to a value. None if others do."""
    names: list[str] = []
    while value.debugName() != itself.debugName():
        node = value.node()
        if node.kind() != "prim::GetAttr":
            return None
        names.insert(0, node.s("name"))
        value = node.inputsAt(0)
    return names


def _note(graph: Graph, which: int, path: str) -> None:
    """Insert a note at the graph's insert point. ``which``: 0 where a call begins, 1 at its end."""
    _, nodes = _notes()
    constant = graph.insertConstant(path)
    graph.insertNode(graph.createClone(nodes[which], lambda value: constant))
