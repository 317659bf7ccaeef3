"""The list of known differences, each with its reason and a sample that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .explained import EXPLAINED
from .not_mended import NOT_MENDED
from .work import Found


@dataclass(frozen=True)
class Known:
    """A kind of difference of an op or a module, in all forms and dtypes."""

    example: Found
    why: str
    explained: bool

    def covers(self, found: Found) -> bool:
        return (found.name, found.kind) == (self.example.name, self.example.kind)


def read(reasons: Mapping[str, str], explained: bool) -> Iterator[Known]:
    """The entries of a list.

    A line has the name; the kind; and the form, dtype and index of a sample that shows it.
    """
    for why, lines in reasons.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            name, kind, sample = line.split("; ")
            form, dtype, index = sample.rsplit(" ", 2)
            yield Known(Found(name, form, dtype, int(index), kind), why, explained)


KNOWN = (*read(EXPLAINED, True), *read(NOT_MENDED, False))
_BY = {(each.example.name, each.example.kind): each for each in KNOWN}


def known(found: Found) -> Known | None:
    """The entry of the list that covers a difference."""
    return _BY.get((found.name, found.kind))


def lines(found: Iterable[Found]) -> str:
    """Lines for the list, one for each name and kind."""
    first: dict[tuple[str, str], Found] = {}
    for each in found:
        first.setdefault((each.kind, each.name), each)
    return "\n".join(
        f"{each.name}; {each.kind}; {each.form} {each.dtype} {each.index}"
        for _, each in sorted(first.items())
    )
