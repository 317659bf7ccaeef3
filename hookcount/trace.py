"""``Trace``: what ran. Frozen facts about a model's modules and calls, without a tensor; pricing reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping
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
