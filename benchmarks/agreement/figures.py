"""The figures of hookcount and of the tools, each from a process of its own."""

from __future__ import annotations

import gc
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from lib.apart import KilledError, apart
from lib.peers import PEERS
from lib.quiet import quiet
from rich.console import Console

TOOLS = {
    "torch": "FlopCounterMode",
    "torchvision": "torchvision's recipe",
    "fvcore": "fvcore",
    "thop": "thop",
    "ultralytics": "ultralytics-thop",
    "torchinfo": "torchinfo",
    "torchprofile": "torchprofile",
    "ptflops": "ptflops (aten)",
    "ptflops-pytorch": "ptflops (pytorch)",
    "mmcv": "mmcv",
    "calflops": "calflops",
    "calflops-flops": "calflops (FLOPs)",
    "deepspeed": "deepspeed",
    "deepspeed-flops": "deepspeed (FLOPs)",
}
"""By convention, the peer that it mirrors."""

PATIENCE = 1200
"""Seconds for one model. A tool that takes longer is ended."""

HOOKCOUNT = "hookcount"
Figures = dict[tuple[str, str, str], Any]
"""By counter, suite and case: a figure, or the text of the error.

hookcount's figure is a dict by convention.
"""


def asked(
    tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None, run: str
) -> Iterator[Any]:
    """Count each case with one tool; yield its figure, or the error as text.

    ``run`` is how hookcount runs the model.

    A tool that failed may have left the process patched, so its first failure ends the work.
    """
    if tool != HOOKCOUNT and (folder := PEERS[tool].folder(peers_dir)):
        sys.path.insert(0, folder)
    import torch
    from lib.suites import SUITES

    for suite, name in cases:
        signal.alarm(PATIENCE)
        model, args = SUITES[suite].case(name)
        try:
            with torch.no_grad(), quiet():
                yield (
                    counted(model, args, run)
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
    """Turn a tool's figure into an int if it is a whole number, else into a float."""
    value = float(figure)
    return int(figure) if value.is_integer() else value


def counted(model: Any, args: Any, run: str) -> dict[str, int]:
    """Count once with hookcount; give the figure under every convention that has one.

    RF-DETR's tool, which is not among ``TOOLS``, refuses some operands. So does its convention.
    """
    import warnings

    import hookcount
    from hookcount.conventions import CONVENTIONS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        report = hookcount.Counter(run=run).count(model, *args)
    found: dict[str, int] = {}
    for name, convention in CONVENTIONS.items():
        figure = report.priced.figure_under(convention)
        if isinstance(figure, int):
            found[name] = figure
        elif name != "rfdetr":
            raise figure
    return found


def figures_of(
    tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None, run: str
) -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield each case with the tool's figure for it."""
    done = 0
    while left := cases[done:]:
        for figure in _until_killed(tool, left, peers_dir, run):
            yield cases[done], figure
            done += 1


def _until_killed(
    tool: str, cases: Sequence[tuple[str, str]], peers_dir: str | None, run: str
) -> Iterator[Any]:
    try:
        yield from apart(asked, tool, cases, peers_dir, run)
    except KilledError as error:
        yield str(error)


def gathered(
    tools: Sequence[str],
    suites: Sequence[str],
    wanted: Sequence[str],
    file: Path | None,
    peers_dir: str | None,
    run: str,
    console: Console,
) -> Figures:
    """Collect the figures of the wanted cases, two tools at a time.

    Figures that ``file`` has are read from it; new ones are appended to it.
    """
    known: Figures = {}
    if file and file.exists():
        known = {
            tuple(where): figure for where, figure in map(json.loads, file.read_text().splitlines())
        }
    names = {suite: next(apart(names_of, suite, wanted)) for suite in suites}

    def ask(tool: str) -> Figures:
        cases = [
            (suite, name)
            for suite in suites
            for name in names[suite]
            if (tool, suite, name) not in known
        ]
        found: Figures = {}
        for (suite, name), figure in figures_of(tool, cases, peers_dir, run):
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
    from lib.suites import SUITES

    yield [
        name
        for name in SUITES[suite].names()
        if not wanted or any(fnmatch(f"{suite}/{name}", each) for each in wanted)
    ]
