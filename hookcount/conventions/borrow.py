"""What the conventions of other tools share: hookcount's own formulas, where they agree but for biases and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..formulas import SHIPPED
from ..ops import Ops
from ..registry import Formula, Registry, target_name

F = TypeVar("F", bound=Formula)

EVERY_KIND = {"macs": 1, "adds": 1, "muls": 1, "compares": 1, "specials": 1}
"""Weights of a tool that adds whatever it counts to its MACs."""


def rule_of(registry: Registry) -> Callable[..., Callable[[F], F]]:
    """A decorator that registers a formula for several targets."""

    def rule(*targets: Any) -> Callable[[F], F]:
        def put(formula: F) -> F:
            for each in targets:
                registry.register(each, formula)
            return formula

        return put

    return rule


def contractions(registry: Registry, targets: Iterable[Any]) -> None:
    """Give ``registry`` hookcount's own formulas for these targets, their multiply-accumulates alone."""
    for target in targets:
        entry = SHIPPED.get(target_name(target))
        if entry is None or not callable(entry.price):
            raise LookupError(f"hookcount has no formula for {target_name(target)}")
        registry.register(target, _contraction(entry.price), covers=entry.covers)


def _contraction(formula: Callable[..., Ops]) -> Callable[..., Ops]:
    def contraction(*args: Any, **kwargs: Any) -> Ops:
        return Ops(macs=formula(*args, **kwargs).macs)

    return contraction
