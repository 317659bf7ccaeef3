"""``Blocks``: columns that are shown in several sheets where one would be too wide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .columns import Column
from .cutting import all_apart
from .sheet import Fit, Fitted, Sheet

_LEAST_NAME, _LEAST_TEXT = 24, 12
_LONGEST_TITLE = 32


@dataclass(frozen=True)
class Blocks(Fitted):
    """A sheet, or in a narrow terminal several, each with the first column. No number is cut."""

    columns: Sequence[Column]
    turned: bool = False
    """Whether rows become columns where the sheet would be too wide."""

    def parts(self, width: int) -> Iterable[Sheet]:
        """The sheets, one below the other."""
        whole = _sheet(self.columns)
        if whole.fitting(width)[2] == 0 or len(self.columns) < 2:
            return [whole]
        if self.turned:
            return _split(list(_turned(self.columns)), width, Sheet)
        return _split(self.columns, width, _sheet)


def _sheet(columns: Sequence[Column]) -> Sheet:
    """A sheet whose text may be cut, that of the last columns first."""
    texts = {each.title: _LEAST_TEXT for each in reversed(columns) if not each.right}
    if columns[0].title in texts:
        texts[columns[0].title] = _LEAST_NAME
    return Sheet(columns, lambda width: (Fit(), Fit(least=texts)))


def _split(
    columns: Sequence[Column], width: int, made: Callable[[Sequence[Column]], Sheet]
) -> Iterator[Sheet]:
    """Sheets that fit, each with the first column."""
    first, *others = columns
    group: list[Column] = []
    for each in others:
        if group and made([first, *group, each]).fitting(width)[2]:
            yield made([first, *group])
            group = []
        group.append(each)
    yield made([first, *group])


def _turned(columns: Sequence[Column]) -> Iterator[Column]:
    """Each row as a column. The first column has the titles. Long text is cut."""
    first, *others = columns
    cells = [each.cells if each.right else all_apart(each.cells, _LEAST_NAME) for each in others]
    yield Column(first.title, [each.title for each in others])
    for row, name in enumerate(all_apart(first.cells, _LONGEST_TITLE)):
        yield Column(name, [each[row] for each in cells], right=True)
