"""``Device``: a row of the table of devices, or the measured peaks of this machine."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ..core.devices import DeviceRow, find, reported_as
from ..core.errors import UnknownDeviceError
from .at_hand import KINDS, AtHand, as_device, at_hand
from .calibrate import calibrated


class Device(DeviceRow):
    """What a maker states of a device: dense and sparse peaks, memory, documents. Frozen.

    ``Device("H100 SXM")`` finds a row by name, ``Device.of("cuda")`` by what the driver reports.
    ``Device.calibrate()`` measures instead.

    >>> Device("h100-sxm").peak(torch.bfloat16)
    989400000000000.0
    """

    def __init__(self, name: str) -> None:
        vars(self).update(vars(find(name)))

    @classmethod
    def of(cls, device: torch.device | torch.Tensor | str | int) -> Device:
        """The row of a device of this machine, by its reported name, memory and multiprocessors.

        Raises ``UnknownDeviceError``, with what was found, if no row fits, or several do.
        """
        found = at_hand(as_device(device))
        named = [each for each in reported_as(found.name) if each.kind in KINDS[found.type]]
        rows = [each for each in named if _fits(each, found)]
        if len(rows) != 1:
            raise UnknownDeviceError(
                f"{_why(found, named, rows)}\n"
                "  To fix it: give the device by name, as in hookcount.Device('H100 SXM'), "
                "or measure it with hookcount.Device.calibrate()."
            )
        return cls._of_row(rows[0])

    @classmethod
    def calibrate(
        cls,
        device: torch.device | torch.Tensor | str | int | None = None,
        *,
        dtypes: Iterable[torch.dtype | str] | None = None,
        size: int | None = None,
        seconds: float = 0.5,
    ) -> Device:
        """Measure the peak of a matrix product by dtype, and the bandwidth of a copy, here.

        The result can be used where a row of the table can. Its ``measured`` is true.

        ``device``: by default the accelerator, or else the CPU. ``dtypes``: by default all that the
        device can multiply. A dtype that is named and cannot be multiplied raises ``InputError``.
        ``size``: the rows and columns of the matrices, by default the largest that fit into the
        time. ``seconds``: the time for each dtype.
        """
        return cls._of_row(calibrated(device, dtypes, size, seconds))

    @classmethod
    def _of_row(cls, row: DeviceRow) -> Device:
        made = cls.__new__(cls)
        vars(made).update(vars(row))
        return made


def _fits(row: DeviceRow, found: AtHand) -> bool:
    """Whether memory and multiprocessors are those of the row, as far as both are known.

    Makers print a GB of 10^9 or 2^30 bytes, and drivers keep a part for themselves.
    """
    if row.units is not None and found.units is not None and row.units != found.units:
        return False
    if row.memory_bytes is None or found.memory_bytes is None or found.type in ("cpu", "mps"):
        return True
    return 0.85 * row.memory_bytes <= found.memory_bytes <= 1.1 * row.memory_bytes


def _why(found: AtHand, named: list[DeviceRow], rows: list[DeviceRow]) -> str:
    if rows:
        names = ", ".join(each.name for each in rows)
        return f"Several devices of the table fit the {found}: {names}."
    if named:
        names = ", ".join(each.name for each in named)
        return (
            f"The {found} has the name of {names}, but another size: "
            "it may be a part of a device (MIG) or a variant that is not listed."
        )
    return f"The {found} is not listed."
