"""``notebook``: the tree of a count in a notebook, small, with the rows of a page."""

from __future__ import annotations

from ...pricing.priced import Priced
from ...tables.markup import markup
from ..text import summary
from ..view import doubts
from .template import NOTEBOOK
from .tree import page_tree
from .tree_style import tree_style

_ROWS = 24
_LIMIT = 400
_COLUMNS = ("type", "params", "figure", "macs", "flops", "share")
_COLOURS = """
.hookcount{font:13px/1.4 system-ui,sans-serif;max-width:960px;--row:22px;
--line:rgba(128,128,128,.22);--soft:rgba(128,128,128,.12);--bar:#4a90d9;
--dim:currentColor;--warn:currentColor;
--link:currentColor}
"""
"""Text has the colour of the notebook, in each of its themes."""


def notebook(priced: Priced) -> str:
    """The tree as HTML, below one line of totals. It needs no JavaScript and has no ids.

    The first view has about 24 rows, and closed rows can be opened. A tree of over 400 rows has
    its first view only.
    """
    tree = page_tree(priced, columns=_COLUMNS, most=_ROWS, limit=_LIMIT)
    return markup(
        NOTEBOOK,
        style=_COLOURS + tree_style(tree.titles),
        summary=summary(priced),
        doubts=[text for text, _ in doubts(priced)],
        tree=tree,
    )
