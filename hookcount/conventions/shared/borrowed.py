"""hookcount's own formulas, for the conventions of tools that agree with them on contractions.

Such a tool counts the same multiply-accumulates. It differs in biases, scales and the like.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

from ...core.ops import Ops
from ...formulas import BUILTIN
from ...rules.registry import FREE, Formula, Registry, Target, target_name

F = TypeVar("F", bound=Formula)
Result = TypeVar("Result")
Output = TypeVar("Output")

EVERY_KIND = {"macs": 1, "adds": 1, "muls": 1, "compares": 1, "specials": 1}
"""The weights of a tool that adds every operation that it counts to its MACs."""


def aten(names: str) -> tuple[str, ...]:
    """Targets of torch's own ops, from their names with spaces between them.

    >>> aten("mm bmm")
    ('aten::mm', 'aten::bmm')
    """
    return tuple(f"aten::{name}" for name in names.split())


FUSED_ATTENTION_ON_CPU = aten("_scaled_dot_product_flash_attention_for_cpu")
FUSED_ATTENTION_ON_GPU = aten(
    "_scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention "
    "_scaled_dot_product_cudnn_attention"
)
FUSED_ATTENTION = FUSED_ATTENTION_ON_GPU + FUSED_ATTENTION_ON_CPU
"""The fused ops as which ``F.scaled_dot_product_attention`` runs."""


def rule_of(registry: Registry) -> Callable[..., Callable[[F], F]]:
    """A decorator for ``registry`` that registers one formula for several targets."""

    def rule(*targets: Target) -> Callable[[F], F]:
        def put(formula: F) -> F:
            for each in targets:
                registry.register(each, formula)
            return formula

        return put

    return rule


def contractions(registry: Registry, targets: Iterable[Target]) -> None:
    """Register hookcount's own formula for each target, reduced to its multiply-accumulates.

    The in-place form of an op (``addmm_``) is another op, which the tools do not see: it is free.
    Raises ``LookupError`` for a target for which hookcount has no formula.
    """
    for target in targets:
        name = target_name(target)
        entry = BUILTIN.get(name)
        if entry is None or not callable(entry.price):
            raise LookupError(
                f"{name}: hookcount has no formula to borrow. "
                "To fix it: write a formula for this convention."
            )
        registry.register(target, changed(entry.price, _macs), covers=entry.covers)
        space, _, op = name.partition("::")
        if space == "aten" and hasattr(torch.ops.aten, f"{op}_"):
            registry.register(f"{name}_", FREE)


def changed(formula: Callable[..., Result], change: Callable[[Result, Output], Ops]) -> Formula:
    """A formula that has the parameters of ``formula`` and returns ``change(its result, out)``.

    ``out`` is the shape of the call's output, or a structure of shapes.
    """
    signature = inspect.signature(formula)
    wants_out = "out" in signature.parameters

    def made(*args: object, out: Output, **named: object) -> Ops:
        return change(formula(*args, **named, **({"out": out} if wants_out else {})), out)

    if not wants_out:
        last = inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY)
        signature = signature.replace(parameters=[*signature.parameters.values(), last])
    # A binder reads the signature. mypy knows no such attribute of a function.
    setattr(made, "__signature__", signature)  # noqa: B010
    made.__doc__ = formula.__doc__
    return made


def _macs(ops: Ops, out: object) -> Ops:
    return Ops(macs=ops.macs)
