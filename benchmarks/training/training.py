#!/usr/bin/env python3
"""Is a training step counted right, and what does that cost? Six parts.

    python benchmarks/training/training.py [--part cost] [--rounds 5] [--rst]

- torchvision: classifiers, video and segmentation models against ``FlopCounterMode`` on meta
- timm: 60 models, likewise
- families: of each family of timm a small model, and another one
- text: fifteen models of transformers in six kinds of training, small
- language: Llama-3.1-405B, with and without checkpointing, against products written out
- cost: a count against a bare forward and backward pass on meta

The figures are MACs of the forward and of the backward pass. ``oracle.py`` says how the oracle is
mended. The exit status is 1 if a count differs from it or is incomplete.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.sheet import Outcome, Sheet, against_targets

from training import cost, equality, language


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts: dict[str, Callable[[], Outcome]] = {
        "torchvision": lambda: equality.part("torchvision", options.models),
        "timm": lambda: equality.part("timm", options.models),
        "families": lambda: equality.part("families", options.models),
        "text": lambda: equality.part("text", options.models),
        "language": language.part,
        "cost": lambda: cost.part(options.models or cost.MODELS, options.rounds),
    }
    parser.add_argument("--part", nargs="+", choices=parts, default=tuple(parts), metavar="PART")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="only these models of a part")
    parser.add_argument("--rounds", type=int, default=5, help="processes per model and side")
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    options = parser.parse_args()
    progress, console = Console(stderr=True), Console(width=None if os.isatty(1) else 160)

    def show(sheet: Sheet) -> None:
        if options.rst:
            print(sheet.rst())
        else:
            console.print(sheet.rich())

    figures = []
    for name in options.part:
        progress.print(f"{name} ...", style="dim")
        outcome = parts[name]()
        figures += outcome.figures
        for sheet in outcome.sheets:
            show(sheet)
    show(against_targets(figures))
    print(f"torch {metadata.version('torch')}, Python {platform.python_version()}, 1 thread")
    return any(not each.met for each in figures if "equal" in each.what)


if __name__ == "__main__":
    sys.exit(main())
