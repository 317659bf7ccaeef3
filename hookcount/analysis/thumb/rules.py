"""The rules of thumb by name, and what each gives for a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...core.errors import InputError, error_text
from ...pricing.priced import Priced
from . import deepspeed, megatron, per_parameter, torchtitan
from .facts import Facts, checked
from .ran import Ran
from .rule import Counted, Estimate, Rule

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
