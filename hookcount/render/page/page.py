"""``page``: a count as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator

from ...analysis.difference import Changes, changes
from ...analysis.roles.roles import Split
from ...analysis.roles.rules import split
from ...core.errors import InputError
from ...core.names import clean, shortened
from ...core.units import percent, si, size
from ...pricing.priced import Priced
from ...tables.markup import markup
from ..text import phase, training_step
from ..view import doubts
from .cards import Card
from .changed import table as changed
from .download import csv_link
from .icicle import icicles
from .script import ALLOWED, SCRIPT
from .style import style
from .tables import between, by_role, conventions, role_shares, tables, uncounted
from .template import PAGE
from .tree import page_tree
from .words import words

_PARTS = (
    ("modules", "Modules"),
    ("changed", "Against the baseline"),
    ("between", "Work between modules"),
    ("tables", "By role, type and op"),
    ("uncounted", "Uncounted"),
    ("conventions", "Conventions"),
    ("words", "Words"),
)
_LONG = 200


def page(
    priced: Priced,
    title: str = "",
    depth: int | None = None,
    *,
    fold: bool = True,
    before: Priced | None = None,
) -> str:
    """A page with the totals, pictures, the tree, the tables, and what the words mean.

    ``title``: the name of the model. ``depth``: rows are open down to so many levels. Else they are
    open where a terminal opens them. ``fold=False``: each module has a row. ``before``: an earlier
    count, for a table of what changed.
    """
    tree, found = page_tree(priced, depth, fold=fold), _split(priced)
    roles, views = by_role(priced, found), list(icicles(priced, tree, found))
    kind, name = _text(priced.tree.type), _text(title or priced.tree.type)
    return markup(
        PAGE,
        title=name,
        kind="" if name == kind else kind,
        inputs=[_text(each) for each in priced.tree.inputs],
        said=_said(priced),
        step=training_step(priced),
        doubts=[text for text, _ in doubts(priced)],
        cards=list(_cards(priced)),
        parts=[each for each in _PARTS if before is not None or each[0] != "changed"],
        roles=role_shares(priced, roles),
        share_of=tree.titles[-1] if tree.titles[-1] != "share" else f"% of {priced.unit}",
        icicles=views,
        tree=tree,
        linked={cell.place for view in views for cell in view.cells},
        csv=csv_link(priced),
        file=_file(name),
        changed=None if before is None else _changed(before, priced),
        between=between(priced),
        tables=list(tables(priced, roles)),
        uncounted=uncounted(priced),
        conventions=conventions(priced),
        words=list(words(priced)),
        style=style(tree.titles),
        script=SCRIPT,
        allowed=ALLOWED,
    )


def _split(priced: Priced) -> Split | None:
    """The work by role. None if the report holds no calls."""
    try:
        return split(priced)
    except InputError:
        return None


def _changed(before: Priced, now: Priced) -> dict[str, object]:
    found = Changes(before, now, changes(before, now))
    return {"heading": " · ".join(found.headings()), "table": changed(found)}


def _file(name: str) -> str:
    """A name for a file."""
    return "".join([each if each.isalnum() or each in "._-" else "_" for each in name]) or "model"


def _cards(priced: Priced) -> Iterator[Card]:
    if priced.convention.name != "default":
        name = f"{priced.unit} under {_text(priced.convention.name)}"
        yield Card(si(priced.headline), name, f"{priced.headline:,}")
    yield Card(si(priced.macs), "MACs", f"{priced.macs:,}")
    more = priced.flops - 2 * priced.macs
    yield Card(si(priced.flops), "FLOPs", f"{priced.flops:,} = 2 × MACs + {si(more)}")
    yield Card(si(priced.params), "parameters", f"{priced.params:,}")
    yield Card(size(priced.param_bytes), "weights", f"{priced.param_bytes:,} bytes as stored")
    between = sum([each.ops.macs for each in priced.records if each.by == "op"])
    share = percent(between, priced.macs)
    of_ops = f"{share} of MACs are of ops between modules" if share else ""
    if priced.uncounted:
        yield Card("lower bound", "some work is uncounted", of_ops)
    else:
        yield Card("complete", "nothing that ran is uncounted", of_ops)


def _said(priced: Priced) -> str:
    """How the figures were made, in one line."""
    versions = [f"{name} {version}" for name, version in priced.versions.items()]
    convention = f"convention: {priced.convention.name}"
    origin = ["from a file"] if priced.origin else []
    step = [phase(priced)] if priced.step_seen else []
    parts = [*versions, f"{priced.run} run", *step, convention, *origin]
    return " · ".join([_text(each) for each in parts])


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)
