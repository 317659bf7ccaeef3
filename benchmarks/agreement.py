#!/usr/bin/env python3
"""Each convention against the tool that it mirrors: is ``report.under(name).headline`` that tool's own figure, to the integer?

    python benchmarks/agreement.py [--tools thop fvcore] [--suites "one op" video] [--cases "video/s3d"] [--figures FILE] [--rst]

Each tool runs on the CPU in a process of its own, in eval mode without gradients, and in a fresh one after it has failed.
hookcount runs in one more, once for all conventions, on the CPU too (``Counter(run="real")``). ``--figures``: JSON lines of what
the tools gave; what is there is not asked again, what is new is appended. The exit status is 1 if a convention that says it is
exact differs where no line of its ``differs`` says why (``BECAUSE``).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from apart import KilledError, apart
from contest import quiet
from peers import PEERS
from rich.console import Console
from sheet import Sheet

TOOLS = {
    "torch": "FlopCounterMode",
    "torchvision": "torchvision's recipe",
    "fvcore": "fvcore",
    "thop": "thop",
    "ultralytics": "ultralytics-thop",
    "torchinfo": "torchinfo",
    "torchprofile": "torchprofile",
    "ptflops": "ptflops (aten)",
    "calflops": "calflops",
    "deepspeed": "deepspeed",
}
"""By convention the peer that it mirrors."""

TIMM = ("fvcore", "torch", "thop")
"""The conventions that are held against their tools on timm too."""

BECAUSE: dict[str, dict[str, str]] = {
    "fvcore": {
        "x@y_bcast_lhs": "a product whose left operand is repeated",
        **dict.fromkeys(("maxvit_t", "mvit_v2_s", "mvitv2_*"), "einsum: "),
    },
    "thop": {"coat_*": "a module with two places in the tree"},
    "torchprofile": {
        "mha_needw_true": "what reaches no output",
        "retinanet_resnet50_fpn": "what runs in a scripted function",
    },
    "ptflops": {"encoder_layer_even": "nn.TransformerEncoderLayer that is the model"},
    "deepspeed": {"x@y_bcast_lhs": "matmul whose left operand is repeated"},
}
"""By convention, for cases whose figure is not the tool's, how the line of ``differs`` that says why begins."""

PATIENCE = 1200
"""Seconds for one model."""

HOOKCOUNT = "hookcount"
Figures = dict[tuple[str, str, str], Any]
"""By who counted, suite and case: a figure, hookcount's by convention; or text that says why there is none."""


@dataclass(frozen=True)
class Verdict:
    """How a convention and its tool agree on a suite."""

    convention: str
    suite: str
    equal: tuple[str, ...]
    differ: dict[str, tuple[Any, Any]]
    """By case hookcount's figure and the tool's."""
    failed: dict[str, str]
    """Where the tool gave no figure, why."""


def asked(tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None) -> Iterator[Any]:
    """What a tool says of each case. Ends after the first that it fails on: it may have left the process patched."""
    if tool != HOOKCOUNT and (folder := PEERS[tool].folder(peers_dir)):
        sys.path.insert(0, folder)
    import torch
    from suites import SUITES

    for suite, name in cases:
        signal.alarm(PATIENCE)
        model, args = SUITES[suite].case(name)
        try:
            with torch.no_grad(), quiet():
                yield (
                    counted(model, args)
                    if tool == HOOKCOUNT
                    else plain(PEERS[tool].count(model, args))
                )
        except Exception as error:
            yield f"{type(error).__name__}: {' '.join(str(error).split())}"[:160]
            if tool != HOOKCOUNT:
                return
        del model, args
        gc.collect()
        signal.alarm(0)


def plain(figure: Any) -> int | float:
    """A tool's figure: an int where it is a whole number."""
    value = float(figure)
    return int(figure) if value.is_integer() else value


def counted(model: Any, args: Any) -> dict[str, int]:
    """hookcount's figure of one real run under every convention."""
    import warnings

    import hookcount
    from hookcount.conventions import CONVENTIONS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        report = hookcount.Counter(run="real").count(model, *args)
    return {name: report.under(name).headline for name in CONVENTIONS}


def figures_of(
    tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None
) -> Iterator[tuple[tuple[str, str], Any]]:
    """Each case with what the tool says of it."""
    done = 0
    while left := cases[done:]:
        for figure in _until_killed(tool, left, peers_dir):
            yield cases[done], figure
            done += 1


def _until_killed(
    tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None
) -> Iterator[Any]:
    try:
        yield from apart(asked, tool, cases, peers_dir)
    except KilledError as error:
        yield str(error)


def gathered(
    tools: Sequence[str],
    suites: Sequence[str],
    wanted: Sequence[str],
    file: Path | None,
    peers_dir: str | None,
    console: Console,
) -> Figures:
    """All figures of the cases that are wanted: those of ``file``, and what is asked now, two tools at a time."""
    known: Figures = {}
    if file and file.exists():
        known = {
            tuple(where): figure for where, figure in map(json.loads, file.read_text().splitlines())
        }
    names = {suite: next(apart(names_of, suite, wanted)) for suite in suites}

    def ask(tool: str) -> Figures:
        convention = next((name for name, peer in TOOLS.items() if peer == tool), "")
        here = [
            suite for suite in suites if suite != "timm" or tool == HOOKCOUNT or convention in TIMM
        ]
        cases = [
            (suite, name)
            for suite in here
            for name in names[suite]
            if (tool, suite, name) not in known
        ]
        found: Figures = {}
        for (suite, name), figure in figures_of(tool, cases, peers_dir):
            found[tool, suite, name] = figure
            if file and tool != HOOKCOUNT:
                with file.open("a") as out:
                    out.write(json.dumps([[tool, suite, name], figure]) + "\n")
        console.print(f"{tool}: {len(found)} cases counted", style="dim")
        return found

    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(ask, [HOOKCOUNT, *tools]):
            known.update(found)
    return known


def names_of(suite: str, wanted: Sequence[str]) -> Iterator[list[str]]:
    from suites import SUITES

    yield [
        name
        for name in SUITES[suite].names()
        if not wanted or any(fnmatch(f"{suite}/{name}", each) for each in wanted)
    ]


def verdicts(
    conventions: Sequence[str], suites: Sequence[str], figures: Figures
) -> Iterator[Verdict]:
    for convention in conventions:
        tool = TOOLS[convention]
        for suite in suites:
            ours = {
                name: figure
                for (who, where, name), figure in figures.items()
                if (who, where) == (HOOKCOUNT, suite)
            }
            theirs = {
                name: figures[tool, suite, name] for name in ours if (tool, suite, name) in figures
            }
            failed = {name: figure for name, figure in theirs.items() if isinstance(figure, str)}
            pairs = {
                name: (each if isinstance(each, str) else each[convention], theirs[name])
                for name, each in ours.items()
                if name in theirs and name not in failed
            }
            equal = tuple(name for name, (mine, other) in pairs.items() if mine == other)
            if theirs:
                yield Verdict(
                    convention,
                    suite,
                    equal,
                    {n: pair for n, pair in pairs.items() if n not in equal},
                    failed,
                )


def unexplained(verdict: Verdict, exact: bool, differs: Sequence[str]) -> list[str]:
    """Cases in which a convention that says it is exact differs without a word about it."""
    reasons = {
        pattern: begins
        for pattern, begins in BECAUSE.get(verdict.convention, {}).items()
        if any(line.startswith(begins) for line in differs)
    }
    return [
        name
        for name in verdict.differ
        if exact and not any(fnmatch(name, pattern) for pattern in reasons)
    ]


def sheet(found: Sequence[Verdict], suites: Sequence[str]) -> Sheet:
    rows = []
    for convention in dict.fromkeys(each.convention for each in found):
        of = {each.suite: each for each in found if each.convention == convention}
        rows.append((convention, *(cell(of[suite]) if suite in of else "" for suite in suites)))
    remarks = []
    for each in found:
        if each.differ:
            pairs = "; ".join(
                f"{name} {shown(mine)} for {shown(theirs)}"
                for name, (mine, theirs) in each.differ.items()
            )
            remarks.append(f"{each.convention}, {each.suite}: {pairs}")
        for why in dict.fromkeys(each.failed.values()):
            where = ", ".join(name for name, error in each.failed.items() if error == why)
            remarks.append(f"{TOOLS[each.convention]} fails, {each.suite}: {where}: ``{why}``")
    title = "report.under(convention).headline against the tool's own figure: equal of counted"
    return Sheet(title, ("convention", *suites), tuple(rows), tuple(remarks))


def shown(figure: Any) -> str:
    return figure if isinstance(figure, str) else f"{figure:,}"


def cell(verdict: Verdict) -> str:
    count = len(verdict.equal) + len(verdict.differ)
    return f"{len(verdict.equal)} of {count}" + (
        f", {len(verdict.failed)} failed" if verdict.failed else ""
    )


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
        help="what the tools gave before; what they give now goes there too",
    )
    parser.add_argument(
        "--peers-dir", default=there, metavar="DIR", help="holds a folder per tool ($PEERS_DIR)"
    )
    parser.add_argument("--rst", action="store_true", help="print reStructuredText")
    parser.add_argument(
        "--verdicts", type=Path, metavar="FILE", help="write what was found as JSON"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    options, console = parsed(argv), Console(stderr=True)
    there = [name for name in options.tools if PEERS[TOOLS[name]].version(options.peers_dir)]
    if missing := sorted(set(options.tools) - set(there)):
        console.print(f"not installed, so not asked: {', '.join(missing)}", style="dim")
    tools = [TOOLS[name] for name in there]
    figures = gathered(
        tools, options.suites, options.cases, options.figures, options.peers_dir, console
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
