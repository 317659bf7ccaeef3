"""A timing in a notebook: the tree of its count with seconds, or the rows without a count."""

from __future__ import annotations

from ..core.names import clean
from ..render.page import notebook as page
from ..render.page.tables import PageTable
from .measured import Measured
from .text import NUMBERS, columns, details, headline, rows

_ROWS = 100
"""The most rows without a count."""


def notebook(timing: Measured) -> str:
    """The headline, the modules with their seconds, and the notes, as HTML."""
    heads = [headline(timing, clean(timing.type))]
    notes = [*details(timing).splitlines(), *[f"Note: {each}" for each in timing.notes]]
    if timing.counted is None:
        found = [tuple(map(clean, row)) for row in rows(timing)]
        more = len(found) - _ROWS
        table = PageTable("Modules", ("module", "type", *NUMBERS), found[:_ROWS], 2)
        if more > 0:
            notes.insert(0, f"And {more:,} more rows, in to_dataframe().")
        return page.notebook_table(heads, table, notes)
    more_columns = columns(timing)
    return page.notebook(
        timing.counted.priced,
        heads=heads,
        more=more_columns,
        columns=("type", "macs", "share"),
        notes=notes,
        fold=not more_columns,
    )
