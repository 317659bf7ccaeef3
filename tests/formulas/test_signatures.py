"""Every op's formula takes what the dispatcher gives for every overload of the op that this torch
has.
"""

import inspect

import pytest
import torch
import torchvision  # noqa: F401  (its ops are there once it is imported)

from hookcount.formulas import BUILTIN

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
    signature = inspect.signature(BUILTIN.get(target).price)
    for op in overloads(target):
        arguments = [each for each in op._schema.arguments if not each.is_out]
        given = [each.name for each in arguments if not each.kwarg_only]
        named = {each.name: None for each in arguments if each.kwarg_only}
        required = [each for each in arguments if not each.has_default_value()]
        first = [each.name for each in required if not each.kwarg_only]
        needed = {each.name: None for each in required if each.kwarg_only}
        try:
            signature.bind(*given, **named, out=None)  # all there is
            signature.bind(*first, **needed, out=None)  # what has a default left out
        except TypeError as error:
            pytest.fail(f"{op}: {error}, for {op._schema}")


def test_most_formulas_are_checked():
    assert overloads("aten::mm")
    assert sum(bool(overloads(target)) for target in OPS) > len(OPS) // 2
