"""A row of the table of devices, its peaks and its documents."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ..errors import InputError
from ..units import quantity
from .dtypes import dtype_name

if TYPE_CHECKING:
    import torch


GB = 10**9
MHZ = 10.0**6


@dataclass(frozen=True)
class Peaks:
    """The most operations a second by dtype. A multiply-accumulate is two. ``None``: not stated.

    They are FLOP/s, and for ``int8`` OP/s. Where a maker states a figure of the matrix units and
    one of the vector units, the figure is that of the matrix units.
    """

    fp64: float | None = None
    fp32: float | None = None
    tf32: float | None = None
    fp16: float | None = None
    bf16: float | None = None
    fp8: float | None = None
    int8: float | None = None
    fp4: float | None = None

    def stated(self) -> dict[str, float]:
        """The peaks that are not ``None``, by dtype."""
        peaks = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: peak for name, peak in peaks.items() if peak is not None}


def tera(**peaks: float) -> Peaks:
    """Peaks from figures in tera operations a second, as makers print them.

    >>> tera(bf16=989.4).bf16
    989400000000000.0
    """
    return Peaks(**{name: round(1000 * peak) * 1e9 for name, peak in peaks.items()})


@dataclass(frozen=True)
class Document:
    """A maker's document: where the figures of a row are printed.

    ``date``: the date or revision of the document, or else when the text that quotes it read it.
    ``quoted_in``: the text in which the figures were read, if not in the document itself.
    """

    title: str
    url: str
    date: str
    quoted_in: str = ""


@dataclass(frozen=True)
class DeviceRow:
    """What a maker states of a device. ``None`` is a figure that its documents do not give."""

    name: str
    maker: str
    kind: str
    """``GPU``, ``TPU``, ``SoC`` or ``CPU``."""
    dense: Peaks
    """Peaks without sparsity."""
    sparse: Peaks
    """Peaks that the document states for matrices with structured sparsity."""
    memory_bytes: int | None
    """The memory as printed, with a GB of 10^9 bytes. The driver may report up to 8 % more."""
    memory_bytes_per_second: float | None
    documents: tuple[Document, ...]
    note: str = ""
    also: tuple[str, ...] = ()
    """Other names by which the row is found."""
    reported: tuple[str, ...] = ()
    """The names that the driver, or the operating system, reports for the device."""
    units: int | None = None
    """Multiprocessors (NVIDIA), compute units (AMD) or cores. They tell variants apart."""
    clock_hz: float | None = None
    """The clock of the dense peaks of 16-bit floats."""
    measured: bool = False
    """Whether the peaks were measured. If so, ``documents`` says when and how."""

    def peak(self, dtype: torch.dtype | str) -> float:
        """The dense peak in FLOP/s for a dtype of torch, or a name such as ``"bf16"``.

        Raises ``InputError`` if the dtype is unknown, or if the row has no figure for it.
        """
        return self._figure(self.dense, dtype_name(dtype), "dense peak")

    def sparse_peak(self, dtype: torch.dtype | str) -> float:
        """The peak in FLOP/s with structured sparsity. Raises ``InputError`` as ``peak`` does."""
        return self._figure(self.sparse, dtype_name(dtype), "sparse peak")

    def _figure(self, peaks: Peaks, dtype: str, what: str) -> float:
        stated = peaks.stated()
        if dtype in stated:
            return stated[dtype]
        titles = "; ".join(each.title for each in self.documents)
        others = f"There is one for {', '.join(stated)}." if stated else "There is none at all."
        fix = "give one of these dtypes, or measure" if stated else "measure"
        raise InputError(
            f"{self.name} has no {what} for {dtype}: it is not stated in: {titles}. {others}\n"
            f"  To fix it: {fix} this machine with hookcount.Device.calibrate()."
        )

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.kind} of {self.maker}" + ", measured" * self.measured]
        for what, peaks in (("dense", self.dense), ("sparse", self.sparse)):
            figures = [
                f"{name} {quantity(peak, 'OP/s' if name == 'int8' else 'FLOP/s')}"
                for name, peak in peaks.stated().items()
            ]
            if figures:
                lines.append(f"  {what:<7} {', '.join(figures)}")
        memory = [
            quantity(figure, unit)
            for figure, unit in ((self.memory_bytes, "B"), (self.memory_bytes_per_second, "B/s"))
            if figure is not None
        ]
        lines.append(f"  memory  {', '.join(memory) or 'not stated'}")
        for each in self.documents:
            quoted = f", as quoted in {each.quoted_in}" if each.quoted_in else ""
            lines.append(f"  from    {each.title} ({each.date}) {each.url}{quoted}".rstrip())
        return "\n".join([*lines, *([f"  note    {self.note}"] if self.note else [])])
