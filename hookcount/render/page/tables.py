"""The tables of a page: the work by role, type, op and line, what is uncounted, conventions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...analysis import frames
from ...analysis.coverage import by_line, cover, short
from ...analysis.roles import frame as roles_frame
from ...analysis.roles.roles import Split
from ...conventions import CONVENTIONS, DEFAULT
from ...core.errors import InputError
from ...core.names import clean, shortened
from ...core.ops import flops
from ...core.units import percent, si
from ...pricing.priced import Priced
from ..data import ROOT

if TYPE_CHECKING:
    import pandas as pd

MOST = 30
"""A table has at most so many rows, and one for all others."""
_PATHS = 3
_LONG, _LONG_ERROR = 120, 400


class PageTable(NamedTuple):
    """Rows of text. The first ``texts`` columns and the last ``end`` ones are no numbers."""

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    texts: int = 1
    note: str = ""
    end: int = 0


class RoleShare(NamedTuple):
    """A role in the bar. ``place``: its place in ``ROLES``."""

    place: int
    name: str
    per_cent: float
    text: str


def by_role(priced: Priced, found: Split | None) -> pd.DataFrame | None:
    """The roles that have work or parameters. None if the report holds no calls."""
    if found is None:
        return None
    made = roles_frame.frame(priced, found)
    made.attrs.clear()  # each step would copy them
    return made[(made["flops"] > 0) | (made["params"] > 0)]


def tables(priced: Priced, roles: pd.DataFrame | None) -> Iterator[PageTable]:
    """The work by role, by type and by op. The rows of each sum to the total."""
    if roles is None:
        note = "Roles need the calls of the count. A report that was read from a file has none."
        yield PageTable("By role", note=note)
    else:
        yield _table(priced, "By role", roles, {"role": "role", "modules": "modules"})
    types = {"type": "type", "modules": "modules", "calls": "calls"}
    yield _table(priced, "By type", frames.by_type(priced), types)
    ops = {"target": "op or module", "calls": "calls"}
    yield _table(priced, "By op", frames.by_op(priced), ops)


def role_shares(priced: Priced, roles: pd.DataFrame | None) -> list[RoleShare]:
    """The roles that have work, each with its figure and its share."""
    if roles is None:
        return []
    figure, whole = _figure(priced)
    rows = _records(roles)
    return [
        RoleShare(
            place,
            row["role"],
            100 * row[figure] / whole if whole else 0.0,
            f"{si(row[figure])} {priced.unit}, {_share(row[figure], whole)}"
            if row[figure]
            else f"{si(row['flops'])} FLOPs, no {priced.unit}",
        )
        for place, row in zip(roles.index, rows, strict=True)
        if row[figure] or row["flops"]
    ]


def uncounted(priced: Priced) -> PageTable:
    """The targets without a price, with the places where they ran."""
    found = priced.uncounted
    rows = [(_text(each.target), _places(each.paths), f"{each.calls:,}") for each in found[:MOST]]
    more = f"and {len(found) - MOST} more, in report.uncounted" if len(found) > MOST else ""
    return PageTable("Uncounted", ("op or module", "in", "calls"), rows, 2, more)


def between(priced: Priced) -> PageTable:
    """The ops that ran outside of modules that have a formula, by source line."""
    title = "Work between modules"
    try:
        found = by_line(cover(priced))
    except InputError:
        note = "Lines need the calls of the count. A report that was read from a file has none."
        return PageTable(title, note=note)
    if not found:
        return PageTable(title, note="No op that ran between modules has work.")
    rows = [
        (
            _text(short(each.line)) or "in torch",
            _text(each.target),
            _places(each.paths, 1),
            f"{each.calls:,}",
            si(each.ops.macs) if each.ops.macs else "",
            si(flops(each.ops)),
        )
        for each in found[:MOST]
    ]
    more = f"and {len(found) - MOST} more, in report.coverage()" if len(found) > MOST else ""
    return PageTable(title, ("line", "op", "in", "calls", "MACs", "FLOPs"), rows, 3, more)


def conventions(priced: Priced) -> PageTable:
    """The figure of the run under each convention, against the default in the same unit."""
    title = "Conventions"
    mine = priced.convention
    try:
        base = priced.under(DEFAULT)
        known = {**CONVENTIONS, mine.name: mine}
        found = frames.by_convention(priced, known.values())
    except InputError:
        note = "They need the calls of the count. A report that was read from a file has none."
        return PageTable(title, note=note)
    rows = []
    for each in _records(found):
        figure = each["figure"]
        whole = base.macs if each["unit"] == "MACs" else base.flops
        against = f"{100 * (figure - whole) / whole:+.2f}%" if whole and figure is not None else ""
        rows.append(
            (
                _text(each["convention"]) + " (this page)" * (each["convention"] == mine.name),
                "-" if figure is None else f"{figure:,}",
                each["unit"],
                against,
                "exact" if each["exact"] else "",
                _text(each.get("error") or each["mirrors"], _LONG_ERROR),
            )
        )
    head = ("convention", "figure", "unit", "against default", "tested", "mirrors")
    note = "Against default: hookcount's own MACs, or its FLOPs if the unit is FLOPs."
    return PageTable(title, head, rows, 1, note, 1)


def _table(priced: Priced, title: str, found: pd.DataFrame, first: Mapping[str, str]) -> PageTable:
    """A table of counts. ``first``: the titles of its first columns, by their names."""
    figure, whole = _figure(priced)
    numbers = {"params": "params"} if "params" in found else {}
    if figure == "figure":
        numbers["figure"] = f"{_text(priced.convention.name)} ({priced.unit})"
    numbers |= {"macs": "MACs", "flops": "FLOPs"}
    name, *counts = first
    rows = _records(found)
    if len(rows) > MOST + 1:
        rest = rows[MOST:]
        sums = {each: sum(row[each] for row in rest) for each in (*counts, *numbers)}
        rows = [*rows[:MOST], {name: f"({len(rest)} others)", **sums}]
    texts = [
        [
            _text(row[name]),
            *[f"{row[each]:,}" for each in counts],
            *[si(row[each]) if row[each] else "" for each in numbers],
            _share(row[figure], whole),
        ]
        for row in rows
    ]
    share = "share" if figure == "figure" else "% MACs"
    note = "" if texts else "Nothing that ran has work."
    return PageTable(title, (*first.values(), *numbers.values(), share), texts, note=note)


def _records(found: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(found.columns, row, strict=True)) for row in found.itertuples(index=False)]


def _figure(priced: Priced) -> tuple[str, int]:
    """The column whose share is shown, and its sum."""
    if priced.convention.name == "default":
        return "macs", priced.macs
    return "figure", priced.headline


def _share(part: int, whole: int) -> str:
    if not part or not whole:
        return ""
    text = percent(part, whole)
    return "<0.1%" if text == "0.0%" else text


def _places(paths: Sequence[str], most: int = _PATHS) -> str:
    more = f" +{len(paths) - most}" if len(paths) > most else ""
    return ", ".join([_text(path or ROOT) for path in paths[:most]]) + more


def _text(name: str, most: int = _LONG) -> str:
    return shortened(clean(name), most)
