"""A count as text for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..analysis.training import names
from ..core.names import clean, shortened
from ..core.units import si, size
from ..pricing.price import STEP
from ..pricing.priced import Priced
from ..pricing.tree import Node
from ..tables.grid import Renderable
from .cells import COLUMNS, More
from .order import order
from .view import TreeView

Column = More
_LONG = 60
"""Characters of the name of a convention."""


def summary(priced: Priced) -> str:
    """One line: ``ResNet: 11.7 M params (44.6 MiB), 1.81 G MACs, 3.64 G FLOPs, shapes run``.

    Under a convention other than the default, the convention's own figure comes first.
    """
    parts = [
        f"{si(priced.params)} params ({size(priced.param_bytes)})",
        f"{si(priced.macs)} MACs",
        f"{si(priced.flops)} FLOPs",
        f"{clean(priced.run)} run",
        *([phase(priced)] if priced.step_seen else []),
        *([clean(priced.origin)] if priced.origin else []),
    ]
    if priced.convention.name != "default":
        name = shortened(clean(priced.convention.name), _LONG)
        parts.insert(0, f"{si(priced.headline)} {priced.unit} under {name}")
    return f"{clean(priced.tree.type)}: " + ", ".join(parts)


def phase(priced: Priced) -> str:
    """The part of a training step: ``"forward of a training step"``."""
    return (
        "a training step" if priced.phases == STEP else f"{names(priced.phases)} of a training step"
    )


def training_step(priced: Priced) -> str:
    """One line: ``Training step: forward 384 MACs, backward 512 MACs, optimizer 2.69 k FLOPs ...``.

    Empty without a training step. Phases without work are left out.
    """
    totals = priced.step_totals
    if totals is None:
        return ""
    again = totals.fused_recompute_macs
    parts = [
        f"forward {si(totals.forward_macs)} MACs",
        f"backward {si(totals.backward_macs)} MACs"
        + (f" ({si(again)} compute attention scores again)" if again else ""),
    ]
    if totals.recompute_macs:
        parts.append(f"recompute {si(totals.recompute_macs)} MACs")
    if totals.optimizer_flops:
        parts.append(f"optimizer {si(totals.optimizer_flops)} FLOPs")
    flops = f"model {si(totals.model_flops)} FLOPs"
    if totals.hardware_flops != totals.model_flops:
        flops += f", hardware {si(totals.hardware_flops)} FLOPs"
    doubt = ""
    if count := totals.uncounted_calls:
        calls = "1 call is" if count == 1 else f"{count} calls are"
        doubt = f" (a lower bound: {calls} uncounted, see report.step.uncounted)"
    return f"Training step: {', '.join(parts)}; {flops}{doubt}"


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

    Without ``depth`` it is as much as fits on a screen. ``sort``: the column by which siblings are
    sorted, of ``quantities.sorts``; it is shown. ``fold=False``: each module has a row. Totals stay
    the same. ``columns``: those to show, of ``cells.COLUMNS`` and ``quantities.sorts``. ``hint``
    says how to see what is hidden.
    """
    by = None if sort is None else order(priced, sort)
    others = dict.fromkeys([*(columns or ()), *([] if sort is None else [sort])])
    return TreeView(
        priced,
        summary(priced),
        depth,
        fold,
        by,
        columns=None if columns is None else [each for each in columns if each in COLUMNS],
        added=[each for each in others if each not in COLUMNS],
        hint=hint,
        subheading=training_step(priced),
    )


def tree_alone(
    priced: Priced,
    depth: int | None = None,
    largest: Callable[[Node], float] | None = None,
    more: Sequence[Column] = (),
) -> list[Renderable]:
    """The module tree without a summary, then warnings and uncounted targets.

    ``largest``: siblings with the largest values come first. ``more``: columns to the right. Equal
    modules are one row if each column can say what ``of_many`` modules is.
    """
    fold = all(each.of_many is not None for each in more)
    by = None if largest is None else (lambda row: -sum(map(largest, row.nodes)))
    return [TreeView(priced, "", depth, fold, by, more)]
