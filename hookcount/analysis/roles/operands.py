"""Decides whether a matrix product multiplies by a weight or by another activation."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from torch import Size

from ...core.trace import Call, ModuleRun, Trace, leaves
from ...rules.registry import target_name

Operands = Literal["weight", "activations", "unclear"]
"""The operands of a product: one is a weight, both are activations, or the shapes fit both."""

_ADDED_TO = ("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation", "_scaled_addmm")
"""Products whose first tensor is added to the result."""

_PRODUCTS = (*_ADDED_TO, "mm", "bmm", "mv", "_scaled_mm", "_int_mm", "_grouped_mm")

_SOFTMAXES = ("_softmax", "_safe_softmax", "_masked_softmax")

_Taken = tuple[list[Size], list[Size]]
"""The shapes of the tensors that an op took, and of those that it gave."""


class Shapes:
    """The shapes of weights and of activations in one run of a module.

    A trace holds no tensors. So the operands of an op are followed by their shapes.

    ``weights``: shapes of weights. They start from the parameters and buffers of the module and of
    the modules beneath it, and from weights that its caller passed on. Ops that take only weights
    make further ones: they transpose, cast, split or dequantize.

    ``activations``: shapes of activations. They start from the inputs of the module, from outputs
    of the modules that it called, and from tensors that it made of nothing. Ops that take an
    activation make further ones.

    ``weighed``: shapes of softmax outputs, and of the results of ops that take one of them.
    """

    def __init__(
        self, run: ModuleRun, called: Collection[ModuleRun], caller: Shapes | None
    ) -> None:
        self.weights: set[Size] = set()
        self.activations: set[Size] = set()
        if run.call is not None:
            held = (*run.call.module.parameters(), *run.call.module.buffers())
            given = {spec.shape for spec in leaves((run.call.args, run.call.kwargs))}
            passed_on = set() if caller is None else given & (caller.weights - caller.activations)
            self.weights = {tensor.shape for tensor in held} | passed_on
            self.activations = given - passed_on
        self.activations.update(
            spec.shape for each in called if each.call is not None for spec in leaves(each.call.out)
        )
        self.weighed: set[Size] = {
            spec.shape
            for each in (run, *called)
            for op in each.ops
            if op_name(op.call) in _SOFTMAXES
            for spec in leaves(op.call.out)
            if len(spec.shape) > 1
        }
        calls = [(_given(op.call), [spec.shape for spec in leaves(op.call.out)]) for op in run.ops]
        # A trace holds equal calls of one line once, where the first ran. Later ops may feed them.
        while self._follow(calls):
            pass
        self._all_by_weights = _multiplies_by_its_weights(run)

    def _follow(self, calls: list[_Taken]) -> bool:
        """Pass each op's shapes on to its results. Returns whether that added any shape."""
        before = len(self.weights), len(self.activations), len(self.weighed)
        for given, made in calls:
            if given and self.weights.issuperset(given):
                self.weights.update(made)
            if not given or not self.activations.isdisjoint(given):
                self.activations.update(made)
            if not self.weighed.isdisjoint(given):
                self.weighed.update(made)
        return before != (len(self.weights), len(self.activations), len(self.weighed))

    def of(self, call: Call) -> Operands:
        """The operands of a product that ran here.

        They are ``unclear`` if a weight and an activation of this run have the shape of an operand.
        A module that runs no more products than it has weights for multiplies by each of these.
        """
        taken = factors(call)[:2]
        # A packed weight is not a tensor. A shape that no activation has is that of a weight.
        if self._all_by_weights or len(taken) < 2 or not self.activations.issuperset(taken):
            return "weight"
        doubtful = self.weights.intersection(taken)
        # A weight that is added to scores has their shape too.
        is_of_scores = len(doubtful) == 1 and taken[0] != taken[1]
        if not doubtful or (is_of_scores and self.weighed.issuperset(doubtful)):
            return "activations"
        added = next(iter(_given(call)))
        return "weight" if len(added) == 1 and added in self.weights else "unclear"


def _multiplies_by_its_weights(run: ModuleRun) -> bool:
    """Whether a run has no more products than the module itself holds matrices for them.

    A matrix is for a product if that takes its shape or the transposed one, and no other op of
    several tensors takes it.
    """
    products = [op for op in run.ops if op_name(op.call) in _PRODUCTS]
    if run.call is None or not products:
        return False
    taken = {tuple(shape[-2:]) for op in products for shape in factors(op.call)[:2]}
    others = [_given(op.call) for op in run.ops if op_name(op.call) not in _PRODUCTS]
    elsewhere = {shape for given in others if len(given) > 1 for shape in given}
    own = run.call.module._parameters.values()  # one stand-in may serve several of them
    held = [each.shape for each in own if each is not None and each.dim() > 1]
    fitting = [
        shape
        for shape in held
        if shape not in elsewhere and not taken.isdisjoint((shape[-2:], shape[-1:-3:-1]))
    ]
    return sum(op.times for op in products) <= len(fitting)


def _given(call: Call) -> list[Size]:
    return [spec.shape for spec in leaves((call.args, call.kwargs))]


def factors(call: Call) -> list[Size]:
    """The shapes of the tensors that a call took, without a tensor that is added to a product."""
    given = _given(call)
    adds = call.module is None and op_name(call) in _ADDED_TO and len(given) > 2
    return given[1:] if adds else given


def op_name(call: Call) -> str:
    """The name of an op without namespace and overload: ``mm`` for ``aten::mm.default``.

    An in-place op has the name of its functional form.
    """
    name = target_name(call.target).partition(".")[0].rpartition("::")[2]
    return name if name.endswith("__") else name.removesuffix("_")


class Followed:
    """The ``Shapes`` of the runs of a trace. Each is worked out once, when it is first needed."""

    def __init__(self, trace: Trace) -> None:
        self._runs = trace.runs
        self._called: dict[int, list[ModuleRun]] = {}
        for run in trace.runs:
            if run.parent is not None:
                self._called.setdefault(run.parent, []).append(run)
        self._known: dict[int, Shapes] = {}

    def of(self, run: int) -> Shapes:
        """The shapes of the run with this index."""
        known = self._known.get(run)
        if known is None:
            above = self._runs[run].parent
            caller = None if above is None else self.of(above)
            known = self._known[run] = Shapes(self._runs[run], self._called.get(run, ()), caller)
        return known
