"""``csv_link``: the rows of a count as a link that holds its own data."""

from __future__ import annotations

from urllib.parse import quote

from ...pricing.priced import Priced
from .. import data

MOST = 2000
"""A page of more modules has no link."""
_LONGEST = 400_000
"""The most characters of a link. Very long names could make it far longer than the page."""
_SAFE = " ,;:()=+*@!$/?-._~|[]"
"""These stay as they are in an attribute, and in a link of this kind."""


def csv_link(priced: Priced) -> str:
    """A link to ``report.to_csv()``. Empty if it would be very long."""
    if sum(1 for _ in priced.tree) > MOST:
        return ""
    link = f"data:text/csv;charset=utf-8,{quote(data.csv(priced), safe=_SAFE, errors='replace')}"
    return link if len(link) <= _LONGEST else ""
