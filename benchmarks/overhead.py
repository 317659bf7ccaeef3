#!/usr/bin/env python3
"""What a count costs over a plain forward, beside ``torch.utils.flop_counter.FlopCounterMode``.

    python benchmarks/overhead.py [--batch 1] [--rounds 15] [--rst] [MODEL ...]

For each model of torchvision, in eval mode, without gradients, with random weights and on its own input size: a plain
forward, the same under ``FlopCounterMode``, and ``hookcount.Counter(run="real").count``, in turns within one process, so that
whatever else the machine does falls on all three alike. A figure is the median of its times over the median of the plain
ones. The count is whole: it observes, prices, builds the tree and puts the model's state back.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

import hookcount
from hookcount.models import build

MODELS = (
    "resnet18",
    "resnet50",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "convnext_tiny",
    "vit_b_16",
    "swin_t",
    "densenet121",
    "regnet_y_400mf",
    "squeezenet1_1",
)
HEADINGS = ("model", "forward (ms)", "count (ms)", "count / forward", "FlopCounterMode / forward")


@dataclass(frozen=True)
class Row:
    """Median seconds of one forward, plain and under each counter."""

    model: str
    forward: float
    count: float
    flop_counter: float

    def cells(self) -> tuple[str, ...]:
        return (
            self.model,
            f"{1000 * self.forward:.1f}",
            f"{1000 * self.count:.1f}",
            f"{self.count / self.forward:.2f}",
            f"{self.flop_counter / self.forward:.2f}",
        )


def measure(name: str, batch: int, rounds: int) -> Row:
    built = build(name, device="cpu")
    model, images = built.model, torch.randn(batch, *built.args[0].shape[1:])  # type: ignore[index]
    counter = hookcount.Counter(run="real")

    def flop_counter() -> None:
        with FlopCounterMode(display=False):
            model(images)

    work: tuple[Callable[[], Any], ...] = (lambda: model(images), lambda: counter.count(model, images), flop_counter)
    seconds: tuple[list[float], ...] = ([], [], [])
    with torch.no_grad():
        for turn in range(-2, rounds):  # the first two warm the caches of all three, and are not kept
            for each, kept in zip(work, seconds, strict=True):
                start = time.perf_counter()
                each()
                if turn >= 0:
                    kept.append(time.perf_counter() - start)
    return Row(name, *map(statistics.median, seconds))


def summary(rows: list[Row]) -> tuple[str, ...]:
    count = statistics.median(row.count / row.forward for row in rows)
    flop_counter = statistics.median(row.flop_counter / row.forward for row in rows)
    return ("median", "", "", f"{count:.2f}", f"{flop_counter:.2f}")


def rst(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    rule = "  ".join("=" * width for width in widths)

    def line(cells: tuple[str, ...]) -> str:
        padded = [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]
        return "  ".join(padded).rstrip()

    return "\n".join([rule, line(HEADINGS), rule, *map(line, rows), rule])


def table(rows: list[tuple[str, ...]]) -> Table:
    grid = Table(box=None)
    for index, heading in enumerate(HEADINGS):
        grid.add_column(heading, justify="right" if index else "left")
    for cells in rows:
        grid.add_row(*cells)
    return grid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help="default: ten of torchvision")
    parser.add_argument("--batch", type=int, default=1, help="images at once (default: 1)")
    parser.add_argument("--rounds", type=int, default=15, help="times that each is measured (default: 15)")
    parser.add_argument("--rst", action="store_true", help="print the table as reStructuredText")
    options = parser.parse_args()
    console = Console(stderr=True)
    rows = []
    for name in options.models:
        console.print(name, style="dim")
        rows.append(measure(name, options.batch, options.rounds))
    shown = [*(row.cells() for row in rows), summary(rows)]
    if options.rst:
        print(rst(shown))
    else:
        Console().print(table(shown))
    console.print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batch {options.batch}, {options.rounds} rounds")


if __name__ == "__main__":
    main()
