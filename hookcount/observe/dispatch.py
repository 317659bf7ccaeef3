"""The dispatch mode that sees every op, on the way to where it really runs."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .observer import Observer
from .opfacts import op_facts
from .specs import op_specs
from .state import Guard


class RealRun(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets each op run as it is and notes it. Composite ops (whole under ``inference_mode``) and control flow are opened."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler at the first op: over a second, and compiled code runs eagerly here anyway

    def __init__(self, observer: Observer, guard: Guard | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observer = observer
        self._guard = guard

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not self._observer.listening():
            return func(*args, **kwargs)
        facts = op_facts(func)
        if facts.composite:
            with self:
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        if facts.control_flow:
            return func(*map(self._seeing, args), **kwargs)
        if self._guard is not None:
            self._guard.before(facts, args, kwargs)
        before = op_specs(args), {name: op_specs(value) for name, value in kwargs.items()}
        out = func(*args, **kwargs)
        self._observer.ran(func, *before, out)
        return out

    def _seeing(self, value: Any) -> Any:
        """A function given to an op, so that this mode sees what it runs."""
        if isinstance(value, torch.Tensor) or not callable(value):
            return value

        def seen(*args: Any, **kwargs: Any) -> Any:
            with self:
                return value(*args, **kwargs)

        return seen
