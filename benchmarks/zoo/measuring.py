"""The result of a row: its count, beside ``FlopCounterMode`` and the published figures."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import hookcount
from zoo.published import FIGURES
from zoo.rows import Given, Row

LARGEST = 10**9
"""Models with more parameters are not run for real where ``FlopCounterMode`` fails on meta."""


@dataclass(frozen=True)
class Reading:
    """A published figure beside the count, both in the unit of that figure.

    ``whole`` has all MACs, ``read`` only those that the figure's rule counts.
    """

    published: str
    whole: float
    read: float
    agrees: bool
    rule: str
    source: str
    why: str


@dataclass(frozen=True)
class Result:
    """The result of a row. Either ``failed`` has the error, or the rest is filled in."""

    name: str
    failed: str = ""
    given: str = ""
    params: int = 0
    macs: int = 0
    flops: int = 0
    uncounted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    run: str = ""
    seconds: float = 0.0
    theirs: int | None = None
    """The MACs of ``FlopCounterMode``; None if it cannot run."""
    theirs_how: str = ""
    """The device that ``FlopCounterMode`` ran on, or its error."""
    unseen: int = 0
    unseen_why: str = ""
    worked: int = 0
    readings: tuple[Reading, ...] = ()

    @property
    def equal(self) -> bool | None:
        """Whether the MACs equal those of ``FlopCounterMode`` plus those that it does not see.

        Where it cannot run, the MACs are compared with those worked out by hand. None if there are
        none.
        """
        if self.theirs is not None:
            return self.macs == self.theirs + self.unseen
        return self.macs == self.worked if self.worked else None

    @property
    def good(self) -> bool:
        return not (self.failed or self.uncounted or self.warnings or self.equal is False)


def measured(row: Row) -> Result:
    try:
        model, given = row.make("cpu" if row.needs_values else "meta")
        report, caught, seconds = counted(model, given, "auto" if row.needs_values else "shapes")
    except Exception as error:
        return Result(row.name, failed=_line(error))
    theirs, how = by_flop_counter(row, model, given)
    return Result(
        row.name,
        "",
        shapes(given),
        report.params,
        report.macs,
        report.flops,
        tuple(each.target for each in report.uncounted),
        tuple(caught),
        report.run,
        seconds,
        theirs,
        how,
        row.unseen,
        row.unseen_why,
        row.worked,
        tuple(
            Reading(
                f"{each.value} {each.unit}",
                each.whole(report),
                each.read(report),
                each.agrees(report),
                each.rule.words,
                each.source,
                each.why,
            )
            for each in FIGURES.get(row.name, ())
        ),
    )


def counted(model: nn.Module, given: Given, run: Any) -> tuple[hookcount.Report, list[str], float]:
    """Count a model for the first time. Return the report, all warnings, and the seconds."""
    args, kwargs = given
    counter = hookcount.Counter(run=run)
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        start = time.perf_counter()
        report = counter.count(model, *args, **kwargs)
        seconds = time.perf_counter() - start
    return report, [f"{each.category.__name__}: {each.message}" for each in caught], seconds


def by_flop_counter(row: Row, model: nn.Module, given: Given) -> tuple[int | None, str]:
    """The MACs of ``FlopCounterMode`` (half its FLOPs), and the device that it ran on.

    The device is meta. If ``FlopCounterMode`` fails there, it is the CPU, unless the model is too
    large. Returns None and the error if neither works.
    """
    why = ""
    if not row.needs_values:
        try:
            return _flop_counter(model, _all_on_meta(given)), "meta"
        except Exception as error:
            why = _line(error)
        if sum(each.numel() for each in model.parameters()) > LARGEST:
            return None, f"too large to run for real; on meta {why}"
    try:
        return _flop_counter(*row.make("cpu")), "cpu"
    except Exception as error:
        return None, _line(error)


def _flop_counter(model: nn.Module, given: Given) -> int:
    args, kwargs = given
    for each in model.parameters():
        # FlopCounterMode reads a gradient function if a parameter is passed as an input.
        each.requires_grad_(False)
    with warnings.catch_warnings(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        model(*args, **kwargs)
    return int(counter.get_total_flops()) // 2


def _all_on_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return {name: _all_on_meta(each) for name, each in value.items()}
    return type(value)(map(_all_on_meta, value)) if isinstance(value, (list, tuple)) else value


def shapes(given: Given) -> str:
    """The shape of the input as text, such as ``1x3x640x640``; of several, the two largest."""
    tensors = [
        each
        for value in (*given[0], *given[1].values())
        for each in (value if isinstance(value, list) else [value])
    ]
    largest = sorted(tensors, key=lambda each: -each.numel())[:2]
    return " ".join("x".join(map(str, each.shape)) for each in largest)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:150]}".removesuffix(": ")
