"""A count as text for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ..core.names import clean, shortened
from ..core.ops import flops
from ..core.units import percent, si, size
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables.grid import Renderable, cut, grid, line, paragraph, stacked

_NUMBERS = ("calls", "params", "MACs", "FLOPs", "% MACs")


def summary(priced: Priced) -> str:
    """One line: ``ResNet: 11.7 M params (44.6 MiB), 1.81 G MACs, 3.64 G FLOPs, shapes run``.

    Under a convention other than the default, the convention's own figure comes first.
    """
    parts = [
        f"{si(priced.params)} params ({size(priced.param_bytes)})",
        f"{si(priced.macs)} MACs",
        f"{si(priced.flops)} FLOPs",
        f"{priced.run} run",
        *([priced.origin] if priced.origin else []),
    ]
    if priced.convention.name != "default":
        parts.insert(0, f"{si(priced.headline)} {priced.unit} under {priced.convention.name}")
    return f"{clean(priced.tree.type)}: " + ", ".join(parts)


class Column(NamedTuple):
    """A column of the tree besides the columns of a count."""

    title: str
    cell: Callable[[Node], str]


def tree(priced: Priced, depth: int | None = None, sort: str | None = None) -> Renderable:
    """The module tree below a summary. Warnings and uncounted targets come last.

    ``depth`` hides deeper modules. ``sort`` orders siblings by a numeric field of ``Node``
    (``params``, ``calls``), or by ``macs`` or ``flops``. Totals stay the same.
    """
    order = None if sort is None else partial(_value, field=sort)
    return stacked(paragraph(summary(priced), "bold"), *tree_alone(priced, depth, order))


def tree_alone(
    priced: Priced,
    depth: int | None = None,
    order: Callable[[Node], float] | None = None,
    more: Sequence[Column] = (),
) -> list[Renderable]:
    """The module tree without a summary, then warnings and uncounted targets.

    ``order``: siblings with the largest values come first. ``more``: columns to the right.
    """
    titles = [each.title for each in more]
    # in a narrow terminal, text columns are cut and numbers are not
    shown = grid(("module", "type", "output", *_NUMBERS, *titles), (*_NUMBERS, *titles))
    for prefix, node in _lines(priced.tree, "", "", depth, order):
        shown.add_row(*_row(priced, prefix, node), *(each.cell(node) for each in more))
    parts: list[Renderable] = [shown]
    if priced.backward_seen:
        text = "A backward pass ran too. These figures are for the forward pass only."
        parts.append(paragraph(text, "yellow"))
    if priced.uncounted:
        names = ", ".join(clean(each.target) for each in priced.uncounted)
        text = f"Uncounted, so the figures are a lower bound: {names} (see report.uncounted)"
        parts.append(paragraph(text, "bold yellow"))
    return parts


def _row(priced: Priced, prefix: str, node: Node) -> list[Renderable]:
    ran = node.calls or node.total
    shapes = node.outputs[0] if node.outputs else ""
    if len(node.outputs) > 1:
        shapes += f" +{len(node.outputs) - 1}"
    name = line(prefix, "dim")
    name.append(shortened(clean(node.name), 100) or "(model)", style="" if ran else "dim")
    if node.uncounted:
        name.append(" ?", style="bold yellow")
    return [
        name,
        line(node.type, "cyan" if ran else "dim"),
        line(cut(shapes), "dim"),
        str(node.calls),
        si(node.params) if node.params else "",
        si(node.total.macs) if node.total.macs else "",
        si(flops(node.total)) if node.total else "",
        percent(node.total.macs, priced.macs) if node.total.macs else "",
    ]


def _lines(
    node: Node,
    prefix: str,
    below: str,
    depth: int | None,
    order: Callable[[Node], float] | None,
) -> Iterator[tuple[str, Node]]:
    """Each node with the branches to draw before it. ``below``: the branches for its children."""
    yield prefix, node
    if depth is not None and node.depth >= depth:
        return
    children = list(node.children)
    if order is not None:
        children.sort(key=order, reverse=True)
    for index, child in enumerate(children):
        last = index == len(children) - 1
        yield from _lines(
            child,
            below + ("└─ " if last else "├─ "),
            below + ("   " if last else "│  "),
            depth,
            order,
        )


def _value(node: Node, field: str) -> int:
    if field in ("macs", "own_macs"):
        return (node.total if field == "macs" else node.own).macs
    if field in ("flops", "own_flops"):
        return flops(node.total if field == "flops" else node.own)
    return int(getattr(node, field))
