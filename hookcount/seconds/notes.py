"""What could mislead about a measured time, in plain words."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from ..core.ops import flops
from ..core.units import percent
from ..observe.clocks import EVENTS
from ..observe.module_tree import wrapped_as
from ..report import Report
from .machine import Machine
from .rounds import AGREE, Rounds
from .shares import ModuleSeconds
from .spread import Spread, overhead_of

_WIDE = 0.1
"""Quartiles that lie further apart than this share of the median say that something disturbs."""
_SLOW_FIRST = 3
"""A first forward that takes so many medians did more than compute."""
_SLOW_FIRST_AT_LEAST = 20_000_000
"""Nanoseconds beyond which this is worth a note."""
_OVERHEAD = 1.15
"""With a larger overhead the shares of small modules are too large."""


class Found(NamedTuple):
    """What is known of a measurement."""

    rounds: Rounds
    machine: Machine
    seconds: Sequence[float]
    modes: bool
    """Whether a mode was active around the measurement."""
    written: Sequence[str]
    """The paths of parameters to which the model wrote."""
    report: Report | None
    count_failed: str
    modules: Sequence[ModuleSeconds]
    one_device: bool


def notes(found: Found, model: nn.Module) -> tuple[str, ...]:
    """The notes on a measurement, the most serious first."""
    return (
        *([written_to(found.written)] if found.written else []),
        *_of_the_count(found),
        *_of_the_runs(found),
        *_of_the_start(found, model),
        *_of_the_model(found),
        *_of_the_machine(found.machine),
    )


def written_to(paths: Sequence[str]) -> str:
    """The note on parameters that the forward changed."""
    several = len(paths) > 1
    return (
        f"The forward wrote to parameter{'s' * several} {_named(paths)}. "
        f"{'They are' if several else 'It is'} not as before: parameters are not copied."
    )


def active_modes() -> bool:
    """Whether a mode sees the ops or the functions of this thread."""
    functions = _get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    others = [each for each in functions if not isinstance(each, DeviceContext)]
    return bool(others or _get_current_dispatch_mode_stack())


def _of_the_count(found: Found) -> Iterator[str]:
    if found.report is None:
        yield f"The count failed, so there are no MACs and FLOPs: {_first_line(found.count_failed)}"
    elif found.report.uncounted:
        yield "Some work is uncounted, so FLOP/s are a lower bound."
    if found.report is not None and found.report.run == "real":
        yield (
            "The count needed values. With other weights or inputs the model may take another path."
        )


def _of_the_runs(found: Found) -> Iterator[str]:
    rounds, spread = found.rounds, Spread.of(found.seconds)
    if spread.relative > _WIDE:
        yield (
            f"Half of the runs spread over {100 * spread.relative:.0f} % of the median. "
            "Other load on the machine disturbs them."
        )
    if len(found.seconds) < 5:
        several = f"are only {len(found.seconds)} timed runs" if found.seconds[1:] else "is one run"
        yield f"There {several}, so the quartiles say little."
    if rounds.failed:
        yield f"The run with modules failed, so only the total is known: {rounds.failed}"
    if not found.one_device:
        yield "The model is on several accelerators, so only the total is known."
    if found.report is not None and found.modules:
        timed = {each.path: each.own_seconds for each in found.modules}
        untimed = [
            node.path for node in found.report.tree if flops(node.own) and not timed[node.path]
        ]
        if untimed:
            yield (
                f"{_named(untimed)} took no time of {'their' if len(untimed) > 1 else 'its'} own: "
                "compiled, scripted or fused code does not call modules. "
                "The time is that of the module around."
            )
    if rounds.hooked:
        overhead = overhead_of([run.nanoseconds for run in rounds.hooked], rounds.plain)
        if overhead > _OVERHEAD:
            yield (
                f"The runs with modules took {overhead:.2f} x as long. "
                "So containers and small modules have too large shares."
            )


def _of_the_start(found: Found, model: nn.Module) -> Iterator[str]:
    rounds, compiled = found.rounds, _is_compiled(model)
    if not rounds.warm_up:
        more = ", and compiles" if compiled else ""
        yield f"There was no warm-up. The first run fills caches{more}."
    elif rounds.warm_up[0] > _SLOW_FIRST * statistics.median(rounds.plain) + _SLOW_FIRST_AT_LEAST:
        first = rounds.warm_up[0] / 1e9
        what = "It compiled." if compiled else "It compiled, tuned kernels, or read memory."
        yield f"The first forward took {first:.2f} s, and is left out. {what}"
    if not rounds.settled:
        yield (
            f"After {len(rounds.warm_up)} forwards the warm-up was not over: "
            f"two medians differ by more than {percent(round(100 * AGREE), 100)}."
        )
    if found.machine.device == "cuda" and torch.backends.cudnn.benchmark:
        yield "cuDNN tunes itself to each new shape: an input of another shape is slower at first."


def _of_the_model(found: Found) -> Iterator[str]:
    if found.machine.training:
        yield "A module is in train mode. For the time of a prediction call model.eval()."
    if found.machine.grad:
        yield (
            "The forward records a graph for a backward pass. "
            "For the time of a prediction use torch.inference_mode()."
        )
    if found.modes:
        yield "A dispatch or function mode is active around the measurement, and takes time."


def _of_the_machine(machine: Machine) -> Iterator[str]:
    if machine.device not in ("cpu", *EVENTS):
        yield f"torch cannot wait for {machine.device} here: the time is that of the calls alone."
    if machine.device != "cpu":
        return
    cores = _cores()
    if machine.threads > cores:
        yield f"{machine.threads} threads share {cores} cores. Fewer threads may be faster."
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        yield "This machine has no GPU: on one, the times and the shares of modules are others."


def _cores() -> int:
    allowed = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if allowed is None else len(allowed(0))


def _is_compiled(model: nn.Module) -> bool:
    """Whether a part of the model is compiled as a module."""
    return any(
        wrapped_as(type(each)) == "_orig_mod" or vars(each).get("_compiled_call_impl") is not None
        for each in model.modules()
    )


def _named(paths: Sequence[str]) -> str:
    """The first of several paths, and how many more there are."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(map(repr, paths[:3])) + more


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
