"""The list of known differences, each with its reason and a sample that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch

from .explained import EXPLAINED
from .not_mended import NOT_MENDED
from .of_torch import LISTED, OF_TORCH
from .work import Found

TORCH = ".".join(torch.__version__.split(".")[:2])
"""The release of torch at hand, such as 2.14."""


@dataclass(frozen=True)
class Known:
    """A kind of difference of an op or a module, in all forms and dtypes."""

    example: Found
    why: str
    explained: bool
    torch: str = LISTED
    """The release of torch that must have this difference. Another one may have it."""

    def covers(self, found: Found) -> bool:
        return (found.name, found.kind) == (self.example.name, self.example.kind)


def read(reasons: Mapping[str, str], explained: bool, release: str = LISTED) -> Iterator[Known]:
    """The entries of a list.

    A line has the name; the kind; and the form, dtype and index of a sample that shows it.
    """
    for why, lines in reasons.items():
        for line in filter(None, map(str.strip, lines.splitlines())):
            name, kind, sample = line.split("; ")
            form, dtype, index = sample.rsplit(" ", 2)
            yield Known(Found(name, form, dtype, int(index), kind), why, explained, release)


KNOWN = (
    *read(EXPLAINED, True),
    *read(NOT_MENDED, False),
    *read(OF_TORCH.get(TORCH, {}), True, TORCH),
)
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
