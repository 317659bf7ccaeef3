#!/usr/bin/env python3
"""Count the models of eight libraries without arithmetic, beside ``FlopCounterMode`` and others.

    python benchmarks/zoo/zoo.py [NAME ...] [--rst] [--results FILE]   # a NAME may be "d-fine-*"
    python benchmarks/zoo/zoo.py --timm 3        # up to 3 models of each family, only the failures

"Others" are the published figures of these models. Models are built from configs with random
weights, on meta where their constructors allow it. Each is counted once in eval mode, with batch 1
and without gradients.

A row that fails says why. The exit status is 1 if any row fails, is incomplete, warns, or differs
from ``FlopCounterMode``. The work that ``FlopCounterMode`` does not see is added by hand.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from zoo.measuring import Reading, Result, measured
from zoo.rows import Row, image, rows, timm_model
from zoo.showing import sheets


def timm_rows(most: int) -> Iterator[Row]:
    """Up to ``most`` models of each family of timm, spread evenly over its names.

    Each gets images of the size that it was trained on.
    """
    import timm

    for module in timm.list_modules():
        names = timm.list_models(module=module)
        for index in range(min(most, len(names))):
            name = names[
                index * (len(names) - 1) // max(most - 1, 1) if most < len(names) else index
            ]
            channels, *_, size = timm.get_pretrained_cfg(name).input_size
            yield Row(f"timm:{name}", timm_model(name, image(size, channels)))


def sweep(most: int, wanted: Sequence[str], console: Console) -> int:
    """Count the families of timm, and print the results that are not good. Return their number."""
    results = []
    for row in timm_rows(most):
        if wanted and not any(fnmatch.fnmatch(row.name, pattern) for pattern in wanted):
            continue
        result = measured(row)
        results.append(result)
        if not result.good or result.equal is None:
            counts = f"{result.macs} {result.theirs} {result.theirs_how}"
            what = result.failed or f"{counts} {result.uncounted} {result.warnings}"
            console.print(f"{result.name}: {what}", highlight=False, soft_wrap=True)
        gc.collect()
    compared, bad = (
        sum(each.theirs is not None for each in results),
        [each for each in results if not each.good],
    )
    console.print(
        f"{len(results)} models of timm: "
        f"{sum(not each.failed for each in results)} ran shapes-only, "
        f"{sum(bool(each.equal) for each in results)} of {compared} equal FlopCounterMode, "
        f"{len(bad)} to be looked at",
        highlight=False,
        soft_wrap=True,
    )
    return len(bad)


def recorded(file: Path | None) -> dict[str, Result]:
    if file is None or not file.exists():
        return {}
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return {
        each["name"]: Result(
            **{**each, "readings": tuple(Reading(**reading) for reading in each["readings"])}
        )
        for each in found
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="patterns of names; default: all")
    parser.add_argument("--rst", action="store_true", help="tables as reStructuredText")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="JSON lines: read what is there, append what is new",
    )
    parser.add_argument(
        "--timm",
        type=int,
        metavar="N",
        help="instead: up to N models of each family of timm, only what fails",
    )
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    os.environ.update(HF_HUB_OFFLINE="1", YOLO_VERBOSE="false")
    log = Console(stderr=True)
    if options.timm:
        return bool(sweep(options.timm, options.names, Console()))
    known, results = recorded(options.results), []
    for row in rows():
        if options.names and not any(
            fnmatch.fnmatch(row.name, pattern) for pattern in options.names
        ):
            continue
        result = known.get(row.name) or measured(row)
        results.append(result)
        if row.name not in known:
            log.print(
                f"{row.name} {result.failed or result.macs} {result.theirs_how}",
                highlight=False,
                soft_wrap=True,
            )
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
        gc.collect()
    for sheet in sheets(results):
        if options.rst:
            print(sheet.rst())
        else:
            Console().print(sheet.rich())
    return any(not each.good for each in results)


if __name__ == "__main__":
    sys.exit(main())
