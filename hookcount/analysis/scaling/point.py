"""``Point``: the counts of a model at one size of its input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...core.ops import NOTHING, Ops
from ...pricing.priced import Priced
from ..roles.roles import ROLES
from ..roles.rules import split


@dataclass(frozen=True)
class Point:
    """The counts at one size ``n``: of the whole model, by path of the work, and by role."""

    n: int
    total: Ops
    params: int
    by_path: Mapping[str, Ops] = field(repr=False)
    by_role: Mapping[str, Ops] = field(repr=False)


def point_of(n: int, priced: Priced) -> Point:
    """The counts at size ``n``."""
    by_path: dict[str, Ops] = {}
    for record in priced.records:
        by_path[record.path] = by_path.get(record.path, NOTHING) + record.ops
    roles = split(priced)
    return Point(n, priced.total, priced.params, by_path, {role: roles.ops(role) for role in ROLES})
