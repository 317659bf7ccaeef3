"""``Card``: a figure of the whole, large, at the top of a page."""

from __future__ import annotations

from typing import NamedTuple


class Card(NamedTuple):
    """A figure of a whole model."""

    figure: str
    name: str
    exact: str
    """All its digits, or what it is made of."""
