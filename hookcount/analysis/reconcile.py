"""``Reconciliation``: from one convention's figure to another's, line by line, to the integer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from ..core.ops import NOTHING, Ops
from ..core.trace import leaves
from ..core.units import si
from ..pricing.price import By, Charge
from ..pricing.priced import Priced
from ..rules.convention import Convention

if TYPE_CHECKING:
    import pandas as pd


class Line(NamedTuple):
    """``what``: a type of module or an op; ``why``: what the other convention does with it; ``difference``: in its figure."""

    what: str
    why: str
    difference: int | float


@dataclass(frozen=True)
class Reconciliation:
    """``start`` plus the differences of ``lines`` is ``end``, exactly."""

    start: int
    start_convention: Convention
    lines: tuple[Line, ...]
    end: int | float
    end_convention: Convention
    end_is: str
    """What the last figure is: of that convention, or published."""

    def to_dataframe(self) -> pd.DataFrame:
        """One row per line, the biggest first."""
        import pandas as pd

        frame = pd.DataFrame(list(self.lines), columns=list(Line._fields))
        frame.attrs.update(start=self.start, end=self.end)
        return frame

    def __str__(self) -> str:
        rows = [
            (f"{self.start_convention.name}, {self.start_convention.unit}", f"{self.start:,}", "")
        ]
        for line in self.lines:
            sign = "-" if line.difference < 0 else "+"
            rows.append(
                (
                    f"  {line.what}: {line.why}",
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
    """What one convention asks for one kind of thing, and the output elements of what it asks something for."""

    ops: Ops = NOTHING
    elements: int = 0


Key = tuple[str, By]


def reconcile(
    start: Priced, end: Priced, *, times: int = 1, published: float | None = None
) -> Reconciliation:
    """Between two conventions of one trace. ``times``: the end is taken so often; ``published``: and then compared with this."""
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
    end_is = f"{end.convention.name}, {end.unit}"
    if published is not None:
        published = int(published) if float(published).is_integer() else published
        end_is = "published"
        lines["residual", f"what {end.convention.name} leaves unexplained"] = published - reached
        reached = published
    told = [Line(what, why, difference) for (what, why), difference in lines.items() if difference]
    told.sort(key=lambda line: -abs(line.difference))
    return Reconciliation(
        start.headline, start.convention, tuple(told), reached, end.convention, end_is
    )


def _sides(charges: list[Charge], whole: set[str], types: dict[str, str]) -> dict[Key, _Side]:
    """By the type of the module where either convention prices modules whole (``whole``), else by op."""
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
    first = None if charge.call is None else next(leaves(charge.call.out), None)
    return 0 if first is None else charge.calls * prod(first.shape)


def _lines(
    key: Key, mine: Convention, before: _Side, other: Convention, after: _Side
) -> Iterator[Line]:
    """The contractions, what a multiply-accumulate weighs, and everything else."""
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
        yield Line(key[0], _beside(key, had, has, before, after), has - had)


def _seen(before: int, after: int) -> str:
    if not after:
        return "not seen"
    return (
        "seen there alone" if not before else f"{after / before:.3g} times the multiply-accumulates"
    )


def _beside(key: Key, had: int, has: int, before: _Side, after: _Side) -> str:
    """Of what is no contraction."""
    product = before.ops.macs or after.ops.macs
    if not has:
        return "no bias or the like" if product else "not counted"
    if product:
        only_adds = not (after.ops.muls or after.ops.compares or after.ops.specials)
        return "bias counted" if only_adds and not had else "what is beside the products counted"
    each = f" at {has / after.elements:.4g} per output element" if after.elements else ""
    return f"counted{each}" + (
        f", not at {had / before.elements:.4g}" if had and before.elements else ""
    )
