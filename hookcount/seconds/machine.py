"""Where and how a model was timed: the processor, the threads, the dtype, the modes."""

from __future__ import annotations

import functools
import platform
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from ..observe.clocks import EVENTS
from ..observe.module_tree import ModuleTree


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
        processor=_processor() if device is None else _name(device),
        threads=torch.get_num_threads(),
        dtype=_dtype(kind, tree.parameters or found),
        grad=torch.is_grad_enabled() and any(each.requires_grad for each in found),
        training=any(module.training for _, module in tree.walked if hasattr(module, "training")),
    )


def _dtype(device: str, tensors: Iterable[torch.Tensor]) -> torch.dtype | None:
    """The dtype of autocast, else that of most elements."""
    try:
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
    except RuntimeError:  # a device without autocast
        pass
    elements: dict[torch.dtype, int] = {}
    for each in tensors:
        if each.is_floating_point() or each.is_complex():
            elements[each.dtype] = elements.get(each.dtype, 0) + each.numel()
    return max(elements, key=lambda dtype: elements[dtype]) if elements else None


def _name(device: torch.device) -> str:
    if device.type == "cpu":
        return _processor()
    names = getattr(getattr(torch, device.type, None), "get_device_name", None)
    return str(names(device)) if names is not None else device.type


@functools.lru_cache(maxsize=1)
def _processor() -> str:
    """The name of the CPU."""
    try:
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    except (OSError, subprocess.SubprocessError):
        pass
    return platform.processor() or platform.machine() or "this CPU"
