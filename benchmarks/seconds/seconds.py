#!/usr/bin/env python3
"""Are hookcount's seconds those of a loop by hand, and what does it cost to time each module?

    python benchmarks/seconds/seconds.py [--rounds 20] [--seconds 30] [--models NAME ...] [--rst]

Models of torchvision, batch 1, eval mode, no gradients, random weights, one thread. In each round a
``hookcount.Timer`` and a loop with ``torch.utils.benchmark.Timer`` take turns, so that other load
slows both. A ratio is that of the medians of all runs.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.apart import apart
from lib.sheet import Figure, Outcome, Sheet, against_targets

MODELS = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "mobilenet_v2"),
    *("mobilenet_v3_small", "resnet18", "resnet50", "shufflenet_v2_x1_0", "vit_b_16"),
)
MOST_OVERHEAD = 1.15
MOST_DIFFERENCE = 0.05


class Row(NamedTuple):
    """What was measured of one model."""

    model: str
    modules: int
    rounds: int
    by_hand: float
    """Seconds: the median of all runs of the loop by hand."""
    hookcount: float
    """Seconds: the median of all plain runs of hookcount."""
    ratio: float
    """hookcount over the loop by hand."""
    least: float
    """The same of the least times, which other load disturbs least."""
    overhead: float
    """The median of all runs with modules over that of the plain runs."""
    exact: bool
    """Whether the own seconds of the rows sum to the total exactly, in each round."""


def measured(names: list[str], rounds: int, seconds: float) -> Iterator[Row]:
    """A row for each model. torch has one thread in this process."""
    import time

    import torch
    from torch.utils import benchmark
    from torchvision.models import get_model

    import hookcount

    timer = hookcount.Timer(warmup=1, repeat=1, min_seconds=0)
    for name in names:
        torch.manual_seed(0)
        model, x = get_model(name).eval(), torch.randn(1, 3, 224, 224)
        loop = benchmark.Timer("model(x)", globals={"model": model, "x": x}, num_threads=1)
        by_hand: list[float] = []
        timings: list[hookcount.Timing] = []
        began = time.monotonic()
        with torch.no_grad():
            for _ in range(3):
                model(x)
            while len(timings) < rounds or time.monotonic() - began < seconds:
                timings.append(timer.measure(model, x))
                by_hand.append(loop.timeit(1).median)
        every_hooked = [each for timing in timings for each in timing.hooked_seconds]
        own = [timing.to_dataframe()["own_seconds"].sum() for timing in timings]
        every_plain = [each for timing in timings for each in timing.run_seconds]
        yield Row(
            name,
            sum(1 for _ in model.modules()),
            len(timings),
            statistics.median(by_hand),
            statistics.median(every_plain),
            statistics.median(every_plain) / statistics.median(by_hand),
            min(every_plain) / min(by_hand),
            statistics.median(every_hooked) / statistics.median(every_plain),
            all(a == timing.seconds for a, timing in zip(own, timings, strict=True)),
        )


def outcome(rows: list[Row]) -> Outcome:
    """The table and the figures that have a target."""
    cells = tuple(
        (
            row.model,
            str(row.modules),
            str(row.rounds),
            f"{1e3 * row.by_hand:.2f}",
            f"{1e3 * row.hookcount:.2f}",
            f"{row.ratio:.3f}",
            f"{row.least:.3f}",
            f"{row.overhead:.3f}",
            "yes" if row.exact else "no",
        )
        for row in rows
    )
    sheet = Sheet(
        "Seconds by hookcount and by hand, batch 1, one thread",
        (
            *(
                "model",
                "modules",
                "rounds",
                "by hand (ms)",
                "hookcount (ms)",
                "hookcount / by hand",
            ),
            *("least", "hooked / plain", "rows sum to the total"),
        ),
        cells,
        (
            "by hand: torch.utils.benchmark.Timer with num_threads=1, one run at a time.",
            "hookcount: the plain runs of Timer.measure.",
            "least: the ratio of the least times, which other load disturbs least.",
            "hooked / plain: a run in which each module is timed, over a plain run.",
        ),
    )
    return Outcome((sheet,), figures(rows))


def figures(rows: list[Row]) -> tuple[Figure, ...]:
    """The figures that have a target."""
    far = max(rows, key=lambda row: abs(row.ratio - 1))
    slow = max(rows, key=lambda row: row.overhead)
    exact = sum(row.exact for row in rows)
    return (
        Figure(
            f"hookcount / by hand, farthest from 1: {far.model}",
            f"{far.ratio:.3f}",
            f"1 +- {MOST_DIFFERENCE}",
            abs(far.ratio - 1) <= MOST_DIFFERENCE,
        ),
        Figure(
            f"hooked / plain, largest: {slow.model}",
            f"{slow.overhead:.3f}",
            f"<= {MOST_OVERHEAD}",
            slow.overhead <= MOST_OVERHEAD,
        ),
        Figure(
            "own seconds of the rows sum to the plain total",
            f"{exact} of {len(rows)}",
            "all",
            exact == len(rows),
        ),
    )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="+", metavar="MODEL", default=MODELS, help="models of torchvision"
    )
    parser.add_argument("--rounds", type=int, default=20, help="times that both run, at least")
    parser.add_argument(
        "--seconds", type=float, default=30, help="more rounds follow until so much time has passed"
    )
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    rows = []
    for row in apart(measured, list(options.models), options.rounds, options.seconds):
        print(f"{row.model} ...", file=sys.stderr)
        rows.append(row)
    found = outcome(rows)
    console = Console(width=None if sys.stdout.isatty() else 140)
    for sheet in (against_targets(found.figures), *found.sheets):
        if options.rst:
            print(sheet.rst())
        else:
            console.print(sheet.rich())
    print(
        f"torch {metadata.version('torch')}, torchvision {metadata.version('torchvision')}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
