"""Which module call the work of a backward pass belongs to.

Autograd numbers the nodes of its graph in each thread. The node that a backward op runs in has the
number of the op that made it. So the number tells the module that was running then. A node that
another thread of the forward made has a mark of that thread.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import torch

from ..core.trace import OUTSIDE
from .contained import tensors

_next_number = torch._C._autograd._get_sequence_nr
_MARK = "hookcount: owners"
"""The key of a mark in the metadata of a node."""


class Owners:
    """The path of the module that made each node of the graph, by the node's number."""

    def __init__(self, elsewhere: Owners | None = None) -> None:
        self._starts: list[int] = []
        self._paths: list[str] = []
        self._elsewhere = elsewhere
        """The owners of another thread, whose graph this thread may go through."""
        self.seen = 0
        """The next number, when it was last looked at."""

    def begin(self, path: str) -> None:
        """Nodes from the next number on belong to ``path``."""
        self.seen = _next_number()
        self._begin(self.seen, path)

    def continue_as(self, path: str) -> None:
        """Nodes since the number that was seen last belong to ``path``."""
        start, self.seen = self.seen, _next_number()
        if self.seen > start and (not self._paths or self._paths[-1] != path):
            self._begin(start, path)

    def _begin(self, start: int, path: str) -> None:
        while self._starts and self._starts[-1] >= start:  # no node was made in between
            self._starts.pop()
            self._paths.pop()
        self._starts.append(start)
        self._paths.append(path)

    def mark(self, made: object, given: object) -> None:
        """Mark the nodes that this thread has made since it began, from ``given`` to ``made``."""
        numbers = range(self._starts[0], _next_number())
        seen, waiting = _nodes(given), list(_nodes(made))
        while waiting:
            node = waiting.pop()
            if node not in seen and node._sequence_nr() in numbers:
                seen.add(node)
                node.metadata[_MARK] = self
                waiting += [each for each, _ in node.next_functions if each is not None]

    def of_node(self, node: Any) -> str:
        """The path of the module that made a node, maybe in another thread."""
        owners: Owners | None = node.metadata.get(_MARK)
        number = node._sequence_nr()
        return self.of(number) if owners is None else owners._of(number)

    def of(self, number: int) -> str:
        """The path of the module that made the node with a number."""
        if self._elsewhere is not None and not (
            self._starts and self._starts[0] <= number < _next_number()
        ):
            return self._elsewhere.of(number)
        return self._of(number)

    def _of(self, number: int) -> str:
        place = bisect_right(self._starts, number) - 1
        return self._paths[place] if place >= 0 else OUTSIDE


def _nodes(value: object) -> set[Any]:
    """The nodes that made the tensors of a value."""
    return {each.grad_fn for each in tensors((value,)) if each.grad_fn is not None}
