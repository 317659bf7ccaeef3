"""What the conventions of other tools share: hookcount's own formulas, where they agree but for biases and the like."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...core.ops import Ops
from ...formulas import BUILTIN
from ...rules.registry import Formula, Registry, target_name

F = TypeVar("F", bound=Formula)
T = TypeVar("T")
Shapes = Any
"""The shape of an output, or a structure of shapes."""

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
        entry = BUILTIN.get(target_name(target))
        if entry is None or not callable(entry.price):
            raise LookupError(f"hookcount has no formula for {target_name(target)}")
        registry.register(target, changed(entry.price, _macs), covers=entry.covers)


def changed(formula: Callable[..., T], change: Callable[[T, Shapes], Ops]) -> Formula:
    """A formula with the parameters of another: ``change(its result, the shapes of the output)``."""
    signature = inspect.signature(formula)
    wants_out = "out" in signature.parameters

    def made(*args: object, out: Shapes, **named: object) -> Ops:
        return change(formula(*args, **named, **({"out": out} if wants_out else {})), out)

    if not wants_out:
        last = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY)
        signature = signature.replace(parameters=[*signature.parameters.values(), last])
    setattr(made, "__signature__", signature)  # noqa: B010 (a binder reads it; mypy: functions have none)
    made.__doc__ = formula.__doc__
    return made


def _macs(ops: Ops, out: Shapes) -> Ops:
    return Ops(macs=ops.macs)
