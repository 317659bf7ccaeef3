"""Names for the values that torch hands to a dispatch mode and to module hooks.

A model may pass any Python object. So most of these names cannot be stricter; they say what a
value means at that point.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from torch._ops import OpOverload

OpArgs = Sequence[Any]
"""The positional arguments of one op call. The op's schema fixes their types, so code uses them
without a check."""

OpKwargs = dict[str, Any]
"""The keyword arguments of one op call, by the names of the op's schema."""

OpResult = Any
"""The result of one op call: a tensor, a tuple or list of tensors, a number, or None. The op's
schema fixes its type."""

Described = Any
"""A value in which each tensor is replaced by its ``Spec``, as a ``Call`` holds it.

``specs.described`` and ``specs.op_described`` make such values."""

Key = Hashable
"""The frozen form of a call or of a module's state. Equal keys mean that the result is the same."""


class RunsOnGpu(Protocol):
    """Runs calls of composite ops as on a GPU: see ``shapes_run/on_gpu.py``."""

    def __call__(self, op: OpOverload, args: OpArgs, kwargs: OpKwargs) -> OpResult: ...


class RunsAttention(Protocol):
    """Runs calls of attention as on the model's device: see ``shapes_run/attention.py``."""

    def __call__(self, args: OpArgs, kwargs: OpKwargs) -> OpResult: ...

    def parts(self, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run a call for which torch has chosen separate ops."""

    def on_jagged(self) -> None:
        """Raise ``DataNeededError`` where the path of jagged tensors is not known."""
