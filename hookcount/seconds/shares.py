"""The seconds of each module: its share of the hooked runs, of the time of the plain ones."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class ModuleSeconds(NamedTuple):
    """The time of a module at one place of the tree."""

    path: str
    type: str
    calls: int
    """Calls in one run, as the listener saw them. Compiled code calls no modules."""
    own_seconds: float
    """Without the modules beneath. All ``own_seconds`` sum to the total exactly."""
    seconds: float
    """With all modules beneath."""


def own_medians(runs: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """The median of each module's own time over several runs, by path."""
    paths = dict.fromkeys(path for run in runs for path in run)
    return {path: statistics.median([run.get(path, 0) for run in runs]) for path in paths}


def shared_out(
    total: float,
    own: Mapping[str, float],
    places: Iterable[tuple[str, str]],
    calls: Mapping[str, int],
) -> tuple[ModuleSeconds, ...]:
    """``total`` seconds, divided among places as ``own`` says.

    ``places`` are the paths and types of all modules, the root first. Time at any other path goes
    to the nearest place above.

    The seconds are whole multiples of the last binary digit of the total. So they sum to the total
    exactly, in whatever order.
    """
    types = dict(places)
    known: dict[str, float] = dict.fromkeys(types, 0.0)
    for path, time in own.items():
        known[_place(path, types)] += time
    unit = math.ulp(total)
    parts = _divided(round(total / unit), known)
    whole = dict.fromkeys(types, 0)
    for path, part in parts.items():
        for above in _upwards(path):
            if above in whole:
                whole[above] += part
    return tuple(
        ModuleSeconds(path, name, calls.get(path, 0), parts[path] * unit, whole[path] * unit)
        for path, name in types.items()
    )


def _divided(units: int, weights: Mapping[str, float]) -> dict[str, int]:
    """Whole units, divided by weight. What rounding leaves goes to the largest part."""
    scale = sum(weights.values())
    parts = {path: int(units * (each / scale)) if scale else 0 for path, each in weights.items()}
    largest = max(parts, key=lambda path: parts[path])
    parts[largest] += units - sum(parts.values())
    return parts


def _place(path: str, places: Mapping[str, str]) -> str:
    return next((each for each in _upwards(path) if each in places), next(iter(places)))


def _upwards(path: str) -> Iterable[str]:
    """A path and all paths above it, up to the root's."""
    yield path
    while path:
        path = path.rpartition(".")[0]
        yield path
