"""``Sheet``: a table that fits the width that it gets. Text gives way; a number is never cut."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .columns import Column, Piece
from .cutting import cells

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

_GAP = "  "


class Fit(NamedTuple):
    """One way to make a sheet narrow."""

    without: frozenset[str] = frozenset()
    """The titles of columns that are not shown."""
    indent: int = 3
    """The width of each level of a tree."""
    least: Mapping[str, int] = {}
    """By the title of a column that may be cut, its least width. The first gives way first."""


class Fitted(ABC):
    """Something to show that depends on the width."""

    @abstractmethod
    def parts(self, width: int) -> Iterable[RenderableType]:
        """What to show, one below the other, at most ``width`` columns wide."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from self.parts(options.max_width)


@dataclass(frozen=True)
class Sheet:
    """Columns side by side."""

    columns: Sequence[Column]
    fits: Callable[[int], Iterable[Fit]] = field(default=lambda width: (Fit(),))
    """The ways to make it narrow, for a width, the best first."""

    def fitting(self, width: int, terminal: bool = False) -> tuple[Fit, dict[str, int], int]:
        """The first way that fits, or else the last; each column's width; what is missing."""
        hidden = frozenset(each.title for each in self.columns if each.in_terminals)
        fit, widths, over = Fit(), dict[str, int](), 0
        for each in self.fits(width):
            fit = each if terminal else each._replace(without=each.without | hidden)
            widths, over = self._widths(fit, width)
            if over <= 0:
                break
        return fit, widths, max(0, over)

    def lines(self, width: int, terminal: bool = False) -> Iterator[list[Piece]]:
        """Each line as pieces of text with their styles, after a line of titles."""
        fit, widths, _ = self.fitting(width, terminal)
        shown = [each for each in self.columns if each.title in widths]
        titles = [[(each.title, "bold")] for each in shown]
        yield _line(shown, widths, titles)
        for row in zip(
            *(each.shown(widths[each.title], fit.indent) for each in shown), strict=True
        ):
            yield _line(shown, widths, row)

    def _widths(self, fit: Fit, width: int) -> tuple[dict[str, int], int]:
        """The width of each column, and how much wider than ``width`` they are together."""
        shown = {each.title: each for each in self.columns if each.title not in fit.without}
        widths = {title: each.natural(fit.indent) for title, each in shown.items()}
        over = sum(widths.values()) + len(_GAP) * (len(shown) - 1) - width
        for title, least in fit.least.items():
            if over > 0 and title in shown and widths[title] > least:
                lowest = shown[title].least(least, fit.indent)
                cut = max(0, min(over, widths[title] - lowest))
                widths[title] -= cut
                over -= cut
        return widths, over

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        end, coloured = Segment.line(), console.is_terminal
        for line in self.lines(options.max_width, coloured):
            if coloured:
                for text, style in line:
                    yield Segment(text, console.get_style(style) if style else None)
            else:
                yield Segment("".join([text for text, _ in line]))
            yield end


def _line(
    columns: Sequence[Column], widths: Mapping[str, int], row: Sequence[list[Piece]]
) -> list[Piece]:
    """The cells of a row, padded."""
    line: list[Piece] = []
    gap = ""
    for column, pieces in zip(columns, row, strict=True):
        free = widths[column.title] - sum([cells(text) for text, _ in pieces])
        if column.right:
            line.append((gap + " " * free, ""))
            line += pieces
            gap = _GAP
        else:
            line.append((gap, ""))
            line += pieces
            gap = " " * free + _GAP
    while line and not line[-1][0].strip():
        line.pop()
    return [piece for piece in line if piece[0]]
