"""Targets: the module classes and ops that formulas are for, and their names."""

from __future__ import annotations

from inspect import getattr_static

import torch
from torch import nn

from ..core.errors import RegistrationError
from ..core.opnames import AbsentOp

Op = torch._ops.OpOverload | torch._ops.OpOverloadPacket | torch._ops.HigherOrderOperator
Target = type[nn.Module] | Op | str
"""An ``nn.Module`` class, an op of ``torch.ops``, or the name of either."""


def class_name(cls: type) -> str:
    """The name of a class: ``package.module.Class``."""
    return f"{cls.__module__}.{cls.__qualname__}"


def target_name(target: object) -> str:
    """The name of a target: ``package.module.Class`` or ``namespace::op[.overload]``."""
    if isinstance(target, str):
        if "::" not in target and "." not in target:
            raise RegistrationError(
                f"{target!r} names no target. To fix it: write a module class as "
                "'package.module.Class' and an op as 'namespace::op'."
            )
        return target
    if isinstance(target, type) and issubclass(target, nn.Module):
        return class_name(target)
    if isinstance(target, torch._ops.OpOverloadPacket):
        return str(target._qualified_op_name)
    if isinstance(target, torch._ops.OpOverload):
        return f"{target._schema.name}.{target._overloadname}"
    if isinstance(target, torch._ops.HigherOrderOperator):
        return f"higher_order::{target.__name__}"
    if isinstance(target, AbsentOp):
        return target.name
    kind = "an instance" if isinstance(target, nn.Module) else repr(target)
    raise RegistrationError(
        f"cannot register {kind} of {type(target).__name__}. To fix it: give an nn.Module class, "
        "an op such as torch.ops.aten.bmm, or the name of either as a string."
    )


def same_forward(cls: type, base: type) -> bool:
    """Whether a class runs the ``forward`` of its base class ``base``."""
    if getattr(cls, "forward", None) is getattr(base, "forward", None):
        return True
    # a class method or a partial method is bound anew each time
    return getattr_static(cls, "forward", None) is getattr_static(base, "forward", None)
