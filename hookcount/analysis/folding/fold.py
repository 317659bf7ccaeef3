"""``folded``: the module tree as rows, with equal siblings as one row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from ...core.ops import NOTHING, Ops
from ...pricing.tree import Node
from .keys import Keys, follows, label, least
from .row import Row

MANY = 250
"""With more rows than this, also siblings of other figures are folded."""
ITSELF = 0.01
"""What a module with children did itself has a row of its own from this share of all MACs on."""


def folded(tree: Node) -> Row:
    """The tree as rows, for people to read first.

    - Consecutive siblings that are equal and have running numbers are one row. If more than
      ``MANY`` rows remain, siblings of the same type, output and children are folded too.
    - A container that did nothing is joined with its only child: ``layers.0-31``.
    - What a module with children did itself is a row ``(itself)``, if it is ``ITSELF`` of all.
    - A childless module without work, parameters and uncounted calls has no row.
    """
    try:
        return _Folder(tree, Keys(tree), MANY).root()
    except _ManyError:
        return _Folder(tree, Keys(tree, alike=True)).root()


def unfolded(node: Node, name: str = "(model)") -> Row:
    """The tree as rows, one for each module."""
    children = tuple([unfolded(child, child.name) for child in node.children])
    return _made(name, (node,), children)


class _ManyError(Exception):
    """There are more rows than allowed."""


class _Folder:
    """Makes the rows. Raises ``_ManyError`` as soon as there are more than ``most``."""

    def __init__(self, tree: Node, keys: Keys, most: float = inf) -> None:
        self._tree = tree
        self._keys = keys
        self._left = most - 1

    def root(self) -> Row:
        return self._row("(model)", (self._tree,))

    def _row(self, name: str, nodes: tuple[Node, ...]) -> Row:
        """The row of equal modules. Its children are rows of the corresponding children of all."""
        below = [
            self._row(label(siblings[0].name, siblings[-1].name), _corresponding(nodes, start, end))
            for start, end in self._runs(nodes[0].children)
            for siblings in (nodes[0].children[start:end],)
        ]
        if len(below) == 1 and nodes[0] is not self._tree and _joins(nodes, below[0]):
            return _renamed(below[0], f"{name}.{below[0].name}")
        shown = [row for row in below if not _is_idle(row)]
        gone = sum(len(row.nodes) + row.left_out for row in below if _is_idle(row))
        own = _sum([node.own for node in nodes])
        if shown and own.macs and own.macs >= ITSELF * self._tree.total.macs:
            shown.append(Row("(itself)", "itself", nodes, (), own, own, 0, 0, 0))
        self._left -= len(shown)
        if self._left < 0:
            raise _ManyError
        return _made(name, nodes, tuple(shown), gone)

    def _runs(self, siblings: Sequence[Node]) -> Iterator[tuple[int, int]]:
        """The start and the end of each run of equal siblings with running numbers."""
        start = 0
        while start < len(siblings):
            end = start + 1
            while end < len(siblings) and self._continues(siblings[end - 1], siblings[end]):
                end += 1
            if end - start < least(siblings[start].name):
                end = start + 1
            yield start, end
            start = end

    def _continues(self, before: Node, node: Node) -> bool:
        return self._keys.equal(before, node) and follows(before.name, node.name)


def _corresponding(nodes: Sequence[Node], start: int, end: int) -> tuple[Node, ...]:
    if len(nodes) == 1:
        return nodes[0].children[start:end]
    return tuple([child for node in nodes for child in node.children[start:end]])


def _made(name: str, nodes: tuple[Node, ...], children: tuple[Row, ...], gone: int = 0) -> Row:
    has_itself = bool(children) and children[-1].kind == "itself"
    uncounted = sum([node.uncounted for node in nodes])
    for row in children:
        uncounted += row.uncounted
        gone += row.left_out
    return Row(
        name,
        "module",
        nodes,
        children,
        own=NOTHING if has_itself else _sum([node.own for node in nodes]),
        total=_sum([node.total for node in nodes]),
        own_params=sum([node.own_params for node in nodes]),
        uncounted=uncounted,
        left_out=gone,
    )


def _renamed(row: Row, name: str) -> Row:
    return replace(row, name=name)


def _joins(containers: Sequence[Node], child: Row) -> bool:
    """Whether containers did nothing but run their only child, or hold it."""
    first, inner = containers[0], child.nodes[0]
    if first.calls and inner.calls and first.outputs != inner.outputs:
        return False
    return not any(
        node.own
        or node.own_params
        or node.uncounted
        or node.params > sum([below.params for below in node.children])
        for node in containers
    )


def _is_idle(row: Row) -> bool:
    """Whether a row is of no interest: no work, no parameters, nothing uncounted."""
    if row.children or row.total or row.uncounted:
        return False
    return not any(node.params for node in row.nodes)


def _sum(works: Sequence[Ops]) -> Ops:
    if len(works) == 1:
        return works[0]
    total = NOTHING
    for each in works:
        if each is not NOTHING:
            total = each if total is NOTHING else total + each
    return total
