"""Results of a benchmark as tables, for a terminal or as reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from rich.console import Group
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True)
class Sheet:
    """A table with remarks below it. The first column is text, the others are figures."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()

    def rich(self) -> Group:
        grid = Table(title=self.title, title_justify="left", box=None)
        for index, heading in enumerate(self.headings):
            grid.add_column(heading, justify="right" if index else "left", overflow="fold")
        for cells in self.rows:
            grid.add_row(*map(Text, cells))
        return Group(grid, *(Text(f"- {remark}") for remark in self.remarks), "")

    def rst(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.headings, *self.rows, strict=True)]
        rule = "  ".join("=" * width for width in widths)
        table = [
            rule,
            _line(self.headings, widths),
            rule,
            *(_line(cells, widths) for cells in self.rows),
            rule,
        ]
        remarks = (
            ["", *(fill(f"- {remark}", 100, subsequent_indent="  ") for remark in self.remarks)]
            if self.remarks
            else []
        )
        return "\n".join([self.title, "~" * len(self.title), "", *table, *remarks, ""])


@dataclass(frozen=True)
class Figure:
    """A figure that has a target."""

    what: str
    measured: str
    target: str
    met: bool


@dataclass(frozen=True)
class Outcome:
    """The tables of a part, and its figures that have a target."""

    sheets: tuple[Sheet, ...]
    figures: tuple[Figure, ...] = ()


def against_targets(figures: Sequence[Figure]) -> Sheet:
    rows = tuple(
        (each.what, each.measured, each.target, "yes" if each.met else "no") for each in figures
    )
    return Sheet("Against the targets", ("figure", "measured", "target", "met"), rows)


def at_most(what: str, measured: float, target: float, unit: str = "") -> Figure:
    return Figure(what, f"{measured:.2f}{unit}", f"<= {target:g}{unit}", measured <= target)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cells[0].ljust(widths[0]),
        *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return "  ".join(padded).rstrip()
