"""Where and how a model was timed: the processor, the threads, the dtype, the modes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ..observe.clocks import EVENTS
from ..observe.module_tree import ModuleTree
from .at_hand import cpu_name
from .peaks import dtype_of


@dataclass(frozen=True)
class Machine:
    """What a time depends on besides the model and its input."""

    device: str
    """The type of the device: ``"cpu"``, ``"cuda"`` ..."""
    processor: str
    """Its name, as the system or the driver gives it."""
    threads: int
    """Threads of one op on the CPU."""
    dtype: torch.dtype | None
    """The dtype of most of the work: that of autocast, or of most parameters."""
    grad: bool
    """Whether the forward records a graph for a backward pass."""
    training: bool
    """Whether a module is in train mode."""

    def __str__(self) -> str:
        if self.device != "cpu":
            return self.processor
        return f"{self.threads} thread{'s' * (self.threads != 1)} of {self.processor}"


def machine_of(tree: ModuleTree, tensors: Iterable[torch.Tensor]) -> Machine:
    """The machine as it is now, for a model and its tensors."""
    found = list(tensors)
    types = [each.device.type for each in found]
    kind = next((each for each in types if each in EVENTS), next(iter(types), "cpu"))
    device = next((each.device for each in found if each.device.type == kind), None)
    return Machine(
        device=kind,
        processor=cpu_name() if device is None else _name(device),
        threads=torch.get_num_threads(),
        dtype=dtype_of(kind, tree.parameters or found),
        grad=torch.is_grad_enabled() and any(each.requires_grad for each in found),
        training=any(module.training for _, module in tree.walked if hasattr(module, "training")),
    )


def _name(device: torch.device) -> str:
    if device.type == "cpu":
        return cpu_name()
    names = getattr(getattr(torch, device.type, None), "get_device_name", None)
    return str(names(device)) if names is not None else device.type
