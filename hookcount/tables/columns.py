"""The columns of a ``Sheet``: cells of text, and names with the branches of a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..core.names import clean
from .cutting import MARK, all_apart, apart, cells

Piece = tuple[str, str]
"""Text and its style."""

_ROOM_FOR_A_NAME = 8


@dataclass(frozen=True)
class Column:
    """A column of text. Numbers are ``right`` aligned."""

    title: str
    cells: Sequence[str]
    right: bool = False
    style: str = ""
    most: int | None = None
    """Longer text is cut in any width, but different text stays different."""
    in_terminals: bool = False
    """Whether the column is shown in a terminal only."""

    def __post_init__(self) -> None:
        found = [clean(each) for each in self.cells]
        if self.most is not None and any(cells(each) > self.most for each in found):
            found = all_apart(found, self.most)
        object.__setattr__(self, "cells", found)

    def natural(self, indent: int) -> int:
        """Its width if nothing is cut."""
        return max([cells(self.title), *map(cells, self.cells)])

    def least(self, width: int, indent: int) -> int:
        """The least width from ``width`` on in which different text stays different."""
        different = list(dict.fromkeys(self.cells))
        width, most = max(width, cells(self.title)), self.natural(indent)
        while width < most and apart(different, width) is None:
            width += 1
        return width

    def shown(self, width: int, indent: int) -> Iterator[list[Piece]]:
        """Each cell, cut to a width."""
        fits = width >= self.natural(indent)
        for each in self.cells if fits else all_apart(self.cells, width):
            yield [(each, self.style)]


@dataclass(frozen=True)
class TreeColumn(Column):
    """Names with the branches of a tree before them. Names of siblings stay different."""

    last: Sequence[tuple[bool, ...]] = ()
    """By row: whether it is the last of its siblings, after the same for each row above."""
    marks: Sequence[str] = ()
    """By row: a sign after the name. It is never cut."""

    def natural(self, indent: int) -> int:
        rows = zip(self.cells, self.last, self.marks, strict=True)
        widths = [len(last) * indent + cells(name) + len(mark) for name, last, mark in rows]
        return max([cells(self.title), *widths])

    def least(self, width: int, indent: int) -> int:
        return max(width, cells(self.title))

    def shown(self, width: int, indent: int) -> Iterator[list[Piece]]:
        drawn = ["".join(branches(each, indent)) for each in self.last]
        names = list(self.cells)
        if width < self.natural(indent):
            for rows in self._siblings():
                self._narrow(rows, width, drawn, names)
        for before, name, mark in zip(drawn, names, self.marks, strict=True):
            yield [(before, "dim"), (name, self.style), (mark, "bold yellow")]

    def _narrow(self, rows: list[int], width: int, drawn: list[str], names: list[str]) -> None:
        """Cut the branches and the names of siblings."""
        mark = max(len(self.marks[row]) for row in rows)
        longest = max(cells(names[row]) for row in rows)
        room = max(1, width - mark - min(longest, _ROOM_FOR_A_NAME))
        for row in rows:
            if len(drawn[row]) > room:
                drawn[row] = MARK + drawn[row][len(drawn[row]) - room + 1 :]
        left = width - mark - len(drawn[rows[0]])
        for row, name in zip(rows, all_apart([names[row] for row in rows], left), strict=True):
            names[row] = name

    def _siblings(self) -> Iterator[list[int]]:
        """The rows below each row."""
        groups: list[list[int]] = []
        for row, last in enumerate(self.last):
            while len(groups) > len(last) + 1:
                yield groups.pop()
            if len(groups) == len(last):
                groups.append([])
            groups[len(last)].append(row)
        yield from groups


def branches(last: Sequence[bool], indent: int) -> Iterator[str]:
    """The branches before a name.

    >>> "".join(branches((False, True), 3)), "".join(branches((False,), 2)), [*branches((), 3)]
    ('│  └─ ', '├ ', [])
    """
    for each in last[:-1]:
        yield (" " if each else "│").ljust(indent)
    if last:
        yield (("└" if last[-1] else "├") + "─" * (indent - 2)).ljust(indent)
