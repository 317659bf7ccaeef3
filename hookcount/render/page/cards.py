"""Figures of a page beside its tables: ``Card``, large and at the top, and ``Bars``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Card(NamedTuple):
    """A figure of a whole model."""

    figure: str
    name: str
    exact: str
    """All its digits, or what it is made of."""


class Bars(NamedTuple):
    """Names, the length of each bar as a part of the longest, and a text for each."""

    title: str
    rows: Sequence[tuple[str, float, str]]
