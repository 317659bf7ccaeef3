#!/usr/bin/env python3
"""Random models: are the default count, the real count and a second count equal?

    python benchmarks/random_models/random_models.py [--models 3000] [--first SEED] [--jobs 2]
    python benchmarks/random_models/random_models.py --models 1 --first 1234

A model is a graph of 3 to 12 steps over earlier values: modules, shared and repeated ones,
recurrent layers, functions, views, products, steps in place and with ``out=``, splits. It returns a
tensor, a tuple, a dict or an object, and takes keyword arguments. Its seed also says whether it
trains, and the grad mode.

The counts must have equal totals and rows. The default count must need no values. Without fused ops
the MACs must be half of what torch's ``FlopCounterMode`` says. Afterwards the model, its inputs and
the random state must be as before. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from lib.apart import apart
from lib.sheet import Sheet

from random_models.kinds import KINDS


@dataclass(frozen=True)
class Result:
    """What is wrong with the counts of the model of a seed, by kind."""

    seed: int
    steps: str
    grad_mode: str
    asked: bool
    """Whether ``FlopCounterMode`` knows all products of the model."""
    wrong: dict[str, str]


def checked(seeds: Sequence[int]) -> Iterator[Result]:
    """The results of some seeds."""
    from random_models.checking import wrong
    from random_models.making import made

    for seed in seeds:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            subject = made(seed)
            asked = all(step.torch_counts for step in subject.model.steps)
            yield Result(seed, subject.steps(), subject.grad_mode, asked, wrong(subject))


def figures(results: Sequence[Result]) -> Sheet:
    """How many models are wrong, by kind."""
    found = Tally(kind for each in results for kind in each.wrong)
    rows = tuple((kind, str(found[kind])) for kind in KINDS)
    remark = f"FlopCounterMode is complete for {sum(each.asked for each in results):,} of them"
    return Sheet(f"{len(results):,} random models", ("what differs", "models"), rows, (remark,))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=3000, metavar="N")
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time")
    options = parser.parse_args(argv)
    seeds = range(options.first, options.first + options.models)
    parts = [seeds[part :: options.jobs] for part in range(options.jobs)]
    with ThreadPoolExecutor(options.jobs) as pool:
        done = pool.map(lambda part: list(apart(checked, part)), parts)
        results = sorted((each for part in done for each in part), key=lambda each: each.seed)
    for each in results:
        for kind, what in each.wrong.items():
            print(f"seed {each.seed}, {each.grad_mode}: {kind}: {what}")
            print(f"    {each.steps}")
    Console().print(figures(results).rich())
    return any(each.wrong for each in results)


if __name__ == "__main__":
    sys.exit(main())
