"""Limits of a count, for a test or for CI: which are exceeded, and which rows grew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from ..core.errors import BudgetError, InputError, error_text, module_at
from ..core.names import clean
from ..core.ops import flops
from ..core.units import PREFIXES, percent, si
from ..pricing.priced import Priced
from ..pricing.tree import Node

Limit: TypeAlias = float | str | tuple[float | str, float | str]
"""At most this, or a pair: at least and at most. A text may have a prefix: ``"4.2G"``."""

_SHOWN = 10
"""Rows that a message names."""


def number(text: float | str) -> Fraction:
    """A number, or a text of one with an SI prefix. Raises ``InputError`` for anything else.

    >>> number("4.2G"), number(25), number("1e6")
    (Fraction(4200000000, 1), Fraction(25, 1), Fraction(1000000, 1))
    """
    found = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([kMGTPEZY]?)\s*", str(text))
    try:
        if found is not None and not isinstance(text, bool):
            return Fraction(found[1]) * Fraction(1000 ** PREFIXES.index(found[2]))
    except ValueError:
        pass
    raise InputError(f"{text!r} is no limit. To fix it: give a number, or a text such as '4.2G'.")


def require_within(priced: Priced, limits: Mapping[str, Limit | None]) -> None:
    """Raise ``BudgetError`` if a figure is not within its limit.

    ``limits`` are by ``macs``, ``flops``, ``figure`` or ``params``. A lower bound is within no
    limit: where work is uncounted, only ``params`` can be shown to be within one.
    """
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if not given:
        raise InputError(
            "assert_within() has no limit. To fix it: give one, such as macs='4.2G' or params=25e6."
        )
    lines: list[str] = []
    for name, limit in given.items():
        low, high = limit if isinstance(limit, tuple) and len(limit) == 2 else (0, limit)
        at_least, at_most = number(low), number(high)
        if at_least > at_most:
            what = f"{name}={limit!r}: the least is more than the most"
            raise InputError(error_text("assert_within", what, "give (least, most)"))
        found = _figures(priced.tree, priced)[name]
        if found > at_most:
            lines += [_outside(name, found, "over", at_most), *_largest(priced, name)]
        elif found < at_least:
            lines.append(_outside(name, found, "under", at_least))
        elif priced.uncounted and name != "params":
            targets = ", ".join(clean(each.target) for each in priced.uncounted)
            lines.append(f"{name} {found:,} is only a lower bound: {targets} is uncounted")
    if lines:
        fix = "change the model, or change the limit"
        raise BudgetError(
            error_text(module_at("", clean(priced.tree.type)), "\n  ".join(lines), fix)
        )


def require_no_growth(priced: Priced, baseline: Priced) -> None:
    """Raise ``BudgetError`` if MACs, FLOPs, the figure or parameters are more than in the baseline.

    The message names the rows that grew. Raises ``InputError`` for a baseline under another
    convention.
    """
    if priced.convention.name != baseline.convention.name:
        what = f"it has the figures of {baseline.convention.name!r}, not {priced.convention.name!r}"
        fix = f"count under {baseline.convention.name!r}, or write a new baseline"
        raise InputError(error_text("the baseline", what, fix))
    before, now = baseline.tree.inputs, priced.tree.inputs
    if before != now:
        what = f"its input was {'; '.join(before)} and now is {'; '.join(now)}"
        fix = "count on the input of the baseline, or write a new baseline"
        raise InputError(error_text("the baseline", what, fix))
    here, there = (_figures(each.tree, each) for each in (priced, baseline))
    lines = [
        f"{name} {_change(there[name], here[name])}" for name in here if here[name] > there[name]
    ]
    known = {each.target for each in baseline.uncounted}
    if lower := [clean(each.target) for each in priced.uncounted if each.target not in known]:
        lines.append(f"the figures are only a lower bound: {', '.join(lower)} is uncounted")
    if not lines:
        return
    rows = list(growth(priced, baseline))
    lines += [str(row) for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        lines.append(f"and {len(rows) - _SHOWN} more rows")
    what = "more than in the baseline:\n  " + "\n  ".join(lines)
    fix = "change the model, or write a new baseline with --output"
    raise BudgetError(error_text(module_at("", clean(priced.tree.type)), what, fix))


class Grown(NamedTuple):
    """A row whose own work or parameters grew."""

    path: str
    type: str
    name: str
    """Which figure grew."""
    before: int
    now: int
    is_new: bool

    def __str__(self) -> str:
        where = module_at(clean(self.path), clean(self.type))
        new = ", a new module" if self.is_new else ""
        return f"{where}{new}: {self.name} {_change(self.before, self.now)}"


def growth(priced: Priced, baseline: Priced) -> Iterator[Grown]:
    """The rows whose own figures grew, the largest growth first. One row per module."""
    old = {node.path: node for node in baseline.tree}
    found: list[Grown] = []
    for node in priced.tree:
        here = _own(node, priced)
        there = _own(old[node.path], baseline) if node.path in old else dict.fromkeys(here, 0)
        name = next((each for each in here if here[each] > there[each]), None)
        if name is not None:
            new = node.path not in old
            found.append(Grown(node.path, node.type, name, there[name], here[name], new))
    order = list(_own(priced.tree, priced))
    found.sort(key=lambda row: (order.index(row.name), row.before - row.now))
    yield from found


def _figures(node: Node, priced: Priced) -> dict[str, int]:
    """What a limit may be for, of a node with all beneath."""
    return {
        "macs": node.total.macs,
        "flops": flops(node.total),
        "figure": priced.convention.figure(node.total),
        "params": node.params,
    }


def _own(node: Node, priced: Priced) -> dict[str, int]:
    """The same, of a node itself."""
    return {
        "macs": node.own.macs,
        "flops": flops(node.own),
        "figure": priced.convention.figure(node.own),
        "params": node.own_params,
    }


def _outside(name: str, found: int, side: str, limit: Fraction) -> str:
    by = abs(found - limit)
    exceeds = si(int(by) if by.denominator == 1 else float(by))
    shown = f"{limit.numerator:,}" if limit.denominator == 1 else f"{float(limit):,}"
    return (
        f"{name} {found:,} ({si(found)}) is {side} the limit {shown} "
        f"by {exceeds} ({percent(float(by), float(limit)) or 'all'})"
    )


def _largest(priced: Priced, name: str) -> Iterator[str]:
    """The rows with the largest figures of their own."""
    rows = sorted(priced.tree, key=lambda node: -_own(node, priced)[name])[:3]
    for node in rows:
        if own := _own(node, priced)[name]:
            yield f"{module_at(clean(node.path), clean(node.type))} has {si(own)}"


def _change(before: int, now: int) -> str:
    grown = percent(now - before, before)
    return f"{before:,} -> {now:,} (+{si(now - before)}{f', +{grown}' if grown else ''})"
