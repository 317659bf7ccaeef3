"""Roles as a DataFrame and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...pricing.priced import Priced
from ...tables.grid import plain, table
from ..frames import COUNTS, Row, counts, framed
from .roles import ROLES, Split
from .rules import split

if TYPE_CHECKING:
    import pandas as pd


def frame(priced: Priced, known: Split | None = None) -> pd.DataFrame:
    """One row per role, in the order of ``ROLES``.

    ``attrs["rest"]`` lists the other contractions, each with its path, MACs and reason. ``known``:
    the split, if it was made before.
    """
    found = split(priced) if known is None else known
    rows: list[Row] = []
    for role in ROLES:
        modules = len({share.path for share in found.shares if share.role == role})
        mine = counts(found.ops(role), priced)
        rows.append({"role": role, "modules": modules, "params": found.params.get(role, 0), **mine})
    made = framed(rows, ["role", "modules", "params", *COUNTS], priced)
    made.attrs["rest"] = found.rest
    return made


def text(priced: Priced) -> str:
    """The roles that have work or parameters, as a table, and a line for each other contraction."""
    rows = frame(priced)
    some = rows[(rows["flops"] > 0) | (rows["params"] > 0)]
    shown = some[["role", "modules", "params", "macs", "flops", "macs_share"]]
    return "\n".join([plain(table(shown)), *(f"other: {line}" for line in rows.attrs["rest"])])
