"""``page``: a count as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...core.names import clean, shortened
from ...core.ops import FLOPS_ARE
from ...core.units import percent, si, size
from ...pricing.priced import Priced
from ...tables.markup import markup
from ..view import doubts
from .style import style
from .tables import by_role, role_shares, tables, uncounted
from .template import PAGE
from .tree import page_tree

_LONG = 200


class Card(NamedTuple):
    """A figure of the whole model."""

    figure: str
    name: str
    exact: str


def page(priced: Priced, title: str = "", depth: int | None = None, *, fold: bool = True) -> str:
    """A page with the totals, the tree, the tables, and what the figures are.

    ``title``: the name of the model. ``depth``: rows are open down to so many levels. Else they are
    open where a terminal opens them. ``fold=False``: each module has a row.
    """
    tree, roles = page_tree(priced, depth, fold=fold), by_role(priced)
    kind, name = _text(priced.tree.type), _text(title or priced.tree.type)
    return markup(
        PAGE,
        title=name,
        kind="" if name == kind else kind,
        inputs=[_text(each) for each in priced.tree.inputs],
        said=_said(priced),
        doubts=[text for text, _ in doubts(priced)],
        cards=list(_cards(priced)),
        roles=role_shares(priced, roles),
        share_of=tree.titles[-1] if tree.titles[-1] != "share" else f"% of {priced.unit}",
        tree=tree,
        tables=list(tables(priced, roles)),
        uncounted=uncounted(priced),
        facts=list(_facts(priced)),
        style=style(tree.titles),
    )


def _cards(priced: Priced) -> Iterator[Card]:
    if priced.convention.name != "default":
        name = f"{priced.unit} under {_text(priced.convention.name)}"
        yield Card(si(priced.headline), name, f"{priced.headline:,}")
    yield Card(si(priced.macs), "MACs", f"{priced.macs:,}")
    more = priced.flops - 2 * priced.macs
    yield Card(si(priced.flops), "FLOPs", f"{priced.flops:,} = 2 × MACs + {si(more)}")
    yield Card(si(priced.params), "parameters", f"{priced.params:,}")
    yield Card(size(priced.param_bytes), "parameters as stored", f"{priced.param_bytes:,} bytes")
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
    convention = f"convention: {_text(priced.convention.name)}"
    origin = ["from a file"] if priced.origin else []
    return " · ".join([*versions, f"{priced.run} run", convention, *origin])


def _facts(priced: Priced) -> Iterator[tuple[str, str]]:
    """What the figures are, as terms and their explanations."""
    convention = priced.convention
    yield "convention", _text(f"{convention.name}: {convention}")
    if convention.mirrors:
        yield "mirrors", _text(convention.mirrors)
    yield "figure", f"{priced.headline:,} {priced.unit}"
    yield "MACs", "multiply-accumulates of convolutions, matrix products, attention and such"
    yield "FLOPs", FLOPS_ARE
    yield "parameters", "a shared tensor counts once"
    yield "run", priced.run
    yield "versions", ", ".join([f"{name} {each}" for name, each in priced.versions.items()])


def _text(text: str) -> str:
    return shortened(clean(text), _LONG)
