"""A count of each model against the other counters.

Each of these runs in a process of its own.
"""

from __future__ import annotations

import copy
import math
import signal
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from lib.apart import KilledError, apart
from lib.peers import PEERS, Peer
from lib.quiet import quiet
from lib.rounds import Times, in_turns
from lib.sheet import Figure, Outcome, Sheet

LONG_FORWARD = 0.020
"""Seconds. The target: on models with a longer forward, hookcount is faster than every peer."""

PATIENCE = 900
"""Seconds for one model."""


@dataclass(frozen=True)
class Row:
    """One model, counted by hookcount and by one peer, in turns with the plain forward.

    ``error`` says why the peer cannot count it.
    """

    model: str
    times: Times | None
    error: str = ""

    def ratio(self) -> float:
        """The peer's time over hookcount's."""
        return self.times.ratio("peer", "hookcount") if self.times else math.nan

    def forward(self) -> float:
        return self.times.median("forward") if self.times else math.nan


class PeerError(Exception):
    """The error of a peer, in one line."""


def measure(tool: str, names: tuple[str, ...], rounds: int, peers_dir: str | None) -> Iterator[Row]:
    """Time a peer on each model.

    A peer that failed may have left the process patched, so its first failure ends the work.
    """
    peer = PEERS[tool]
    if folder := peer.folder(peers_dir):
        sys.path.insert(0, folder)
    for name in names:
        signal.alarm(PATIENCE)  # ends the process, also within a kernel
        row = _row(peer, name, rounds)
        signal.alarm(0)
        yield row
        if row.error:
            return


def _row(peer: Peer, name: str, rounds: int) -> Row:
    import torch

    import hookcount
    from hookcount.models import build

    built = build(name, device="cpu")
    model, args = built.model, built.args
    theirs = built if peer.device == "cpu" else build(name)
    copies = iter([_twin(theirs.model) for _ in range(rounds + 1)])
    works = {
        "forward": lambda: model(*args),
        "hookcount": lambda: hookcount.count(model, *args),
        "peer": lambda: _run(peer, next(copies), theirs.args),
    }
    try:
        with torch.no_grad(), quiet():
            return Row(name, in_turns(works, rounds))
    except PeerError as error:
        return Row(name, None, str(error))


def _run(peer: Peer, model: Any, args: Any) -> None:
    try:
        peer.count(model, args)
    except Exception as error:
        text = " ".join(str(error).split())
        raise PeerError(f"{type(error).__name__}: {text}"[:100]) from error


def _twin(model: Any) -> Any:
    """Copy the modules, but share the tensors.

    Some tools leave hooks and buffers on the modules that they count.
    """
    return copy.deepcopy(
        model, {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    )


def _rows(tool: str, names: tuple[str, ...], rounds: int, peers_dir: str | None) -> list[Row]:
    rows: list[Row] = []
    while left := names[len(rows) :]:
        rows.extend(_until_one_fails(tool, left, rounds, peers_dir))
    return rows


def _until_one_fails(
    tool: str, names: tuple[str, ...], rounds: int, peers_dir: str | None
) -> Iterator[Row]:
    done = 0
    try:
        for row in apart(measure, tool, names, rounds, peers_dir):
            yield row
            done += 1
    except KilledError as error:
        yield Row(names[done], None, str(error))


def part(
    tools: tuple[str, ...], names: tuple[str, ...], rounds: int, peers_dir: str | None
) -> Outcome:
    there = {tool: version for tool in tools if (version := PEERS[tool].version(peers_dir))}
    found = {tool: _rows(tool, names, rounds, peers_dir) for tool in there}
    missing = [tool for tool in tools if tool not in there]
    remarks = [remark for tool, rows in found.items() for remark in _remarks(tool, rows)]
    if missing:
        remarks.append(f"Not installed, so not shown: {', '.join(missing)}.")
    sheet = Sheet(
        f"The time of the other counters over that of a count, {len(names)} classifiers",
        ("tool", "version", "models", "median", "smallest", "on", "failed"),
        tuple(_cells(tool, there[tool], rows) for tool, rows in found.items()),
        tuple(remarks),
    )
    figures = (figure for tool, rows in found.items() for figure in _figures(tool, rows))
    return Outcome((sheet,), tuple(figures))


def _counted(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.times]


def _cells(tool: str, version: str, rows: list[Row]) -> tuple[str, ...]:
    counted = _counted(rows)
    failed = str(len(rows) - len(counted))
    if not counted:
        return (tool, version, "0", "", "", "", failed)
    least = min(counted, key=Row.ratio)
    median = statistics.median(map(Row.ratio, counted))
    return (
        tool,
        version,
        str(len(counted)),
        f"{median:.1f}",
        f"{least.ratio():.2f}",
        least.model,
        failed,
    )


def _figures(tool: str, rows: list[Row]) -> Iterator[Figure]:
    if long := [row for row in _counted(rows) if row.forward() > LONG_FORWARD]:
        faster = sum(row.ratio() > 1 for row in long)
        what = f"faster than {tool}, where the forward takes over {1000 * LONG_FORWARD:.0f} ms"
        yield Figure(what, f"{faster} of {len(long)}", "all", faster == len(long))


def _remarks(tool: str, rows: list[Row]) -> Iterator[str]:
    if ahead := [
        f"{row.model} ({1000 * row.forward():.1f} ms, {row.ratio():.2f})"
        for row in _counted(rows)
        if row.ratio() <= 1
    ]:
        yield f"{tool} is faster than a count on (its forward, the ratio): {', '.join(ahead)}."
    failed = sorted((row for row in rows if row.error), key=lambda row: row.error)
    for error, same in groupby(failed, key=lambda row: row.error):
        yield f"{tool} fails on {', '.join(row.model for row in same)}: ``{error}``"
