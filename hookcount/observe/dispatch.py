"""The dispatch mode that sees every op; how an op is then run is for its subclasses to say."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .observer import Observer
from .opfacts import OpFacts, op_facts
from .specs import op_specs
from .state import Guard


class Run(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every op. Composite ops (whole under ``inference_mode``) and control flow are opened, the others are run."""

    supports_higher_order_operators = True
    name = ""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler at the first op: over a second, and compiled code runs eagerly here anyway

    def __init__(self, observer: Observer, guard: Guard | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer
        self._guard = guard

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return (
            self.see(func, args, kwargs or {})
            if self._observer.listening()
            else func(*args, **(kwargs or {}))
        )

    def see(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Open an op that is made of others, run any other.

        An op of another package may say that it is made of others and be a kernel all the same (``torch_sparse``): what has a
        formula is not opened.
        """
        facts = op_facts(func)
        if facts.composite and (facts.torchs_own or not self._observer.priced(func)):
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        if facts.control_flow:
            return func(*map(self._seeing, args), **kwargs)
        return self.op(func, facts, args, kwargs)

    def op(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        """Run an op and tell the observer of it."""
        raise NotImplementedError

    def _seeing(self, value: Any) -> Any:
        """A function given to an op, so that this mode sees what it runs."""
        if isinstance(value, torch.Tensor) or not callable(value):
            return value

        def seen(*args: Any, **kwargs: Any) -> Any:
            with self:
                return value(*args, **kwargs)

        return seen


class RealRun(Run):  # type: ignore[no-untyped-call]
    """Runs each op as it is."""

    name = "real"

    def op(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        if self._guard is not None:
            self._guard.before(facts, args, kwargs)
        before = op_specs(args), {name: op_specs(value) for name, value in kwargs.items()}
        out = func(*args, **kwargs)
        self._observer.ran(func, *before, out)
        return out
