"""The device at hand: what torch and the operating system report of it."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.errors import InputError
from ..core.units import size

KINDS = {"cpu": ("CPU",), "mps": ("SoC",), "cuda": ("GPU", "SoC"), "xpu": ("GPU",), "xla": ("TPU",)}
"""By type of device, the kinds of rows that can describe it."""


@dataclass(frozen=True)
class AtHand:
    """A device as it is reported. ``None``: not reported."""

    type: str
    """The type of the ``torch.device``."""
    name: str
    memory_bytes: int | None = None
    units: int | None = None

    def __str__(self) -> str:
        facts = [f"{self.type} device {self.name!r}"]
        if self.memory_bytes is not None:
            facts.append(f"with {size(self.memory_bytes)}")
        if self.units is not None:
            facts.append(f"and {self.units} multiprocessors")
        return " ".join(facts)


def as_device(device: torch.device | torch.Tensor | str | int) -> torch.device:
    """The ``torch.device`` of a device, a tensor, or what ``torch.device`` takes.

    Raises ``InputError`` for anything else.
    """
    found = device.device if isinstance(device, torch.Tensor) else device
    try:
        return torch.device(found)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"{device!r} is no device.\n"
            "  To fix it: give a torch.device, a tensor on it, or a name such as 'cuda:0'."
        ) from error


def at_hand(device: torch.device) -> AtHand:
    """What is reported of a device. Raises ``InputError`` if torch cannot reach it."""
    if device.type == "cpu":
        return AtHand("cpu", cpu_name(), _memory())
    if device.type == "mps":
        return AtHand("mps", _sysctl("machdep.cpu.brand_string"), _memory())
    if device.type == "xla":
        return AtHand("xla", os.environ.get("TPU_ACCELERATOR_TYPE", "").partition("-")[0])
    if device.type not in ("cuda", "xpu"):
        raise InputError(
            f"torch reports no properties of a device of type {device.type!r}.\n"
            "  To fix it: give the device by name, as in hookcount.Device('H100 SXM')."
        )
    try:
        found = getattr(torch, device.type).get_device_properties(device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"torch cannot reach the device {str(device)!r}: {error}\n"
            "  To fix it: give a device of this machine, or a device by name, as in "
            "hookcount.Device('H100 SXM')."
        ) from error
    units = getattr(found, "multi_processor_count", None)
    return AtHand(device.type, found.name, found.total_memory, units)


def cpu_name() -> str:
    """The name of the processor, or else its architecture."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _sysctl(key: str) -> str:
    """A fact that macOS reports. Empty elsewhere."""
    if platform.system() != "Darwin":
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["/usr/sbin/sysctl", "-n", key]
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        return done.stdout.strip()
    return ""


def _memory() -> int | None:
    """The bytes of main memory."""
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None
