"""Ops by name, since ops of torch cannot be pickled."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class AbsentOp:
    """An op of a pickled report that this process does not have.

    Its library is not imported here. It has the name, the schema and the price of the op.
    """

    name: str
    """``namespace::name.overload``"""
    schema: str
    is_view: bool

    @property
    def _schema(self) -> torch._C.FunctionSchema | None:
        """The schema, where ops of torch have it; None if this torch cannot read it."""
        try:
            return torch._C.parse_schema(self.schema)
        except RuntimeError:
            return None

    def __str__(self) -> str:
        return self.name


Described = tuple[str, str, str, str, bool]
"""Namespace, name, overload, schema, and whether the op is a view."""


def described(op: object) -> Described | None:
    """The description of an op; None for any other object."""
    if isinstance(op, torch._ops.OpOverload):
        space, _, name = op._schema.name.partition("::")
        return space, name, op._overloadname, str(op._schema), op.is_view
    if isinstance(op, torch._ops.OpOverloadPacket):
        space, _, name = op._qualified_op_name.partition("::")
        return space, name, "", "", False
    if isinstance(op, torch._ops.HigherOrderOperator):
        return "higher_order", op.__name__, "", "", False
    return None


def op_of(space: str, name: str, overload: str, schema: str, is_view: bool) -> object:
    """The op of a description. An ``AbsentOp`` if this process has no such op."""
    try:
        found = getattr(getattr(torch.ops, space), name)
        return getattr(found, overload) if overload else found
    except (AttributeError, RuntimeError):
        return AbsentOp(f"{space}::{name}" + (f".{overload}" if overload else ""), schema, is_view)
