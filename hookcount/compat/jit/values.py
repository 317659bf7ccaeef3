"""The inputs and outputs of an op, with the methods of the values of a jit graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import torch

from ...core.trace import Call, Spec
from .names import jit_name

_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (Spec, "TensorType"),
    (bool, "BoolType"),
    (int, "IntType"),
    (float, "FloatType"),
    (complex, "ComplexType"),
    (str, "StringType"),
    (type(None), "NoneType"),
    (list, "ListType"),
    (tuple, "ListType"),
)


_METHODS = "isCompleteTensor(), type(), toIValue() or node()"


def _missing(owner: str, name: str, existing: str) -> AttributeError:
    return AttributeError(
        f"this {owner} has no {name!r}, because there is no jit graph behind it. "
        f"To fix it: use {existing}, or compute the figure from shapes only."
    )


@dataclass(frozen=True)
class Type:
    """The type of a value. Every value has ``kind()``; a tensor has sizes, a rank and a dtype."""

    held: object

    def kind(self) -> str:
        """``"TensorType"``, ``"IntType"``, ``"ListType"`` and so on."""
        return next((name for cls, name in _TYPE_NAMES if isinstance(self.held, cls)), "AnyType")

    def sizes(self) -> list[int] | None:
        """The shape of a tensor; None for any other value."""
        return list(self.held.shape) if isinstance(self.held, Spec) else None

    def dim(self) -> int | None:
        """The number of axes of a tensor; None for any other value."""
        return len(self.held.shape) if isinstance(self.held, Spec) else None

    def dtype(self) -> torch.dtype | None:
        """The dtype of a tensor; None for any other value."""
        return self.held.dtype if isinstance(self.held, Spec) else None

    def __getattr__(self, name: str) -> NoReturn:
        raise _missing("type", name, "kind(), sizes(), dim() or dtype()")


@dataclass(frozen=True)
class Node:
    """The node that made a list. The items of the list are the inputs of the node."""

    held: object

    def inputs(self) -> list[Value]:
        """The values in a list; empty for any other value."""
        return [Value(item) for item in self.held] if isinstance(self.held, (list, tuple)) else []

    def __getattr__(self, name: str) -> NoReturn:
        raise _missing("node", name, "inputs()")


@dataclass(frozen=True)
class Value:
    """An input or output of an op: a tensor with a known shape, a plain value, or a list."""

    held: object
    name: str | None = None
    """The variable that held the value when a node of Python code ran. None for other values."""

    def debugName(self) -> str:
        """The name of the variable that held the value. Raises ``AttributeError`` if not known."""
        if self.name is None:
            raise _missing("value", "debugName", _METHODS)
        return self.name

    def isCompleteTensor(self) -> bool:
        """Whether the value is a tensor. The shape of every tensor is known."""
        return isinstance(self.held, Spec)

    def type(self) -> Type:
        """The type of the value."""
        return Type(self.held)

    def toIValue(self) -> object:
        """The plain value.

        None for a tensor and for a list with a tensor in it: the values of tensors are not kept.
        """
        items = self.held if isinstance(self.held, (list, tuple)) else (self.held,)
        if any(isinstance(item, Spec) for item in items):
            return None
        return list(self.held) if isinstance(self.held, tuple) else self.held

    def node(self) -> Node:
        """The node that made the value. The node only knows the items of a list."""
        return Node(self.held)

    def __getattr__(self, name: str) -> NoReturn:
        raise _missing("value", name, _METHODS)


_CUDNN_FLAGS = (False, False, True, True)
"""The last four inputs of ``aten::_convolution``: benchmark, deterministic, enabled, allow TF32."""


def values(call: Call) -> tuple[list[Value], list[Value]]:
    """The inputs and outputs of an op's call.

    The inputs have the order of the op's schema. An input that the call leaves out has its default.
    """
    if isinstance(call.target, str):
        return _of_node(call)
    given = list(call.args)
    schema = getattr(call.target, "_schema", None)
    rest = () if schema is None else schema.arguments[len(given) :]
    given += [call.kwargs.get(argument.name, argument.default_value) for argument in rest]
    if jit_name(call.target) == "aten::_convolution":
        given += _CUDNN_FLAGS
    several = schema is not None and len(schema.returns) > 1
    outputs: Iterable[object] = call.out if several else (call.out,)
    return [Value(each) for each in given], [Value(each) for each in outputs]


def _of_node(call: Call) -> tuple[list[Value], list[Value]]:
    """The inputs and outputs of a node. See ``nodes.py``."""
    named = zip(call.args, call.kwargs["names"], strict=True)
    inputs = [Value(each, name or str(place)) for place, (each, name) in enumerate(named)]
    made = call.out if isinstance(call.out, tuple) else (call.out,)
    return inputs, [Value(each, "") for each in made]
