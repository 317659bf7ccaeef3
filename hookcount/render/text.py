"""A count as text for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ..core.names import clean
from ..core.ops import flops
from ..core.units import si, size
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables.grid import Renderable
from .cells import More
from .view import TreeView

Column = More


def summary(priced: Priced) -> str:
    """One line: ``ResNet: 11.7 M params (44.6 MiB), 1.81 G MACs, 3.64 G FLOPs, shapes run``.

    Under a convention other than the default, the convention's own figure comes first.
    """
    parts = [
        f"{si(priced.params)} params ({size(priced.param_bytes)})",
        f"{si(priced.macs)} MACs",
        f"{si(priced.flops)} FLOPs",
        f"{clean(priced.run)} run",
        *([clean(priced.origin)] if priced.origin else []),
    ]
    if priced.convention.name != "default":
        parts.insert(
            0, f"{si(priced.headline)} {priced.unit} under {clean(priced.convention.name)}"
        )
    return f"{clean(priced.tree.type)}: " + ", ".join(parts)


def tree(
    priced: Priced,
    depth: int | None = None,
    sort: str | None = None,
    *,
    fold: bool = True,
    columns: Sequence[str] | None = None,
    hint: str = "",
) -> Renderable:
    """The module tree below a summary. Warnings and uncounted targets come last.

    Without ``depth`` it is as much as fits on a screen. ``sort`` orders siblings by a numeric field
    of ``Node`` (``params``, ``calls``), or by ``macs`` or ``flops``. ``fold=False``: each module
    has a row. Totals stay the same. ``columns``: those to show, of ``cells.COLUMNS``. ``hint`` says
    how to see what is hidden.
    """
    order = None if sort is None else partial(_value, field=sort)
    return TreeView(priced, summary(priced), depth, fold, order, columns=columns, hint=hint)


def tree_alone(
    priced: Priced,
    depth: int | None = None,
    order: Callable[[Node], float] | None = None,
    more: Sequence[Column] = (),
) -> list[Renderable]:
    """The module tree without a summary, then warnings and uncounted targets.

    ``order``: siblings with the largest values come first. ``more``: columns to the right. Equal
    modules are one row if each column can say what ``of_many`` modules is.
    """
    fold = all(each.of_many is not None for each in more)
    return [TreeView(priced, "", depth, fold, order, more)]


def _value(node: Node, field: str) -> int:
    if field in ("macs", "own_macs"):
        return (node.total if field == "macs" else node.own).macs
    if field in ("flops", "own_flops"):
        return flops(node.total if field == "flops" else node.own)
    return int(getattr(node, field))
