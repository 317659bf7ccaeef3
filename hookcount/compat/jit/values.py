"""An op's inputs and outputs, which answer as the values of a jit graph do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.trace import Call, Spec
from .run import kind

_KINDS: tuple[tuple[type, str], ...] = (
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


def _unknown(what: str, name: str, known: str) -> AttributeError:
    return AttributeError(
        f"{name!r}: there is no jit graph behind this {what}, so it does not know. To fix it: read {known}, "
        "or compute the figure from the shapes alone."
    )


@dataclass(frozen=True)
class Type:
    """The type of a value: ``kind()``, and of a tensor ``sizes()``, ``dim()`` and ``dtype()``."""

    held: Any

    def kind(self) -> str:
        """``"TensorType"``, ``"IntType"``, ``"ListType"`` and so on."""
        return next((name for each, name in _KINDS if isinstance(self.held, each)), "AnyType")

    def sizes(self) -> list[int] | None:
        """A tensor's shape; None of anything else."""
        return list(self.held.shape) if isinstance(self.held, Spec) else None

    def dim(self) -> int | None:
        """A tensor's number of axes; None of anything else."""
        return len(self.held.shape) if isinstance(self.held, Spec) else None

    def dtype(self) -> Any:
        """A tensor's ``torch.dtype``; None of anything else."""
        return self.held.dtype if isinstance(self.held, Spec) else None

    def __getattr__(self, name: str) -> Any:
        raise _unknown("type", name, "kind(), sizes(), dim() or dtype()")


@dataclass(frozen=True)
class Node:
    """What made a list: its items are the inputs."""

    held: Any

    def inputs(self) -> list[Value]:
        """The values in a list; of anything else none."""
        return [Value(item) for item in self.held] if isinstance(self.held, (list, tuple)) else []

    def __getattr__(self, name: str) -> Any:
        raise _unknown("node", name, "inputs()")


@dataclass(frozen=True)
class Value:
    """An input or output of an op: a tensor of a known shape, or a plain Python value or list of such."""

    held: Any

    def isCompleteTensor(self) -> bool:
        """Whether it is a tensor; the shape of each is known."""
        return isinstance(self.held, Spec)

    def type(self) -> Type:
        """Its ``Type``."""
        return Type(self.held)

    def toIValue(self) -> Any:
        """The plain value; None of a tensor, whose values are not kept, and of a list with one in it."""
        items = self.held if isinstance(self.held, (list, tuple)) else (self.held,)
        if any(isinstance(item, Spec) for item in items):
            return None
        return list(self.held) if isinstance(self.held, tuple) else self.held

    def node(self) -> Node:
        """What made it, as far as a list's items go."""
        return Node(self.held)

    def __getattr__(self, name: str) -> Any:
        raise _unknown("value", name, "isCompleteTensor(), type(), toIValue() or node()")


_FLAGS = (
    False,
    False,
    True,
    True,
)  # benchmark, deterministic, enabled, TF32 of cuDNN: a jit trace has them on its convolution


def values(call: Call) -> tuple[list[Value], list[Value]]:
    """Inputs and outputs of an op's call, the inputs in the order of its schema, with those left out at their defaults."""
    given = list(call.args)
    schema = getattr(call.target, "_schema", None)
    rest = () if schema is None else schema.arguments[len(given) :]
    given += [call.kwargs.get(argument.name, argument.default_value) for argument in rest]
    if kind(call.target) == "aten::_convolution":
        given += _FLAGS
    several = schema is not None and len(schema.returns) > 1
    return [Value(each) for each in given], [
        Value(each) for each in (call.out if several else (call.out,))
    ]
