"""``Dominant``: the role that has most of the work of a row."""

from __future__ import annotations

from collections.abc import Mapping

from ...analysis.folding.row import Row
from ...analysis.roles.roles import ROLES, Split
from ...core.ops import flops
from ...pricing.tree import Node

MOST = 0.75
"""A row has the colour of a role from this share of its work on."""

_Works = dict[int, int]
"""FLOPs by the place of their role in ``ROLES``."""


class Dominant:
    """Finds the role of a row by the work of its modules."""

    def __init__(self, tree: Node, found: Split) -> None:
        self._own: dict[str, _Works] = {}
        for share in found.shares:
            _add(self._own.setdefault(share.path, {}), {ROLES.index(share.role): flops(share.ops)})
        self._total: dict[str, _Works] = {}
        for node in reversed(list(tree)):
            works = dict(self._own.get(node.path, {}))
            for child in node.children:
                _add(works, self._total[child.path])
            self._total[node.path] = works

    def role(self, row: Row) -> int | None:
        """The place in ``ROLES`` of the role with most of the row's work. None if no role has."""
        known = self._own if row.kind == "itself" else self._total
        works: _Works = {}
        for node in row.nodes:
            _add(works, known.get(node.path, {}))
        place = max(works, key=works.__getitem__, default=None)
        whole = sum(works.values())
        return place if place is not None and 0 < MOST * whole <= works[place] else None


def _add(to: _Works, more: Mapping[int, int]) -> None:
    for place, work in more.items():
        to[place] = to.get(place, 0) + work
