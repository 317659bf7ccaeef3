"""``Phased``: the phases of a training step, each as a report."""

from __future__ import annotations

from typing import TypeVar, get_args

from ..core.trace import Phase
from ..pricing.priced import Priced

P = TypeVar("P", bound="Phased")


class Phased:
    """A count that may have other phases than the forward. Each phase is priced once."""

    priced: Priced

    def _of(self: P, priced: Priced) -> P:
        """A report of the same run."""
        raise NotImplementedError

    @property
    def backward(self: P) -> P:
        """The backward passes, as a report. Each op belongs to the module whose forward caused it.

        Gradients that are added to those of earlier passes belong to it.
        """
        return self._within("backward", "accumulate")

    @property
    def recompute(self: P) -> P:
        """Forwards that a backward pass ran again, as with checkpointing."""
        return self._within("recompute")

    @property
    def optimizer(self: P) -> P:
        """The optimizer's steps. Each op belongs to the module whose parameter it updates."""
        return self._within("optimizer")

    @property
    def step(self: P) -> P:
        """The whole training step: forward, backward, recomputation and optimizer."""
        return self._within(*get_args(Phase))

    def _within(self: P, *phases: Phase) -> P:
        return self._of(self.priced.within(frozenset(phases)))

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran in the block. Its ops are in the trace, but in no count."""
        return self.priced.backward_seen
