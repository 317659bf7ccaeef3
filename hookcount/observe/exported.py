"""Graphs of ``torch.export``, and other graphs of ``torch.fx`` whose nodes name their modules.

An exported model is one graph of ops. Each node has the stack of module calls in which its op ran
in the source model. During a count the graph's code runs with a note before each op that begins
another call.
"""

from __future__ import annotations

import ast
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeGuard

from torch import nn

from .graph_parts import Part, Parts, last_name, parts_seen, seen_here, walking
from .module_tree import ModuleTree
from .observer import Observer
from .patches import patched

if TYPE_CHECKING:
    from torch import fx
    from torch.export import ExportedProgram

Model: TypeAlias = "nn.Module | ExportedProgram"
"""What can be counted."""

_GO = "_go_to_part"
"""The name of the notes in the code of a graph."""
_ROOT = "_export_root"
_NOT_WORK = (operator.getitem,)
"""Functions in graphs that only unpack a result."""

Forward = Callable[..., object]


def program_module(model: object) -> object:
    """The module of a ``torch.export`` program. Anything else is given back as it is."""
    return model.module() if is_program(model) else model


def countable(model: object) -> TypeGuard[Model]:
    """Whether an object is a module or a program of ``torch.export``."""
    return isinstance(model, nn.Module) or is_program(model)


def is_program(model: object) -> TypeGuard[ExportedProgram]:
    """Whether an object is a program of ``torch.export``."""
    program = getattr(sys.modules.get("torch.export.exported_program"), "ExportedProgram", None)
    return program is not None and isinstance(model, program)


@contextmanager
def graphs_seen(observer: Observer, tree: ModuleTree) -> Iterator[None]:
    """For the block, the graphs of a model report their parts to ``observer``."""
    graph = getattr(sys.modules.get("torch.fx.graph_module"), "GraphModule", None)
    # fx gives each graph module a class of its own
    classes = [] if graph is None else [each for each in tree.types if issubclass(each, graph)]
    with ExitStack() as entered:
        if classes:
            entered.enter_context(parts_seen(observer, tree))
        for cls in classes:
            entered.enter_context(patched(cls, "forward", _noted))
        yield


def _noted(own: Forward) -> Forward:
    """The ``forward`` of a graph module, which in a count of its thread tells of its parts."""
    made: list[_Noted | None] = []

    def forward(self: fx.GraphModule, *args: object, **kwargs: object) -> object:
        if not seen_here():
            return own(self, *args, **kwargs)
        if not made:
            made.append(_with_notes(self, own))
        noted = made[0]
        if noted is None:
            return own(self, *args, **kwargs)
        with walking(noted.root) as go:
            return noted.telling(go)(self, *args, **kwargs)

    return forward


class _Noted(NamedTuple):
    """The ``forward`` of a graph with notes in it."""

    code: CodeType
    namespace: dict[str, Any]
    defaults: tuple[Any, ...] | None
    notes: list[Parts]
    root: str
    """The type of the source model."""

    def telling(self, go: Callable[[Parts], None]) -> Forward:
        """The function that runs the graph and calls ``go`` at each note."""

        def to(index: int) -> None:
            go(self.notes[index])

        return FunctionType(self.code, {**self.namespace, _GO: to}, argdefs=self.defaults)


def _with_notes(module: fx.GraphModule, own: Forward) -> _Noted | None:
    """The ``forward`` of a graph with notes in it.

    None if no node names a module, or if ``own`` is not the code of the graph.
    """
    parts = {node.name: _parts(node) for node in module.graph.nodes}
    named = [each for each in parts.values() if each]
    if not named or not isinstance(own, FunctionType):
        return None
    source = ast.parse(module.code)
    code = _forward_of(source)
    if code is None or code.co_code != own.__code__.co_code:
        return None
    notes: list[Parts] = []
    _insert_notes(source, parts, notes, own.__code__.co_firstlineno - code.co_firstlineno)
    noted = _forward_of(source, own.__code__.co_filename)
    assert noted is not None
    root = next((part.type for each in named for part in each if not part.path), "")
    return _Noted(noted, own.__globals__, own.__defaults__, notes, root)


def _forward_of(source: ast.Module, file: str = "<graph>") -> CodeType | None:
    """The code of the function ``forward`` in the source of a graph."""
    constants = compile(source, file, "exec").co_consts
    found = (each for each in constants if isinstance(each, CodeType))
    return next((each for each in found if each.co_name == "forward"), None)


def _insert_notes(
    source: ast.Module, parts: dict[str, Parts | None], notes: list[Parts], lines: int
) -> None:
    """Put a note before each statement that begins another call. ``lines``: how many to add."""
    for each in source.body:
        if not isinstance(each, ast.FunctionDef) or each.name != "forward":
            continue
        body: list[ast.stmt] = []
        last: Parts | None = None
        for statement in each.body:
            here = parts.get(_assigned(statement))
            if here is not None and here != last:
                note = ast.parse(f"{_GO}({len(notes)})").body[0]
                for inner in ast.walk(note):
                    ast.copy_location(inner, statement)
                notes.append(here)
                body.append(note)
                last = here
            body.append(statement)
        each.body = body
    ast.increment_lineno(source, lines)


def _assigned(statement: ast.stmt) -> str:
    """The node whose value a statement assigns. Empty for a statement that drops values."""
    if isinstance(statement, ast.Assign):
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return ""
    dropped = isinstance(value, ast.Constant) and value.value is None
    return target.id if isinstance(target, ast.Name) and not dropped else ""


def _parts(node: fx.Node) -> Parts | None:
    """The module calls around a node. None for a node that does no work."""
    stack: dict[str, tuple[str, Any]] | None = node.meta.get("nn_module_stack")
    if stack is None or not node.op.startswith("call_") or node.target in _NOT_WORK:
        return None
    found = [Part(key, _below(path), _type(cls)) for key, (path, cls) in stack.items()]
    if node.op == "call_module":  # that module's own hooks tell of its call
        found = [part for part in found if part.path != node.target]
    return tuple(found)


def _below(path: str) -> str:
    """A path of a node. In a branch of ``torch.cond`` torch puts a name of its own before it."""
    return path.removeprefix(_ROOT).removeprefix(".") if path.startswith(_ROOT) else path


def _type(cls: str | type[nn.Module]) -> str:
    return last_name(cls) if isinstance(cls, str) else cls.__name__
