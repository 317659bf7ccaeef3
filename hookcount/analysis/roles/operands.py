"""Operands: whether a matrix product takes a weight, or two activations, as the shapes of a module's run tell it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from ...core.trace import Call, ModuleRun, Trace, leaves
from ...rules.registry import target_name

Operands = Literal["weight", "activations", "unclear"]

_ADDED_TO = ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation", "_scaled_addmm")
"""Products whose first tensor is added to the result."""

_SOFTMAXES = ("_softmax", "_safe_softmax", "_masked_softmax")


class Shapes:
    """The shapes that weights and activations have in one run of a module.

    A trace holds no tensor, so which of them an op was given is followed by shape. ``weights``: of the parameters and buffers
    that the module and those beneath it hold, of such that its caller gave it, and of what ops made of these alone (transposed,
    cast, split, dequantized).
    ``activations``: of what the module was given, what modules it called gave back, what it made of nothing, and what ops made of
    any of these. ``weighed``: of what softmaxes gave, and of what ops made of that.
    """

    def __init__(
        self, run: ModuleRun, called: Collection[ModuleRun], caller: Shapes | None
    ) -> None:
        self.weights: set[Any] = set()
        self.activations: set[Any] = set()
        if run.call is not None:
            held = (*run.call.module.parameters(), *run.call.module.buffers())
            given = {spec.shape for spec in leaves((run.call.args, run.call.kwargs))}
            passed_on = set() if caller is None else given & (caller.weights - caller.activations)
            self.weights = {tensor.shape for tensor in held} | passed_on
            self.activations = given - passed_on
        self.activations.update(
            spec.shape for each in called if each.call is not None for spec in leaves(each.call.out)
        )
        soft = [
            op.call for each in (run, *called) for op in each.ops if op_name(op.call) in _SOFTMAXES
        ]
        self.weighed: set[Any] = {
            spec.shape for call in soft for spec in leaves(call.out) if len(spec.shape) > 1
        }
        calls = [(_given(op.call), [spec.shape for spec in leaves(op.call.out)]) for op in run.ops]
        while self._follow(
            calls
        ):  # equal calls stand in the trace once, at the first: what came later may feed them too
            pass

    def _follow(self, calls: list[tuple[list[Any], list[Any]]]) -> bool:
        known = len(self.weights), len(self.activations), len(self.weighed)
        for given, made in calls:
            if given and self.weights.issuperset(given):
                self.weights.update(made)
            if not given or not self.activations.isdisjoint(given):
                self.activations.update(made)
            if not self.weighed.isdisjoint(given):
                self.weighed.update(made)
        return known != (len(self.weights), len(self.activations), len(self.weighed))

    def of(self, call: Call) -> Operands:
        """What a product took. ``unclear``: in this run a weight and an activation have the shape of an operand."""
        taken = factors(call)[:2]
        if len(taken) < 2 or not self.activations.issuperset(taken):
            return "weight"  # a packed weight is no tensor; what no activation can be was held
        doubtful = self.weights.intersection(taken)
        if not doubtful or (
            len(doubtful) == 1 and taken[0] != taken[1] and self.weighed.issuperset(doubtful)
        ):
            return "activations"  # a weight that is added to scores has their shape too
        added = next(iter(_given(call)))
        return "weight" if len(added) == 1 and added in self.weights else "unclear"


def _given(call: Call) -> list[Any]:
    return [spec.shape for spec in leaves((call.args, call.kwargs))]


def factors(call: Call) -> list[Any]:
    """The shapes that a call took, without that of what is added to a product."""
    given = _given(call)
    return (
        given[1:]
        if call.module is None and op_name(call) in _ADDED_TO and len(given) > 2
        else given
    )


def op_name(call: Call) -> str:
    """``mm`` for ``aten::mm.default`` and for what writes into its input."""
    name = target_name(call.target).partition(".")[0].rpartition("::")[2]
    return name if name.endswith("__") else name.removesuffix("_")


class Followed:
    """The ``Shapes`` of each run of a trace that is asked for, worked out once."""

    def __init__(self, trace: Trace) -> None:
        self._runs = trace.runs
        self._called: dict[int, list[ModuleRun]] = {}
        for run in trace.runs:
            if run.parent is not None:
                self._called.setdefault(run.parent, []).append(run)
        self._known: dict[int, Shapes] = {}

    def of(self, run: int) -> Shapes:
        known = self._known.get(run)
        if known is None:
            above = self._runs[run].parent
            caller = None if above is None else self.of(above)
            known = self._known[run] = Shapes(self._runs[run], self._called.get(run, ()), caller)
        return known
