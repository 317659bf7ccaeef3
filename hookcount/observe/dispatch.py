"""The dispatch mode that sees every op. Its subclasses decide how an op is run."""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ..rules.registry import Op
from .contained import op_tensors
from .observer import Observer
from .opfacts import OpFacts, op_facts
from .parts import wrappers
from .ragged import is_ragged
from .specs import op_described
from .transforms import transformed
from .undo.guard import Guard
from .values import OpArgs, OpKwargs, OpResult

_COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
_OF_NESTED = torch._C.DispatchKey.CompositeImplicitAutogradNestedTensor


class Run(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every op. It opens composite ops and control flow, and runs all other ops.

    A composite op arrives whole under ``torch.inference_mode``.
    """

    supports_higher_order_operators = True
    name = ""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True would make torch import its compiler at the first op, which takes over a second.
        # Nothing is lost: compiled code runs eagerly during a count.
        return False

    def __init__(self, observer: Observer, guard: Guard | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer
        self._guard = guard
        observer.mode = self.beside

    def __torch_dispatch__(
        self, func: Op, types: tuple[type, ...], args: OpArgs = (), kwargs: OpKwargs | None = None
    ) -> OpResult:
        if types and op_facts(func).metadata:
            return NotImplemented  # the subclass answers; to raise here would end the process
        observer, kwargs = self._observer, kwargs or {}
        if not observer.listening():
            observer.passed()
            return func(*args, **kwargs)
        if types:
            if is_ragged(types):
                observer.met_wrapper()
                return NotImplemented
            shared, pending = wrappers(types)
            if shared:
                observer.met_wrapper()
            if shared and observer.step is not None:
                observer.step.updates.met(func, args)
            if shared or pending:
                return self.unwrapped(func, args, kwargs)
        if observer.step is not None:
            observer.step.updates.met(func, args)
        out = self.see(func, args, kwargs)
        if observer.step is not None:
            observer.step.updates.made(out)
        facts = op_facts(func)
        observer.reach.made(facts, args, kwargs, out)
        observer.origins.made(facts, args, kwargs, out)
        return out

    def unwrapped(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Leave an op to a tensor that wraps this rank's part of a larger one.

        That tensor runs other ops on the part. This mode sees those.
        """
        return NotImplemented

    def beside(self, observer: Observer) -> Run:
        """A mode like this one, for another thread with an observer of its own."""
        raise NotImplementedError

    def see(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Open a composite op, run any other op.

        It is opened as torch does it outside of ``torch.inference_mode``: not by a decomposition in
        Python, and not if it has a kernel on the device. An op of another package may declare
        itself composite and still be a kernel (``torch_sparse``). So such an op is not opened if it
        has a formula.
        """
        facts = op_facts(func)
        if (
            facts.composite
            and (facts.torchs_own or not self._observer.priced(func))
            and not (facts.kernels and self.device_of(args) in facts.kernels)
        ):
            opened = _COMPOSITE
            if any([each.is_nested for each in op_tensors(args)]):  # noqa: C419 (faster)
                if facts.has_nested_kernel:
                    return self.op(func, facts, args, kwargs)
                opened = _OF_NESTED if facts.opens_nested else opened
            with self:
                return func._op_dk(opened, *args, **kwargs)  # type: ignore[union-attr]
        if facts.control_flow:
            return func(*map(self._seeing, args), **kwargs)
        if facts.prim and (transformed() or _in_a_backward_pass_on_meta(args)):
            return self.unrecorded(func, args, kwargs)  # it finds the shape of a sum
        return self.op(func, facts, args, kwargs)

    def device_of(self, args: OpArgs) -> str:
        """The type of the device on which an op runs: that of its first tensor."""
        return next((each.device.type for each in op_tensors(args)), "")

    def unrecorded(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op that is no work of the model."""
        return func(*args, **kwargs)

    def op(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op and report its call to the observer. Returns the op's result."""
        raise NotImplementedError

    def _seeing(self, value: object) -> object:
        """An argument of a control-flow op. A function is wrapped: this mode sees its ops too."""
        if isinstance(value, torch.Tensor) or not callable(value):
            return value

        def seen(*args: object, **kwargs: object) -> object:
            with self:
                return value(*args, **kwargs)

        return seen


def _in_a_backward_pass_on_meta(args: OpArgs) -> bool:
    """Whether autograd adds a gradient that is zero and has no memory (that of ``sgn``)."""
    in_pass = torch._C._current_graph_task_id() != -1
    return in_pass and all(each.is_meta for each in op_tensors(args))


class RealRun(Run):  # type: ignore[no-untyped-call]
    """Runs each op with its real arguments."""

    name = "real"

    def beside(self, observer: Observer) -> Run:
        """A mode like this one, for another thread with an observer of its own."""
        return RealRun(observer, self._guard)

    def op(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        before = op_described(args), {name: op_described(value) for name, value in kwargs.items()}
        out = (
            func(*args, **kwargs)
            if self._guard is None
            else self._guard.run(func, facts, args, kwargs)
        )
        self._observer.ran(func, *before, out)
        return out
