"""The way from the products of a step to the figure of a rule of thumb, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...core.errors import InputError, error_text
from ...pricing.price import BACKWARD, FORWARD, OPTIMIZER, RECOMPUTE
from ...pricing.priced import Priced
from ...rules.convention import Convention
from ..reconcile import Line, Reconciliation
from ..roles.roles import NORMS, PRODUCTS
from .facts import Facts
from .held import BIASES, NO_PRODUCT, TABLES
from .per_parameter import AS_GIVEN
from .rule import Rule
from .rules import Applied, applied, rule_named

PRODUCTS_ALONE = Convention("2 x MACs", "FLOPs", {"macs": 2})
"""What a rule of thumb is compared with: hookcount's own count of the products."""

_NO_PRODUCTS = {
    TABLES: "rows are looked up, which is no product",
    NORMS: "their parameters are in no product",
    BIASES: "they are in no product",
    NO_PRODUCT: "they are in no product",
    AS_GIVEN: "given, not that of the model",
}
"""Why nothing was counted for a part that a rule counts."""


def reconcile_with(priced: Priced, name: str, given: Mapping[str, int]) -> Reconciliation:
    """The differences between 2 x the MACs of a report and a rule of thumb, the largest first.

    Work that is no product is in neither figure. Raises ``InputError`` if the report lacks a phase
    that the rule is for.
    """
    rule = rule_named(name)
    _check(priced, rule)
    found, facts = applied(priced, name, given)
    lines: dict[tuple[str, str], int | float] = {}
    for what, why, difference in _lines(found, facts, priced):
        lines[what, why] = lines.get((what, why), 0) + difference
    made = [Line(what, why, difference) for (what, why), difference in lines.items() if difference]
    made.sort(key=lambda line: -abs(line.difference))
    end = found.estimate
    start = 2 * facts.ran.priced.macs
    return Reconciliation(start, PRODUCTS_ALONE, tuple(made), end.figure, end, f"{name}, FLOPs")


def _check(priced: Priced, rule: Rule) -> None:
    where = f"Report.reconcile({rule.name!r})"
    if not priced.phases >= FORWARD:
        raise InputError(error_text(where, "this report has no forward", "use report.step"))
    if rule.forwards == 1:
        return
    if not priced.step_seen:
        what = "the rule is for forward and backward, and no backward pass was counted"
        fix = "count with hookcount.Training and use report.step; or use '2ND', for a forward"
        raise InputError(error_text(where, what, fix))
    if not priced.phases >= BACKWARD:
        what = "the rule is for forward and backward, and this report has no backward pass"
        raise InputError(error_text(where, what, "use report.step"))


def _lines(found: Applied, facts: Facts, priced: Priced) -> Iterator[Line]:
    rule, counted, work = found.rule, found.counted, facts.work
    for part in dict.fromkeys([*counted.parts, *work.forward]):
        ours = 2 * rule.forwards * work.forward.get(part, 0)
        theirs = counted.parts.get(part, 0)
        yield Line(part, _why(rule, part, ours, theirs, facts), theirs - ours)
    if rule.forwards > 1:
        yield from _of_backward(facts)
    elif priced.phases >= BACKWARD:
        yield Line("backward pass", "not in the rule", -2 * work.of(BACKWARD))
    if priced.phases >= RECOMPUTE:
        ran = 2 * work.of(RECOMPUTE)
        why = "not in the rule" if not counted.recompute else "the rule counts a whole forward"
        yield Line("forwards that ran again", why, counted.recompute - ran)
    if priced.phases >= OPTIMIZER:
        yield Line("optimizer", "not in the rule", -2 * work.of(OPTIMIZER))


def _why(rule: Rule, part: str, ours: int, theirs: int, facts: Facts) -> str:
    note = rule.notes.get(part, "")
    tied = any(held.tied and held.part == part for held in facts.parameters.held)
    if tied and theirs < ours:
        note = note or "the weight is an embedding table"
    if not ours:
        return _NO_PRODUCTS.get(part, "none ran")
    if not theirs:
        return f"not in the rule: {note}" if note else "not in the rule"
    ratio = theirs / ours
    times = f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.4g} times"
    return f"{times} the products that ran{note and f': {note}'}"


def _of_backward(facts: Facts) -> Iterator[Line]:
    """Where the backward pass has not two products for each one of the forward."""
    parameters = facts.parameters
    for (path, part), (forward, backward) in facts.work.backward.items():
        left = 2 * forward - backward
        if left < 0:
            why = "the backward pass " + (
                "computes the scores again"
                if part == PRODUCTS
                else "has more than two products for each"
            )
            yield Line(part, why, 2 * left)
        elif left == 2 * forward and path not in parameters.frozen:
            yield Line(part, "no gradient reached it", 2 * left)
        else:
            frozen = min(left, forward) if path in parameters.frozen else 0
            yield Line(part, "a frozen weight needs no gradient", 2 * frozen)
            yield Line(part, "an input needs no gradient", 2 * (left - frozen))
