"""What an op on stand-ins writes to: the real tensors become data, and are the op's results."""

from __future__ import annotations

import torch

from ..opfacts import UNDECLARED_WRITES, OpFacts
from ..undo.guard import Guard
from ..values import OpArgs, OpKwargs, OpResult
from .data import Data


class Writes:
    """Follows the writes of one run."""

    def __init__(self, data: Data, guard: Guard | None) -> None:
        self._data = data
        self._guard = guard

    def note(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> None:
        """An op writes data. The tensors that it writes to are data from now on."""
        if facts.only_first and type(args[0]) is torch.Tensor and args[0].is_meta:
            return  # most ops in place
        if facts.name in UNDECLARED_WRITES:
            return  # here it writes to stand-ins only, and autograd does not count it as a write
        written = facts.written(args, kwargs)
        if all([isinstance(each, torch.Tensor) and each.is_meta for each in written]):  # noqa: C419 (faster)
            return
        if self._guard is not None:
            self._guard.note(facts, args, kwargs, save=facts.reshapes)
        for each in written:
            self._data.take(each)

    def results(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, made: OpResult) -> OpResult:
        """An op's result for its caller. An output that is an argument is the caller's own tensor.

        An op with ``out=`` gives that tensor its shape.
        """
        if not facts.returns:
            return made
        whole = made if isinstance(made, tuple) else (made,)
        found = []
        for each, source in zip(whole, facts.returns, strict=True):
            if source is None:
                found.append(each)
                continue
            own = args[source] if isinstance(source, int) else kwargs[source]
            if facts.out_names and own.shape != each.shape:
                self._data.reshape(own, each)
            found.append(own)
        return tuple(found) if isinstance(made, tuple) else found[0]
