"""``Trace``: what ran. Frozen facts about a model's modules and calls, without a tensor; pricing reads nothing else."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, NamedTuple

Phase = Literal["forward", "backward"]

OUTSIDE = "<outside>"
"""The path of what runs outside every call of the model's modules."""


@dataclass(frozen=True, eq=False)
class Spec:
    """What is kept of a tensor: its shape (a ``torch.Size``) and dtype. ``arithmetic`` tells numbers from ids and masks."""

    shape: Any
    dtype: Any
    itemsize: int
    arithmetic: bool
    """Floating, complex or quantized."""
    sparse: bool = False

    @property
    def bytes(self) -> int:
        elements: int = prod(self.shape)
        return elements * self.itemsize


@dataclass(frozen=True, eq=False)
class Call:
    """One distinct call of a module or an op: its target and its arguments and output, each tensor as a ``Spec``.

    ``module`` is a stand-in of the called module: same class and attributes, parameters on the meta device.
    """

    target: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    out: Any
    module: Any = None


class OpRun(NamedTuple):
    """An op that ran ``times`` times. ``claimable``: inside the module's own forward, not in a hook that runs around it.

    ``line``: the ``file:line`` outside of torch that called it; empty inside torch's own layers. ``called``: the function that
    ran it, as the innermost code in Python names it: ``"torch.matmul"``, ``".matmul"`` of a value, ``"@"``; empty without a name.
    """

    call: Call
    claimable: bool
    times: int
    line: str
    called: str


class ModuleRun(NamedTuple):
    """One run of one module at one place of the tree. ``parent`` is the index of the run that it happened in, or None."""

    path: str
    type: str
    parent: int | None
    phase: Phase
    call: Call | None
    """None where the forward raised: what ran before that is in ``ops``."""
    ops: tuple[OpRun, ...]
    invisible: bool
    """It made its output without any op that was seen."""


class TensorFact(NamedTuple):
    """A parameter or buffer as a module holds it; ``key`` is one per tensor, however many places share it."""

    key: int
    name: str
    elements: int
    bytes: int
    dtype: str
    trainable: bool
    is_buffer: bool


class Place(NamedTuple):
    """A module at its place in the tree: a shared module has several places, with the same ``key``."""

    path: str
    type: str
    key: int
    tensors: tuple[TensorFact, ...]
    leaf: bool
    registered: bool = True
    """False for a module that ran but is not among the model's ``named_modules``."""


@dataclass(frozen=True)
class Trace:
    """All of one observation: the places of the tree in the order of ``named_modules``, and what ran there."""

    places: tuple[Place, ...]
    runs: tuple[ModuleRun, ...]
    outside: tuple[tuple[Phase, OpRun], ...]
    """Ops that ran outside every module call (a ``watch`` block, ``generate()``, a backward pass)."""
    run: str
    """How it was observed: ``"shapes"`` or ``"real"``."""
    ops_known: int = 0
    """Of the op calls of a shapes-only run, those whose result was known from an equal call before."""
    ops_worked_out: int = 0


def sizes(value: Any) -> Any:
    """``value`` with each ``Spec`` replaced by its shape."""
    if isinstance(value, Spec):
        return value.shape
    if type(value) is tuple:
        return tuple([sizes(item) for item in value])
    if type(value) is list:
        return [sizes(item) for item in value]
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return type(value)._make(sizes(item) for item in value)
    if isinstance(value, Mapping):
        return {key: sizes(item) for key, item in value.items()}
    if isinstance(value, types.SimpleNamespace):
        return types.SimpleNamespace(**sizes(vars(value)))
    return value


def leaves(value: Any) -> Iterator[Spec]:
    """Each ``Spec`` in a structure, in order."""
    if isinstance(value, Spec):
        yield value
    elif type(value) in (tuple, list) or hasattr(value, "_make"):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, types.SimpleNamespace):
        yield from leaves(vars(value))
