#!/usr/bin/env python3
"""What does a count cost? Six parts: forward, peers, language, real, repricing, printing.

    python benchmarks/speed/speed.py [--rounds 7] [--rst]
    python benchmarks/speed/speed.py --part forward --all
    python benchmarks/speed/speed.py --part peers --peers-dir DIR --models resnet50

- forward: a count against a bare forward on the meta device, and a plain one on the CPU
- peers: a count against the other counters
- language: counts of the largest language models
- real: a count with a real run against a plain forward
- repricing: the same run under another convention
- printing: a report of many modules as text, as a page and as a figure

All work runs on one thread. The works that are compared take turns within one process. A ratio is
the median over the rounds of the ratio within a round. Tools that are not installed are named and
left out; benchmarks/README.rst says how to install them.
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

from lib.apart import apart
from lib.peers import PEERS
from lib.sheet import Outcome, Sheet, against_targets

from speed import classifiers, contest, language, printing, real, repricing


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("forward", "peers", "language", "real", "repricing", "printing")
    parser.add_argument(
        "--part",
        nargs="+",
        choices=parts,
        default=parts,
        metavar="PART",
        help=f"of {', '.join(parts)}",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="classifiers of torchvision (default: one of each family)",
    )
    which.add_argument("--all", action="store_true", help="all classifiers of torchvision")
    tools = tuple(PEERS)
    parser.add_argument(
        "--tools",
        nargs="+",
        choices=tools,
        default=tools,
        metavar="TOOL",
        help=f"of {', '.join(tools)}",
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="times that each is measured (default: 7)"
    )
    there = os.environ.get("PEERS_DIR")
    parser.add_argument(
        "--peers-dir", default=there, metavar="DIR", help="holds a folder per tool ($PEERS_DIR)"
    )
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    rounds = options.rounds
    chosen = tuple(apart(classifiers.all_names)) if options.all else tuple(options.models or ())
    parts: dict[str, Callable[[], Outcome]] = {
        "forward": lambda: classifiers.part(chosen or classifiers.MODELS, rounds),
        "peers": lambda: contest.part(
            tuple(options.tools), chosen or classifiers.MODELS, rounds, options.peers_dir
        ),
        "language": lambda: language.part(rounds),
        "real": lambda: real.part(tuple(options.models or real.MODELS), rounds),
        "repricing": lambda: repricing.part(tuple(options.models or repricing.MODELS), rounds),
        "printing": lambda: printing.part(rounds),
    }
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
    if figures:
        show(against_targets(figures))
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "torchvision"))
    print(f"{versions}, Python {platform.python_version()}, 1 thread, rounds: {rounds}")


if __name__ == "__main__":
    main()
