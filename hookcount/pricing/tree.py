"""The module tree: the own cost of each module, and its total with all modules beneath."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..core.errors import UnknownModuleError, error_text, module_at, near
from ..core.ops import NOTHING, Ops
from ..core.portable import Portable
from ..core.trace import Call, ModuleRun, Place, TensorFact, Trace, leaves
from .price import FORWARD, Phases, Sums, called_in


@dataclass(frozen=True)
class Node(Portable):
    """A module at one place in the tree."""

    path: str
    type: str
    depth: int
    calls: int
    own: Ops
    """The cost of this module without its children."""
    total: Ops
    """``own`` and the totals of all children."""
    params: int
    """Elements of the parameters here and beneath. A shared tensor counts once."""
    trainable_params: int
    param_bytes: int
    own_params: int
    """Elements of the parameters that occur here first. All ``own_params`` sum to the total."""
    output_bytes: int
    """Bytes of the outputs of all calls."""
    uncounted: int
    """Uncounted calls at this very place, without those beneath."""
    leaf: bool
    children: tuple[Node, ...]
    distinct: tuple[Call, ...] = field(repr=False, compare=False)
    """The distinct calls of this module."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Each distinct set of input shapes."""
        return tuple(dict.fromkeys(_shapes(call.args, call.kwargs) for call in self.distinct))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Each distinct set of output shapes."""
        return tuple(dict.fromkeys(_shapes(call.out) for call in self.distinct))

    def __iter__(self) -> Iterator[Node]:
        """This node and all nodes beneath, in the order of ``named_modules``."""
        yield self
        for child in self.children:
            yield from child

    def __getitem__(self, path: str) -> Node:
        """The node at ``path``, which is relative to this node: ``tree["layer1.0"]``.

        Raises ``UnknownModuleError``, a ``LookupError``, if there is none.
        """
        node = self
        for name in str(path).split(".") if path != "" else ():
            found = next((child for child in node.children if child.name == name), None)
            if found is None or not isinstance(path, str):
                raise self._unknown(path)
            node = found
        return node

    def _unknown(self, path: object) -> UnknownModuleError:
        start = len(self.path) + 1 if self.path else 0
        known = [node.path[start:] for node in self if node is not self]
        near_by = (near(str(path), known) or known[:4]) if known else []
        fix = f"use one of {', '.join(map(repr, near_by))}" if near_by else "it has no children"
        where = module_at(self.path, self.type)
        return UnknownModuleError(error_text(where, f"there is no module at {path!r}", fix))

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


def grow(trace: Trace, sums: Sums, phases: Phases = FORWARD) -> Node:
    """The tree of a priced trace, for some of its phases."""
    return _Grower(trace, sums, phases).node(trace.places[0].path)


class _Grower:
    """Builds the nodes from the leaves to the root."""

    def __init__(self, trace: Trace, sums: Sums, phases: Phases) -> None:
        self._places = {place.path: place for place in trace.places}
        self._calls = sums.calls_at
        self._uncounted = sums.uncounted_at
        self._own: dict[str, Ops] = {}
        for record in sums.records:
            before = self._own.get(record.path)
            self._own[record.path] = record.ops if before is None else before + record.ops
        self._runs: dict[str, list[ModuleRun]] = {}
        called = called_in(phases)
        for run in trace.runs:
            if run.phase in called and not run.of_step:
                self._runs.setdefault(run.path, []).append(run)
        self._reached: set[str] = set()
        for path in (*self._own, *self._uncounted, *self._runs):
            self._reach(path)
        self._below: dict[str, list[str]] = {}
        for path in self._places:
            if path:
                self._below.setdefault(path.rpartition(".")[0], []).append(path)
        keys = [fact.key for place in trace.places for fact in place.tensors if not fact.is_buffer]
        self._shared = len(set(keys)) < len(keys)
        self._met: set[int] = set()
        self._bytes: dict[int, int] = {}

    def _reach(self, path: str) -> None:
        """Add the places up to ``path`` that ran but are not in the trace's tree.

        That tree may have a place whose parent did no work: ``<outside>`` has none.
        """
        while path and path not in self._reached:
            self._reached.add(path)
            if path not in self._places:
                runs = self._runs.get(path)
                self._places[path] = Place(
                    path, runs[0].type if runs else "", -len(self._places), (), True, False
                )
            path = path.rpartition(".")[0]

    def node(self, path: str, depth: int = 0) -> Node:
        """The node at ``path``, with its children."""
        place = self._places[path]
        mine = {fact.key: fact for fact in place.tensors if not fact.is_buffer}
        new = sum([fact.elements for key, fact in mine.items() if key not in self._met])
        self._met.update(mine)
        children = tuple([self.node(child, depth + 1) for child in self._below.get(path, ())])
        own = total = self._own.get(path, NOTHING)
        for child in children:
            if child.total is not NOTHING:
                total = child.total if total is NOTHING else total + child.total
        params, trainable, size = self._sizes(path, mine.values(), children)
        calls = [run.call for run in self._runs.get(path, ()) if run.call is not None]
        return Node(
            path=path,
            type=place.type,
            depth=depth,
            calls=self._calls.get(path, 0),
            own=own,
            total=total,
            params=params,
            trainable_params=trainable,
            param_bytes=size,
            own_params=new,
            output_bytes=sum([self._output_bytes(call) for call in calls]),
            uncounted=self._uncounted.get(path, 0),
            leaf=not children,
            children=children,
            distinct=tuple(calls) if len(calls) < 2 else tuple(dict.fromkeys(calls)),
        )

    def _sizes(
        self, path: str, mine: Iterable[TensorFact], children: tuple[Node, ...]
    ) -> tuple[int, int, int]:
        """Elements, trainable elements and bytes of the parameters at a path and beneath.

        Each parameter counts once. ``mine``: the parameters at the path itself.
        """
        below: tuple[Node, ...] = children
        if self._shared:
            mine, below = {fact.key: fact for fact in self._beneath(path)}.values(), ()
        return (
            sum([fact.elements for fact in mine]) + sum([node.params for node in below]),
            sum([fact.elements for fact in mine if fact.trainable])
            + sum([node.trainable_params for node in below]),
            sum([fact.bytes for fact in mine]) + sum([node.param_bytes for node in below]),
        )

    def _beneath(self, path: str) -> Iterator[TensorFact]:
        yield from (fact for fact in self._places[path].tensors if not fact.is_buffer)
        for child in self._below.get(path, ()):
            yield from self._beneath(child)

    def _output_bytes(self, call: Call) -> int:
        found = self._bytes.get(id(call))
        if found is None:
            found = self._bytes[id(call)] = sum(spec.bytes for spec in leaves(call.out))
        return found


def _shapes(*values: object) -> str:
    return ", ".join(str(tuple(spec.shape)) for spec in leaves(values))
