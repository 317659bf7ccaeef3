"""Asking a formula as pricing does: a call of its target is bound to its parameters."""

import contextlib

import pytest
import torch
from torch import nn

from hookcount.core.trace import Call
from hookcount.formulas import BUILTIN
from hookcount.rules.binding import Binder, BindingError


def targets(formula):
    """The ops that hookcount's own registry has the formula for, each overload; and its classes."""
    for name in BUILTIN:
        if BUILTIN.get(name).price is formula:
            yield from overloads(name) if "::" in name else (name,)


def overloads(name):
    """The overloads of an op, or the one that is named; none that writes to an ``out``."""
    space, _, rest = name.partition("::")
    op, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, space), op, None)
    if isinstance(packet, torch._ops.HigherOrderOperator):
        yield packet
        return
    for each in () if packet is None else packet.overloads():
        found = getattr(packet, each)
        if overload in ("", each) and not any(
            argument.is_out for argument in found._schema.arguments
        ):
            yield found


def call_of(target, args, kwargs, out):
    """A call with these arguments, if the target's schema has room for them, or there is none."""
    if not hasattr(target, "_schema"):
        return Call(target, args, kwargs, out)
    arguments = target._schema.arguments
    names = {argument.name for argument in arguments}
    positional = [argument for argument in arguments if not argument.kwarg_only]
    if len(args) > len(positional) or not names.issuperset(kwargs):
        return None
    return Call(target, tuple(args), kwargs, out)


def ask(formula, *args, out=None, **kwargs):
    """The result of ``formula`` for a call of its target with these arguments.

    A function that is no registered formula is called as it is.
    ``formula`` may be the name of a target, and then only that is called.
    """
    if isinstance(formula, str):
        name, formula = formula, BUILTIN.get(formula).price
        ops = list(overloads(name)) if "::" in name else []
    else:
        ops = [each for each in targets(formula) if not isinstance(each, str)]
    if args and isinstance(args[0], nn.Module):
        calls = [Call(type(args[0]), args[1:], kwargs, out, args[0])]
    else:
        calls = [
            call for call in (call_of(each, args, kwargs, out) for each in ops) if call is not None
        ]
        if not ops:
            skip_if_too_old(formula)
            return formula(*args, **kwargs)
    assert calls, f"no target of {formula.__name__} takes these arguments"
    given, named = bound(formula, calls)
    return formula(*given, **named)


def bound(formula, calls):
    """The arguments of the first call that can be bound. Raises for the last one if none can."""
    binder = Binder(formula)
    for call in calls[:-1]:
        with contextlib.suppress(BindingError):
            return binder.bind(call)
    return binder.bind(calls[-1])


def skip_if_too_old(formula):
    """Skip the test of a formula whose op of torch this torch does not have."""
    names = [name for name in BUILTIN if BUILTIN.get(name).price is formula]
    if any(name.startswith("aten::") for name in names):
        pytest.skip(f"this torch has no {names[0]}")
