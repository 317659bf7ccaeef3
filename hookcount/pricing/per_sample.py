"""The work of modules for one sample of the model's first input: see ``Convention.per_sample``."""

from __future__ import annotations

from collections.abc import Sized

from ..core.ops import KINDS, Ops
from ..core.trace import Spec, Trace


def samples(trace: Trace) -> int:
    """The length of the first positional input of the model, of all its calls together.

    1 where there is no such length.
    """
    found = 0
    for run in trace.runs:
        if run.parent is None and run.path == "" and run.call is not None:
            found += length(*run.call.args[:1])
    return found or 1


def length(first: object = None) -> int:
    """The samples in a model's first positional input. 1 if it has no length."""
    if isinstance(first, Spec):
        return first.shape[0] if first.shape else 1
    return len(first) if isinstance(first, Sized) else 1


class Mean:
    """Divides prices by a number of samples, so that only their sum is rounded down.

    A price is the quotient up to and with it, less the quotient before it.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._sum = 0

    def of(self, ops: Ops | None) -> Ops | None:
        """The share of one sample in a price."""
        if ops is None or self._samples == 1:
            return ops
        return Ops(*(self._share(getattr(ops, kind)) for kind in KINDS))

    def _share(self, count: int) -> int:
        before = self._sum // self._samples
        self._sum += count
        return self._sum // self._samples - before
