#!/usr/bin/env python3
"""Torch's own databases of ops and modules: does each sample count alike in every run?

    python benchmarks/databases/databases.py [NAME ...] [--samples N] [--dtypes float32 ...]
    python benchmarks/databases/databases.py --quick
    python benchmarks/databases/databases.py --known

Each sample of ``op_db`` and ``module_db`` (``torch.testing._internal``) is a tiny model. Its call
without hookcount, its real count and its default count must agree: same success, same rows, same
shapes, strides and dtypes. Its twin on the meta device must give the same, or an error that says
that values are needed. So it is in three grad modes, and the rows must be equal in all of them. The
forms of an op: as a function, in place, with ``out=``, with an ``out=`` of no elements, and on an
activation with buffers as the other arguments. Modules are in train and in eval mode.

``explained.py`` and ``not_mended.py`` list what differs, each with a reason and an example.
``of_torch.py`` lists what only one release of torch has besides. The exit status is 1 if anything
else differs. ``--known`` runs the examples of the list: one that no longer differs is to be
deleted, and the exit status is 1.

The databases need ``expecttest``. The whole takes an hour on two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.apart import KilledError, apart
from lib.sheet import Sheet

from databases.known import KNOWN, TORCH, known, lines
from databases.work import Choice, Done, Found, again, compare

DTYPES = ("float32", "bfloat16", "complex64", "int64")
QUICK = Choice(1, ("function", "eval"), quick=True)
QUICK_EVERY = 4
"""The quick part takes every fourth entry."""


def swept(
    patterns: Sequence[str], part: slice, dtypes: Sequence[str], choice: Choice
) -> Iterator[Done]:
    """The results of a part of the entries.

    If an entry ends the process, the later ones go on in a new process.
    """
    while True:
        current = None
        try:
            for current in apart(compare, patterns, part, dtypes, choice):
                if not current.began:
                    yield current
            return
        except KilledError as error:
            if current is None:
                raise
            at = Found(current.entry[1], "", current.dtype, -1, "ends the process", str(error))
            yield Done(current.entry, current.dtype, found=(at,))
            part = slice(current.index + part.step, None, part.step)


def in_parts(
    patterns: Sequence[str], dtypes: Sequence[str], choice: Choice, jobs: int
) -> list[Done]:
    """The results of all entries, by ``jobs`` processes at a time."""
    every = QUICK_EVERY if choice.quick else 1
    parts = [slice(part * every, None, jobs * every) for part in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        made = pool.map(lambda part: list(swept(patterns, part, dtypes, choice)), parts)
        return [each for part in made for each in part]


def figures(results: Sequence[Done]) -> Sheet:
    """How many samples differ, by database, dtype and kind."""
    rows = []
    for base, dtype in sorted({(each.entry[0], each.dtype) for each in results}):
        own = [each for each in results if (each.entry[0], each.dtype) == (base, dtype)]
        differ = [found for each in own for found in each.found]
        sides = [
            {each.sample for each in differ if _side(each) == side}
            for side in ("explained", "not mended", "unexplained")
        ]
        samples = sum(each.samples for each in own)
        rows.append((f"{base}, {dtype}", *(f"{n:,}" for n in (samples, *map(len, sides)))))
    heads = ("database, dtype", "samples", "explained", "not mended", "unexplained")
    return Sheet("Samples that differ", heads, tuple(rows))


def by_kind(results: Sequence[Done]) -> Sheet:
    """How many samples differ in a kind, and of how many ops and modules."""
    found = [each for done in results for each in done.found]
    samples = Tally((each.kind, _side(each)) for each in found)
    rows = [
        (
            kind,
            side,
            f"{n:,}",
            str(len({e.name for e in found if (e.kind, _side(e)) == (kind, side)})),
        )
        for (kind, side), n in sorted(samples.items())
    ]
    return Sheet("By kind", ("kind", "list", "samples", "names"), tuple(rows))


def _side(found: Found) -> str:
    entry = known(found)
    return "unexplained" if entry is None else "explained" if entry.explained else "not mended"


def stale() -> int:
    """Print each entry of the list whose example no longer differs. Return how many.

    These are the entries of the torch at hand. Those of another torch need not differ here.
    """
    listed = [each.example for each in KNOWN if each.torch == TORCH]
    still = set(apart(again, listed))
    gone = [each for each in listed if each not in still]
    for each in gone:
        print(f"no longer differs, delete it from the list: {lines([each])}")
    print(f"{len(listed)} known differences, {len(gone)} of them no longer needed")
    return len(gone)


def shown(results: Sequence[Done]) -> int:
    """Print the tables and the differences without a reason. Return how many these are."""
    console = Console()
    for sheet in (figures(results), by_kind(results)):
        console.print(sheet.rich())
    unexplained = [each for done in results for each in done.found if known(each) is None]
    for each in unexplained:
        print(f"unexplained: {lines([each])}: {each.text}")
    print(f"{sum(each.samples for each in results):,} samples, {len(unexplained)} unexplained")
    return len(unexplained)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="patterns, such as linalg.*")
    parser.add_argument("--samples", type=int, default=10**9, metavar="N", help="of each, at most")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=DTYPES)
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time")
    parser.add_argument(
        "--quick", action="store_true", help="one sample of every fourth, in two runs"
    )
    parser.add_argument("--device", default="cpu", help="where the samples are (default: cpu)")
    parser.add_argument("--known", action="store_true", help="the examples of the list")
    parser.add_argument("--lines", action="store_true", help="print lines for not_mended.py")
    options = parser.parse_args(argv)
    if options.known:
        return bool(stale())
    choice = QUICK if options.quick else Choice(options.samples)
    choice = replace(choice, device=options.device)
    dtypes = DTYPES[:1] if options.quick else options.dtypes
    results = in_parts(options.names, dtypes, choice, options.jobs)
    if options.lines:
        print(lines(each for done in results for each in done.found if known(each) is None))
    return bool(shown(results))


if __name__ == "__main__":
    sys.exit(main())
