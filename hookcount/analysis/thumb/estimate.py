"""Estimates by name, and all of them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...core.errors import InputError, error_text, failure
from ...pricing.priced import Priced
from ...tables import exact
from ..frames import facts as facts_of
from . import deepspeed, megatron, per_parameter, torchtitan
from .facts import Facts, checked
from .ran import Ran
from .rule import Counted, Estimate, Rule

if TYPE_CHECKING:
    import pandas as pd

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        *per_parameter.RULES,
        *torchtitan.RULES,
        *megatron.RULES,
        *deepspeed.RULES,
    )
}
"""The rules of thumb by name."""


class Applied(NamedTuple):
    """A rule, its estimate for one report, and what it counted."""

    rule: Rule
    estimate: Estimate
    counted: Counted


def rule_named(name: str) -> Rule:
    """The rule of this name. Raises ``InputError`` for an unknown one."""
    if not isinstance(name, str) or name not in RULES:
        fix = f"use one of {', '.join(map(repr, RULES))}"
        raise InputError(error_text(repr(name), "this names no rule of thumb", fix))
    return RULES[name]


def apply(rule: Rule, facts: Facts) -> Applied:
    """What a rule gives. Raises ``InputError`` for a fact that is not known."""
    counted = rule.count(facts)
    figure = sum(counted.parts.values()) + counted.recompute
    used = dict(facts.used)
    made = Estimate(rule.name, rule.formula, rule.source, figure, used, counted.parts)
    return Applied(rule, made, counted)


def applied(priced: Priced, name: str, given: Mapping[str, int]) -> tuple[Applied, Facts]:
    """The rule of a name for a report, and its facts.

    Raises ``InputError`` for an unknown name or fact, and for one that the rule does not use.
    """
    rule = rule_named(name)
    given = checked(given)
    facts = Facts(Ran(priced), given)
    found = apply(rule, facts)
    if strange := [each for each in given if each not in facts.used]:
        uses = ", ".join(facts.used)
        fix = f"leave it out; the rule uses {uses}" if uses else "leave it out"
        what = f"the rule {name!r} does not use it"
        raise InputError(error_text(f"{strange[0]}={given[strange[0]]}", what, fix))
    return found, facts


def by_rule(priced: Priced, given: Mapping[str, int]) -> pd.DataFrame:
    """One row per rule: its figure, beside 2 x the MACs that were counted of what it is for."""
    facts = Facts(Ran(priced), given)
    rows: dict[str, list[object]] = {name: [] for name in COLUMNS}
    for rule in RULES.values():
        found: Estimate | None = None
        error = ""
        mine = facts.fresh()
        try:
            found = apply(rule, mine).estimate
        except InputError as failed:
            error = failure(failed)
        counted = _counted(rule, mine)
        ratio = found.figure / counted if found is not None and counted else None
        values = (
            rule.name,
            None if found is None else found.figure,
            "FLOPs",
            counted,
            ratio,
            None if found is None else found.n,
            None if found is None else found.tokens,
            rule.formula,
            error,
        )
        for name, value in zip(COLUMNS, values, strict=True):
            rows[name].append(value)
    if not any(rows["error"]):
        del rows["error"]
    frame = exact.frame(rows)
    frame.attrs.update(facts_of(priced))
    return frame


COLUMNS = ("rule", "figure", "unit", "counted", "ratio", "n", "tokens", "formula", "error")


def _counted(rule: Rule, facts: Facts) -> int | None:
    """2 x the MACs of what a rule is for. None if no backward pass was counted."""
    work = facts.work
    if rule.forwards == 1:
        return 2 * sum(work.forward.values())
    if not facts.ran.whole.step_seen:
        return None
    again = work.of("recompute") if "recompute" in facts.used else 0
    return 2 * (sum(work.forward.values()) + work.of("backward") + again)
