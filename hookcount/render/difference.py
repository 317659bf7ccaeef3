"""``Difference``: what changed from one count to another, as text, as a page, in a notebook."""

from __future__ import annotations

import os
from typing import Literal

from ..analysis.difference import Changes, changes, signed
from ..analysis.growth import growth
from ..core.names import clean
from ..core.units import si
from ..pricing.priced import Priced
from ..tables.cutting import all_apart
from ..tables.figures.figure import Figure
from ..tables.files import text_or_file
from ..tables.grid import Renderable, grid, paragraph, plain, stacked
from .data import ROOT
from .page.changed import changed, table
from .page.notebook import notebook_table

SHOWN = 20
"""The most rows of a text, and of a notebook's view."""

_LONG = 80
"""Characters of a path and of a type in a text."""


class Difference(Changes):
    """What changed from one count to another, under the convention of both.

    The growth of a total is the sum of the growth of the rows: each row has the figures of a module
    itself. ``print(difference)`` shows the totals and the rows that changed most.
    """

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """A page for a browser: one file, which needs neither a network nor JavaScript.

        It has the totals of both counts and the rows that changed most. The text is written to
        ``path``, or returned if there is no path. Raises ``OutputError``, an ``OSError``, if the
        file cannot be written.
        """
        return text_or_file(changed(self), path)

    def plot(
        self,
        figure: Literal["macs", "flops", "params", "figure"] | None = None,
        *,
        title: str = "",
    ) -> Figure:
        """A figure of plotly: the growth of each row in one figure, the largest first.

        ``figure``: ``"macs"``, ``"flops"``, ``"params"``, or ``"figure"``, that of the convention.
        The default is MACs, and under another convention its figure. ``title``: the name of the
        model. Needs ``pip install 'hookcount[plot]'``, else raises ``MissingPackageError``. Raises
        ``InputError`` if no row differs in the figure.
        """
        convention = self.now.convention
        chosen = figure or ("macs" if convention.name == "default" else "figure")
        before, now = self.total(chosen)
        unit = {**self.figures(), "params": "parameters"}.get(chosen, convention.unit)
        some = [(row.path, row.type, row.change, row.grown(chosen)) for row in self.rows]
        name = title or self.model()
        return growth([each for each in some if each[-1]], name, unit, before, now)

    def _shown(self) -> Renderable:
        head = [
            paragraph(text, "bold" if index == 0 else "")
            for index, text in enumerate(self.headings())
        ]
        if not self.rows:
            return stacked(*head)
        shown = self.figures()
        titles = [name for figure in shown for name in (shown[figure], f"{shown[figure]} growth")]
        made = grid(("module", "type", "change", *titles), titles)
        paths = [clean(row.path) or ROOT for row in self.rows[:SHOWN]]
        types = [clean(row.type) for row in self.rows[:SHOWN]]
        names = zip(all_apart(paths, _LONG), all_apart(types, _LONG), strict=True)
        for row, (path, kind) in zip(self.rows[:SHOWN], names, strict=True):
            cells = [
                text
                for figure in shown
                for text in (
                    si(row.now[figure]) if row.now[figure] else "",
                    signed(row.grown(figure)),
                )
            ]
            made.add_row(path, kind, row.change, *cells)
        more = len(self.rows) - SHOWN
        return stacked(*head, made, *([f"and {more} more rows"] if more > 0 else []))

    def __str__(self) -> str:
        return plain(self._shown())

    def __repr__(self) -> str:
        return f"<hookcount.Difference rows={len(self.rows)} macs={self.macs:+}>"

    def _repr_html_(self) -> str:
        return notebook_table(list(self.headings()), table(self, SHOWN))


def difference(before: Priced, now: Priced) -> Difference:
    """What changed from one count to another. Raises ``InputError`` for two conventions."""
    return Difference(before, now, changes(before, now))
