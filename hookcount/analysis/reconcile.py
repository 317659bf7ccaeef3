"""``Reconciliation``: one convention's figure, another's, and each difference between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from ..core.names import clean
from ..core.ops import NOTHING, Ops
from ..core.trace import leaves
from ..core.units import si
from ..pricing.price import By, Charge
from ..pricing.priced import Priced
from ..rules.convention import Convention
from ..tables.exact import frame
from .thumb.rule import Estimate

if TYPE_CHECKING:
    import pandas as pd


class Line(NamedTuple):
    """One difference between two conventions, or between a count and a rule of thumb.

    ``what``: a type of module, an op, or a role. ``why``: how the end figure treats it.
    ``difference``: the change that this makes in the figure.
    """

    what: str
    why: str
    difference: int | float


@dataclass(frozen=True)
class Reconciliation:
    """The way from one figure to another. ``start`` plus all differences of ``lines`` is ``end``.

    The sum is exact. Figures are in the unit of their convention. A rule of thumb has an estimate
    in place of the end convention.
    """

    start: int
    start_convention: Convention
    lines: tuple[Line, ...]
    end: int | float
    end_convention: Convention | Estimate
    end_is: str
    """The name of the last figure: the end convention with its unit, or ``published``."""

    def to_dataframe(self) -> pd.DataFrame:
        """One row per line, the largest difference first. ``attrs`` holds ``start`` and ``end``."""
        made = frame({name: [getattr(line, name) for line in self.lines] for name in Line._fields})
        made.attrs.update(start=self.start, end=self.end)
        return made

    def __str__(self) -> str:
        rows = [
            (
                f"{clean(self.start_convention.name)}, {self.start_convention.unit}",
                f"{self.start:,}",
                "",
            )
        ]
        for line in self.lines:
            sign = "-" if line.difference < 0 else "+"
            rows.append(
                (
                    f"  {clean(line.what)}: {line.why}",
                    f"{line.difference:+,}",
                    f"{sign}{si(round(abs(line.difference)))}",
                )
            )
        rows.append((self.end_is, f"{self.end:,}", ""))
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{name:<{wide[0]}}  {exact:>{wide[1]}}  {short:>{wide[2]}}".rstrip()
            for name, exact, short in rows
        )


class _Side(NamedTuple):
    """The work that one convention counts for one type of module, or for one op.

    ``elements``: the output elements of the calls that it counts.
    """

    ops: Ops = NOTHING
    elements: int = 0


Key = tuple[str, By]
"""The name of a type of module or of an op, and which of the two it is."""


def reconcile(
    start: Priced, end: Priced, *, times: int = 1, published: float | None = None
) -> Reconciliation:
    """The differences between two conventions of one trace, the largest first.

    ``times``: the end figure is multiplied by it. ``published``: a figure to compare the product
    with. A last line, ``residual``, holds the difference that remains.
    """
    here, there = list(start.charges()), list(end.charges())
    whole = {charge.path for charge in (*here, *there) if charge.by == "module"}
    types = {node.path: node.type for node in start.tree}
    before, after = _sides(here, whole, types), _sides(there, whole, types)
    lines: dict[tuple[str, str], int | float] = {}
    for key in dict.fromkeys([*before, *after]):
        for line in _lines(
            key, start.convention, before.get(key, _Side()), end.convention, after.get(key, _Side())
        ):
            lines[line.what, line.why] = lines.get((line.what, line.why), 0) + line.difference
    if times > 1:
        lines["every figure", f"taken {times} times"] = (times - 1) * end.headline
    reached: int | float = times * end.headline
    end_is = f"{clean(end.convention.name)}, {end.unit}"
    if published is not None:
        published = int(published) if float(published).is_integer() else published
        end_is = "published"
        lines["residual", f"not explained by {clean(end.convention.name)}"] = published - reached
        reached = published
    found = [Line(what, why, difference) for (what, why), difference in lines.items() if difference]
    found.sort(key=lambda line: -abs(line.difference))
    return Reconciliation(
        start.headline, start.convention, tuple(found), reached, end.convention, end_is
    )


def _sides(charges: list[Charge], whole: set[str], types: dict[str, str]) -> dict[Key, _Side]:
    """Charges by the type of their module, or by op.

    ``whole``: the paths at which either convention prices the module as a whole. Charges at these
    paths go by the type of the module.
    """
    found: dict[Key, _Side] = {}
    for charge in charges:
        if not charge.ops:
            continue
        key: Key = (
            (types.get(charge.path, charge.target), "module")
            if charge.path in whole
            else (charge.target, "op")
        )
        ops, elements = found.get(key, _Side())
        found[key] = _Side(ops + charge.ops, elements + _elements(charge))
    return found


def _elements(charge: Charge) -> int:
    """Elements of the first output tensor, over all calls."""
    first = None if charge.call is None else next(leaves(charge.call.out), None)
    return 0 if first is None else charge.calls * prod(first.shape)


def _lines(
    key: Key, mine: Convention, before: _Side, other: Convention, after: _Side
) -> Iterator[Line]:
    """The differences in contractions, in the weight of a MAC, and in all other work."""
    weight, weighs = mine.weights.get("macs", 0), other.weights.get("macs", 0)
    contractions = weight * (after.ops.macs - before.ops.macs)
    if contractions:
        yield Line(key[0], _seen(before.ops.macs, after.ops.macs), contractions)
    if weight != weighs:
        yield Line(
            "a multiply-accumulate",
            f"counted as {weighs}, not {weight}",
            (weighs - weight) * after.ops.macs,
        )
    had = mine.figure(before.ops) - weight * before.ops.macs
    has = other.figure(after.ops) - weighs * after.ops.macs
    if had != has:
        yield Line(key[0], _beside(had, has, before, after), has - had)


def _seen(before: int, after: int) -> str:
    """Why the contractions of two conventions differ. Both arguments are MACs."""
    if not after:
        return "not seen"
    if not before:
        return "seen only there"
    return f"{after / before:.3g} times the multiply-accumulates"


def _beside(had: int, has: int, before: _Side, after: _Side) -> str:
    """Why the figures of two conventions differ in work that is not a contraction."""
    product = before.ops.macs or after.ops.macs
    if not has:
        return "bias and the like not counted" if product else "not counted"
    if product:
        only_adds = not (after.ops.muls or after.ops.compares or after.ops.specials)
        return "bias counted" if only_adds and not had else "work beside the products counted"
    each = f" at {has / after.elements:.4g} per output element" if after.elements else ""
    instead = f", not at {had / before.elements:.4g}" if had and before.elements else ""
    return f"counted{each}{instead}"
