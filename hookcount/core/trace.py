"""``Trace``: the record of a run. Frozen facts about modules and calls, without a tensor.

Pricing reads nothing else.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, NamedTuple, TypeAlias

import torch

from .portable import Portable
from .structures import changed

Phase = Literal["forward", "backward", "recompute", "accumulate", "optimizer"]
"""Part of a training step. ``"recompute"``: a forward that a backward pass runs again.
``"accumulate"``: a gradient is added to the one that is there."""
Whole = Literal["", "call", "part"]
"""``"call"``: a call of a function that other ops make up, as the code calls it. ``"part"``: an op
that ran inside such a call. Empty for any other op. See ``observe/whole_calls.py``."""

OUTSIDE = "<outside>"
"""The path of ops that run outside every call of the model's modules."""

Value: TypeAlias = Any
"""A recorded argument or output, in which each tensor is a ``Spec``.

It is a ``Spec``, a plain value, or a container of these: a tuple, a list, a dict or a namespace.
"""


@dataclass(frozen=True, eq=False)
class Spec:
    """The shape and dtype of a tensor. Values are not kept."""

    shape: torch.Size
    dtype: torch.dtype
    itemsize: int
    """Bytes of one element."""
    arithmetic: bool
    """Whether the dtype is floating, complex or quantized. Ids and masks are not."""
    sparse: bool = False
    parts: tuple[torch.Size, ...] = ()
    """The shapes of the tensors in a nested tensor. Its ``shape`` is the padded one."""

    @property
    def bytes(self) -> int:
        """Bytes of all elements, as a dense tensor."""
        elements: int = prod(self.shape)
        return elements * self.itemsize


@dataclass(frozen=True, eq=False)
class Call(Portable):
    """One distinct call of a module or an op. Each tensor in it is a ``Spec``.

    ``target`` is the module's class or the op. ``module`` is a stand-in for the called module, None
    for an op. A stand-in has the same class and attributes; its parameters are on the meta device.
    """

    target: Any
    args: tuple[Value, ...]
    kwargs: Mapping[str, Value]
    out: Value
    module: Any = None


class OpRun(NamedTuple):
    """An op that ran ``times`` times in one run of a module."""

    call: Call
    claimable: bool
    """Whether the module's formula may pay for the op, because the module's own forward ran it.

    An op in a hook around the forward is not claimable.
    """
    times: int
    line: str
    """The ``file:line`` of the user's code that called the op. Empty in torch's own layers."""
    called: str
    """The function that ran the op, as the innermost Python code names it. Empty without a name.

    Examples are ``"torch.matmul"``, ``".matmul"`` (a method) and ``"@"`` (an operator).
    """
    whole: Whole = ""
    inside: tuple[str, ...] = ()
    """The functions of ``torch.nn.functional`` inside which the op ran, the innermost first.

    They are written as in ``called``. They are only those that torch itself wrote in Python.
    """
    lost: int = 0
    """How many of the ``times`` reach no output of the model. See ``observe/reach.py``."""


class Unseen(NamedTuple):
    """Work of a module that was not seen, or of an op that no formula can price."""

    what: str
    """What the module did, as a predicate: ``"returned a generator"``."""
    fix: str
    """What makes the work visible. Empty if nothing but a formula can count it."""
    takes_formula: bool = True
    """Whether a formula for the target would count the work."""


class ModuleRun(NamedTuple):
    """One run of one module at one place of the tree."""

    path: str
    type: str
    parent: int | None
    """The index of the run inside which this run happened. None for a run at the top."""
    phase: Phase
    call: Call | None
    """None if the forward raised. The ops that ran before that are in ``ops``."""
    ops: tuple[OpRun, ...]
    unseen: Unseen | None = None
    """Work that was not seen. None if all work was."""
    by_ops: bool = False
    """Whether the module's ops pay, also if there is a formula for the module.

    This rank did only its part of the module's work: a formula would mix shapes of parts with
    attributes of the whole. Or the module ran under a transform of ``torch.func``: a formula would
    read the shapes of one example, or miss derivatives.
    """
    whole: tuple[OpRun, ...] = ()
    """Calls of functions that other ops make up, as the code calls them. These ops are in ``ops``.

    Only conventions of tools that read such calls price these. See ``Convention.within``.
    """
    of_step: bool = False
    """This is no call: it has the ops of a training step that belong to the module."""


class TensorFact(NamedTuple):
    """A parameter or buffer of a module."""

    key: int
    """Equal for equal tensors, also if several modules share a tensor."""
    name: str
    elements: int
    bytes: int
    dtype: str
    trainable: bool
    is_buffer: bool


class Place(NamedTuple):
    """A module at one place in the tree. A shared module has several places."""

    path: str
    type: str
    key: int
    """Equal for all places of one module."""
    tensors: tuple[TensorFact, ...]
    leaf: bool
    registered: bool = True
    """False for a module that ran but is not among the model's ``named_modules``."""


@dataclass(frozen=True)
class Trace(Portable):
    """The record of one observation: the model's modules, and the calls that ran."""

    places: tuple[Place, ...]
    """The places of the tree, in the order of ``named_modules``."""
    runs: tuple[ModuleRun, ...]
    """The module runs, in the order in which they began.

    Work of a phase without calls, such as a backward pass, comes last: one run for each module that
    it belongs to, without a call.
    """
    outside: tuple[tuple[Phase, OpRun], ...]
    """Ops outside every module call: in a ``watch`` block, ``generate()`` or a backward pass."""
    run: str
    """How the model ran: ``"shapes"`` or ``"real"``."""
    ops_known: int = 0
    """Op calls of a shapes-only run whose output shapes were known from an equal call before."""
    ops_worked_out: int = 0
    """Op calls of a shapes-only run whose output shapes had to be computed."""
    outside_whole: tuple[tuple[Phase, OpRun], ...] = ()
    """Calls as in ``ModuleRun.whole``, outside every module call."""

    def followed_by(self, later: Trace) -> Trace:
        """This observation and a later one of the same model as one."""
        calls = [each for each in self.runs if not each.of_step]
        calls += [
            each if each.parent is None else each._replace(parent=each.parent + len(calls))
            for each in later.runs
            if not each.of_step
        ]
        return replace(
            later,
            runs=(*calls, *(each for each in (*self.runs, *later.runs) if each.of_step)),
            outside=self.outside + later.outside,
            ops_known=self.ops_known + later.ops_known,
            ops_worked_out=self.ops_worked_out + later.ops_worked_out,
            outside_whole=self.outside_whole + later.outside_whole,
        )


def sizes(value: Value) -> Value:
    """``value`` with each ``Spec`` replaced by its shape. Containers are copied."""
    if isinstance(value, Spec):
        return value.shape
    if isinstance(value, torch.Size):
        return value
    made = changed(value, sizes)
    return value if made is NotImplemented else made


def leaves(value: Value) -> Iterator[Spec]:
    """Each ``Spec`` in a nested structure, in order."""
    if isinstance(value, Spec):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, types.SimpleNamespace):
        yield from leaves(vars(value))
