"""``notebook``: the tree of a count in a notebook, small, with the rows of a page."""

from __future__ import annotations

from collections.abc import Sequence

from ...pricing.priced import Priced
from ...tables.markup import markup
from ..cells import More
from ..text import summary, training_step
from ..view import doubts
from .tables import PageTable
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
.hookcount small{white-space:pre-wrap}
"""
"""Text has the colour of the notebook, in each of its themes."""
_TABLE = """
.hookcount table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:4px 0}
.hookcount th,.hookcount td{padding:2px 10px;text-align:right;white-space:nowrap;
background:none;border-bottom:1px solid var(--line)}
.hookcount .text{text-align:left}
"""


def notebook(
    priced: Priced,
    *,
    heads: Sequence[str] = (),
    more: Sequence[More] = (),
    columns: Sequence[str] = _COLUMNS,
    notes: Sequence[str] = (),
    fold: bool = True,
) -> str:
    """The tree as HTML, below its totals. It needs no JavaScript and has no ids.

    The first view has about 24 rows, and closed rows can be opened. A tree of over 400 rows has
    its first view only. ``heads``: the lines above it, in place of the totals. ``more``: columns to
    the right. ``notes``: lines below it.
    """
    tree = page_tree(priced, columns=columns, most=_ROWS, limit=_LIMIT, more=more, fold=fold)
    return markup(
        NOTEBOOK,
        style=_COLOURS + tree_style(tree.titles),
        heads=[*(heads or _heads(priced)), *[text for text, _ in doubts(priced)]],
        tree=tree,
        table=None,
        notes=[*([" ".join(tree.notes)] if tree.notes else []), *notes],
    )


def _heads(priced: Priced) -> list[str]:
    return [each for each in (summary(priced), training_step(priced)) if each]


def notebook_table(heads: Sequence[str], table: PageTable, notes: Sequence[str] = ()) -> str:
    """A table in the style of a notebook's tree, below its ``heads``."""
    return markup(
        NOTEBOOK,
        style=_COLOURS + _TABLE,
        heads=heads,
        tree=None,
        table=table if table.rows else None,
        notes=[*([table.note] if table.note and table.rows else []), *notes],
    )
