"""A priced trace as pandas DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core.errors import FormulaError, InputError, failure
from ..core.integers import as_int
from ..core.ops import FLOPS_ARE, KINDS, NOTHING, Ops, flops
from ..pricing.price import FORWARD
from ..pricing.priced import Priced
from ..pricing.step import StepWork
from ..pricing.tree import Node
from ..rules.convention import Convention
from ..tables import exact
from . import training
from .columns import check_column, columns_of

if TYPE_CHECKING:
    import pandas as pd


Row = Mapping[str, str | int | float]
"""The values of a row by column."""


def framed(rows: Sequence[Row], columns: list[str], priced: Priced) -> pd.DataFrame:
    """Rows as a DataFrame, with exact integers. Its ``attrs`` say what the figures are.

    ``attrs`` holds the convention, its figure and the figure's unit, the meaning of FLOPs, the kind
    of the run, and the versions of hookcount and torch.
    """
    frame = exact.frame({name: [row[name] for row in rows] for name in columns})
    frame.attrs.update(facts(priced))
    return frame


def facts(priced: Priced) -> dict[str, object]:
    """What the figures of a table are: values that JSON can hold."""
    return {
        "convention": priced.convention.name,
        "figure": priced.headline,
        "unit": priced.unit,
        "flops_are": FLOPS_ARE,
        "run": priced.run,
        **({"phases": training.names(priced.phases)} if priced.step_seen else {}),
        "versions": priced.versions,
    }


COUNTS = ["macs", "flops", "figure", "macs_share", *KINDS[1:]]
"""MACs, FLOPs, the convention's figure, the share of all MACs, and the other kinds of ``Ops``."""


def columns(priced: Priced) -> list[str]:
    """The columns of ``modules``."""
    return columns_of(bool(priced.step_work))


def modules(priced: Priced) -> pd.DataFrame:
    """One row per place of the tree, parents first. Counts are ints, shapes are text.

    With a training step there are ``STEP_COLUMNS`` too.
    """
    work = priced.step_work
    rows = [
        {**_module(node, priced), **(work.get(node.path, StepWork())._asdict() if work else {})}
        for node in priced.rows
    ]
    frame = framed(rows, columns(priced), priced)
    if priced.step_totals is not None:
        frame.attrs["training"] = training.figures(priced.step_totals)
    return frame


def _module(node: Node, priced: Priced) -> Row:
    return {
        "path": node.path,
        "type": node.type,
        "depth": node.depth,
        "calls": node.calls,
        "params": node.params,
        "trainable_params": node.trainable_params,
        "param_bytes": node.param_bytes,
        "own_params": node.own_params,
        "own_macs": node.own.macs,
        "own_flops": flops(node.own),
        "macs": node.total.macs,
        "flops": flops(node.total),
        "own_figure": priced.convention.figure(node.own),
        "figure": priced.convention.figure(node.total),
        "macs_share": node.total.macs / priced.macs if priced.macs else 0.0,
        "input_shapes": "; ".join(node.inputs),
        "output_shapes": "; ".join(node.outputs),
        "output_bytes": node.output_bytes,
        "uncounted": node.uncounted,
    }


def by_type(priced: Priced) -> pd.DataFrame:
    """One row per module type: its places, calls and parameters, and the work that it did itself.

    The type with the most MACs comes first.
    """
    nodes: dict[str, list[Node]] = {}
    for node in priced.tree:
        nodes.setdefault(node.type, []).append(node)
    rows = [
        {
            "type": name,
            "modules": len(same),
            "calls": sum(node.calls for node in same),
            "params": sum(node.own_params for node in same),
            **counts(sum([node.own for node in same], NOTHING), priced),
        }
        for name, same in nodes.items()
    ]
    return _by_count(rows, ["type", "modules", "calls", "params"], priced)


def by_convention(priced: Priced, conventions: Iterable[Convention]) -> pd.DataFrame:
    """One row per convention: its figure, the figure's unit, and the tool that it mirrors.

    ``exact``: whether the convention is tested to give the tool's figure to the integer. Of a
    backward pass, few tools give one.

    If a formula of a convention fails, its row has no figure. Then a column ``error`` says why.
    """
    found = [(each, priced.figure_under(each)) for each in conventions]
    rows: list[Row] = [
        {
            "convention": each.name,
            "unit": each.unit,
            "exact": each.exact and (each.backward or priced.phases == FORWARD),
            "mirrors": each.mirrors,
        }
        for each, _ in found
    ]
    frame = framed(rows, ["convention", "unit", "exact", "mirrors"], priced)
    frame.insert(2, "figure", figures([figure for _, figure in found]))
    errors = [failure(figure) if isinstance(figure, FormulaError) else "" for _, figure in found]
    return frame.assign(error=errors) if any(errors) else frame


def figures(found: Sequence[int | FormulaError]) -> pd.Series[Any]:
    """A column of figures. It has None, and keeps ints as they are, where a formula failed."""
    return exact.column([None if isinstance(each, FormulaError) else each for each in found])


def by_op(priced: Priced) -> pd.DataFrame:
    """One row per target that was priced, the one with the most MACs first."""
    found: dict[tuple[str, str], tuple[int, Ops]] = {}
    for record in priced.records:
        calls, ops = found.get((record.target, record.by), (0, NOTHING))
        found[record.target, record.by] = (calls + record.calls, ops + record.ops)
    rows = [
        {"target": target, "by": by, "calls": calls, **counts(ops, priced)}
        for (target, by), (calls, ops) in found.items()
    ]
    return _by_count(rows, ["target", "by", "calls"], priced)


def top(priced: Priced, n: int, by: str, depth: int | None = None) -> pd.DataFrame:
    """The ``n`` rows of ``modules`` that are largest in column ``by``, down to ``depth``.

    Raises ``InputError`` if ``n`` is not a number of rows, or ``by`` is not a numeric column.
    """
    n = as_int(n)
    if type(n) is not int or n < 0:
        raise InputError(f"top({n!r}) is no number of rows. To fix it: give an int, such as 10.")
    frame = modules(priced)
    numeric = exact.numeric(frame)
    check_column("top(by=...)", by, numeric, "numeric column")
    if depth is not None:
        frame = frame[frame["depth"] <= depth]
    return frame.sort_values(by, ascending=False, kind="stable").head(n).reset_index(drop=True)


def counts(ops: Ops, priced: Priced) -> Row:
    """The columns that every table of counts has, see ``COUNTS``."""
    share = ops.macs / priced.macs if priced.macs else 0.0
    others: dict[str, int] = {kind: getattr(ops, kind) for kind in KINDS[1:]}
    figure = priced.convention.figure(ops)
    return {
        "macs": ops.macs,
        "flops": flops(ops),
        "figure": figure,
        "macs_share": share,
        **others,
    }


def _by_count(rows: Sequence[Row], first: list[str], priced: Priced) -> pd.DataFrame:
    frame = framed(rows, [*first, *COUNTS], priced)
    return frame.sort_values(["macs", "flops"], ascending=False, kind="stable").reset_index(
        drop=True
    )
