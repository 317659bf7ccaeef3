#!/usr/bin/env python3
"""Does each convention give the figure of the tool that it mirrors, to the integer?

    python benchmarks/agreement/agreement.py [--figures FILE] [--rst]
    python benchmarks/agreement/agreement.py --tools thop fvcore --suites "one op" video
    python benchmarks/agreement/agreement.py --cases "video/s3d"

Compared is ``report.under(name).headline``. Each tool runs on the CPU in a process of its own, in
eval mode without gradients. After a failure the tool gets a fresh process. hookcount runs in one
more process, on the CPU too, once for all conventions. ``--run`` says how: as by default
(``auto``), or for real.

``--figures`` names a file of JSON lines that keeps the figures of the tools. A figure in the file
is not measured again, and a new one is appended.

The exit status is 1 if an exact convention differs without a reason. A reason is a line of the
convention's ``differs``; ``BECAUSE`` ties each case to its line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.apart import apart
from lib.peers import PEERS

from agreement.figures import TOOLS, gathered
from agreement.verdicts import sheet, unexplained, verdicts


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    suites = ("one op", "sequences", "classification", "video", "segmentation", "detection", "timm")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    tools, there = tuple(TOOLS), os.environ.get("PEERS_DIR")
    parser.add_argument(
        "--tools",
        nargs="+",
        choices=tools,
        default=tools,
        metavar="NAME",
        help=f"of {', '.join(tools)}",
    )
    parser.add_argument(
        "--suites",
        nargs="+",
        choices=suites,
        default=suites,
        metavar="SUITE",
        help=f"of {', '.join(suites)}",
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        default=(),
        metavar="PATTERN",
        help="SUITE/NAME, as in 'one op/sdpa*' (default: all)",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="FILE",
        help="read the figures of the tools from here, and append new ones",
    )
    parser.add_argument(
        "--peers-dir", default=there, metavar="DIR", help="holds a folder per tool ($PEERS_DIR)"
    )
    parser.add_argument(
        "--run", choices=("auto", "shapes", "real"), default="auto", help="how hookcount counts"
    )
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    parser.add_argument("--verdicts", type=Path, metavar="FILE", help="write the verdicts as JSON")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options, console = parsed(argv), Console(stderr=True)
    there = [name for name in options.tools if PEERS[TOOLS[name]].version(options.peers_dir)]
    if missing := sorted(set(options.tools) - set(there)):
        console.print(f"not installed, so left out: {', '.join(missing)}", style="dim")
    tools = [TOOLS[name] for name in there]
    figures = gathered(
        tools,
        options.suites,
        options.cases,
        options.figures,
        options.peers_dir,
        options.run,
        console,
    )
    found = list(verdicts(there, options.suites, figures))
    if options.verdicts:
        options.verdicts.write_text(json.dumps([asdict(each) for each in found]))
    table = sheet(found, options.suites)
    if options.rst:
        print(table.rst())
    else:
        Console(width=None if os.isatty(1) else 160).print(table.rich())
    claims = dict(next(apart(claims_of)))
    wrong = [
        f"{each.convention}, {each.suite}: {name}"
        for each in found
        for name in unexplained(each, *claims[each.convention])
    ]
    print(
        "not explained: " + "; ".join(wrong)
        if wrong
        else "every difference of an exact convention is named in its `differs`"
    )
    return bool(wrong)


def claims_of() -> Iterator[list[tuple[str, tuple[bool, tuple[str, ...]]]]]:
    from hookcount.conventions import CONVENTIONS

    yield [(each.name, (each.exact, each.differs)) for each in CONVENTIONS.values()]


if __name__ == "__main__":
    sys.exit(main())
