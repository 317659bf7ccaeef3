"""``Fills``: the role that has most of the work of a row, and its colour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ...analysis.folding.row import Row
from ...analysis.roles.roles import ROLES, Share
from ...analysis.roles.rules import split
from ...core.errors import InputError
from ...core.ops import Ops, flops
from ...pricing.priced import Priced
from ...pricing.tree import Node
from ..page.colours import ROLE_FILLS
from .counted import Counted

MIXED = "several roles"
_PLAIN = "#9ecbf5"
"""The fill where roles are not known."""
_MOST = 0.75
"""A cell has the colour of a role that has so much of its work."""

Shares = Mapping[str, int]
"""Work by role."""


class Fills:
    """The roles of rows. A report that was read from a file has none."""

    def __init__(self, priced: Priced, figure: Counted) -> None:
        try:
            shares = split(priced).shares
        except InputError:
            shares = ()
        weights = (figure.of or _macs, flops, _presence) if shares else ()
        self._views = [_View(priced.tree, shares, weigh) for weigh in weights]

    def role(self, rows: Sequence[Row]) -> str:
        """The role with most of the work of the rows. Empty if no role is known."""
        for view in self._views:
            shares = view.shares(rows)
            if shares:
                most = max(shares, key=lambda role: shares[role])
                return most if shares[most] >= _MOST * sum(shares.values()) else MIXED
        return ""

    def fill(self, role: str) -> str:
        """The colour of a role. Empty for several roles."""
        if role in ROLE_FILLS:
            return ROLE_FILLS[role][0]
        return "" if self._views else _PLAIN

    def key(self, roles: Iterable[str]) -> list[tuple[str, str]]:
        """The roles that are there with their colours, in their order."""
        found = set(roles)
        return [(role, self.fill(role)) for role in (*ROLES, MIXED) if role in found]


class _View:
    """The roles of modules by one weight."""

    def __init__(self, tree: Node, shares: Sequence[Share], weigh: Callable[[Ops], int]) -> None:
        self._own: dict[str, dict[str, int]] = {}
        for each in shares:
            if weight := weigh(each.ops):
                mine = self._own.setdefault(each.path, {})
                mine[each.role] = mine.get(each.role, 0) + weight
        self._whole: dict[str, Shares] = {}
        for node in reversed(list(tree)):
            below = [self._whole[child.path] for child in node.children]
            self._whole[node.path] = _sum([self._own.get(node.path, {}), *below])

    def shares(self, rows: Sequence[Row]) -> Shares:
        """The weight of each role in the rows."""
        return _sum(
            [
                (self._own if row.kind == "itself" else self._whole).get(node.path, {})
                for row in rows
                for node in row.nodes
            ]
        )


def _macs(ops: Ops) -> int:
    return ops.macs


def _presence(ops: Ops) -> int:
    return 1


def _sum(shares: Iterable[Shares]) -> Shares:
    several = [each for each in shares if each]
    if len(several) == 1:
        return several[0]
    total: dict[str, int] = {}
    for each in several:
        for role, weight in each.items():
            total[role] = total.get(role, 0) + weight
    return total
