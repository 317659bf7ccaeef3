"""Every op's formula takes what the dispatcher gives for every overload of the op that this torch
has.
"""

import inspect

import pytest
import torch
import torchvision  # noqa: F401  (its ops are there once it is imported)

from hookcount.core.trace import Call
from hookcount.formulas import BUILTIN
from hookcount.rules.binding import Binder, BindingError

OPS = sorted(name for name in BUILTIN if "::" in name and callable(BUILTIN.get(name).price))


def overloads(target):
    """The overloads that a target answers for, but for those that arrive as their parts or are
    TorchScript's alone.
    """
    namespace, _, rest = target.partition("::")
    name, _, overload = rest.partition(".")
    packet = getattr(getattr(torch.ops, namespace), name, None)
    if not isinstance(packet, torch._ops.OpOverloadPacket):
        return []
    names = [overload] if overload else packet.overloads()
    elsewhere = {known.partition(".")[2] for known in BUILTIN if known.startswith(f"{target}.")}
    found = [
        getattr(packet, each)
        for each in names
        if each in packet.overloads() and (overload or each not in elsewhere)
    ]
    return [op for op in found if torch._C._dispatch_has_kernel(op.name()) and not _composite(op)]


def _composite(op):
    return torch._C._dispatch_has_kernel_for_dispatch_key(op.name(), "CompositeImplicitAutograd")


@pytest.mark.parametrize("target", OPS)
def test_formula_takes_every_overload(target):
    """All arguments as the schema has them; and only those without a default."""
    binder = Binder(BUILTIN.get(target).price)
    for op in overloads(target):
        arguments = [each for each in op._schema.arguments if not each.is_out]
        for given in (arguments, [each for each in arguments if not each.has_default_value()]):
            placed = tuple(each.name for each in given if not each.kwarg_only)
            named = {each.name: each.name for each in given if each.kwarg_only}
            try:
                args, bound = binder.bind(Call(op, placed, named, "out"))
            except BindingError as error:
                pytest.fail(f"{op}: {error}, for {op._schema}")
            inspect.signature(BUILTIN.get(target).price).bind(*args, **bound)
            given_names = {
                name: value for name, value in bound.items() if value in {*placed, *named}
            }
            if binder_names(binder, op):
                assert all(name == value for name, value in given_names.items()), op


def binder_names(binder, op):
    """Whether the formula is bound by name for this op: then each parameter gets its namesake."""
    return binder._targets.get(op)[1]


def test_most_formulas_are_checked():
    assert overloads("aten::mm")
    assert sum(bool(overloads(target)) for target in OPS) > len(OPS) // 2
