"""``Phased``: the phases of a training step, each as a report."""

from __future__ import annotations

from typing import TypeVar

from ..pricing.price import BACKWARD, OPTIMIZER, RECOMPUTE, STEP, Phases
from ..pricing.priced import Priced
from .training import totals_of

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
        return self._within(BACKWARD)

    @property
    def recompute(self: P) -> P:
        """Forwards that a backward pass ran again, as with checkpointing."""
        return self._within(RECOMPUTE)

    @property
    def optimizer(self: P) -> P:
        """The optimizer's steps. Each op belongs to the module whose parameter it updates."""
        return self._within(OPTIMIZER)

    @property
    def step(self: P) -> P:
        """The whole training step: forward, backward, recomputation and optimizer."""
        return self._within(STEP)

    def _within(self: P, phases: Phases) -> P:
        return self._of(self.priced.within(phases))

    @property
    def model_flops(self) -> int:
        """FLOPs of the model, for MFU: two per MAC of the forward and of the backward pass.

        No other operation is counted, and no work that is done again: see ``recompute`` and
        ``fused_recompute_macs``. MFU is ``model_flops / seconds / peak``, as defined in "PaLM:
        Scaling Language Modeling with Pathways" (arXiv:2204.02311, appendix B).

        Without a backward pass it is the figure of the forward. All phases of a run have the same
        figure. Raises ``InputError`` if a backward pass ran that ``Training`` did not count, and if
        a report of a file does not have the figure.
        """
        return totals_of(self.priced, "model_flops").model_flops

    @property
    def hardware_flops(self) -> int:
        """FLOPs that ran, for HFU: those of ``model_flops`` and what is done again.

        Done again are the forwards of checkpointing (``recompute``) and the products that fused
        kernels repeat (``fused_recompute_macs``). There are two FLOPs per MAC, and no other
        operation. The optimizer is not included. Raises the errors of ``model_flops``.
        """
        return totals_of(self.priced, "hardware_flops").hardware_flops

    @property
    def fused_recompute_macs(self) -> int:
        """MACs of the backward pass in which fused kernels repeat a product of the forward.

        A fused attention keeps no scores. So its backward pass has five products: four for the
        gradients, and one for the scores. This is the fifth. ``backward`` includes it. Raises the
        errors of ``model_flops``.
        """
        return totals_of(self.priced, "fused_recompute_macs").fused_recompute_macs

    @property
    def backward_seen(self) -> bool:
        """Whether a backward pass ran in the block. Its ops are in the trace, but in no count."""
        return self.priced.backward_seen
