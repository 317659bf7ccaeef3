"""``changed``: what differs between two counts, as one HTML file and as a table."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.difference import Changes, signed
from ...core.names import clean, shortened
from ...core.units import percent, si
from ...tables.markup import markup
from ..data import ROOT
from .cards import Card
from .script import ALLOWED, SCRIPT
from .style import style
from .tables import PageTable
from .template import TABLES

MOST = 1000
"""A page has at most so many rows."""
_LONG = 120


def changed(found: Changes) -> str:
    """The totals before and now, and the rows that differ."""
    first, *others = found.headings()
    before, now = (_text(each.tree.type) for each in (found.before, found.now))
    return markup(
        TABLES,
        title=f"{before}: what changed" if before == now else f"{before} → {now}",
        said=_said(found),
        lines=[_text(each) for each in others] if found.rows else [first, *others],
        cards=list(_cards(found)),
        bars=[],
        table=table(found) if found.rows else None,
        style=style(),
        script=SCRIPT,
        allowed=ALLOWED,
    )


def table(found: Changes, most: int = MOST) -> PageTable:
    """The rows that differ: their own figures now, and by how much these grew."""
    shown = found.figures()
    titles = [text for title in shown.values() for text in (title, "growth")]
    rows = [
        (
            _text(row.path) or ROOT,
            _text(row.type),
            row.change,
            *[
                text
                for figure in shown
                for text in (
                    si(row.now[figure]) if row.now[figure] else "",
                    signed(row.grown(figure)),
                )
            ],
        )
        for row in found.rows[:most]
    ]
    more = len(found.rows) - most
    note = "Figures are of a module itself, without the modules beneath."
    if more > 0:
        note += f" And {more:,} more rows, in to_dataframe()."
    head = ("module", "type", "change", *titles)
    return PageTable("Changed modules", head, rows, 3, note if rows else "")


def _cards(found: Changes) -> Iterator[Card]:
    for figure, title in found.figures().items():
        before, now = found.total(figure)
        grown = signed(now - before) or "the same"
        share = percent(now - before, before) if now != before else ""
        exact = f"{before:,} → {now:,}" if now != before else f"{now:,}"
        yield Card(grown, title, f"{exact}{f', {share}' if share else ''}")
    rows = len(found.rows)
    yield Card(f"{rows:,}", f"module{'s' * (rows != 1)} changed", _kinds(found))


def _kinds(found: Changes) -> str:
    kinds = [row.change for row in found.rows]
    return ", ".join([f"{kinds.count(each):,} {each}" for each in dict.fromkeys(kinds)])


def _said(found: Changes) -> str:
    """The versions of both counts, and their convention."""
    before, now = (
        ", ".join([f"{name} {version}" for name, version in each.versions.items()])
        for each in (found.before, found.now)
    )
    versions = now if before == now else f"{before} → {now}"
    return f"{versions} · convention: {_text(found.now.convention.name)}"


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)
