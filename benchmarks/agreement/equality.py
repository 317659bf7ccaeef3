#!/usr/bin/env python3
"""Does a count without arithmetic equal a count of the real run? Row by row, over many models.

    python benchmarks/agreement/equality.py [NAME ...] [--results FILE]
    python benchmarks/agreement/equality.py [--only torchvision|timm|transformers]
    python benchmarks/agreement/equality.py [--timm 400] [--largest 120]

Each model is counted three times, in eval mode and without gradients: in a real run, in a
shapes-only run, and in a shapes-only run of its twin on the meta device. The counts must have equal
records (path, target, operations by kind, calls), equal uncounted work, equal parameters and bytes.
No count may warn. Images are as small as a model takes them.

With ``--results`` each result is a line of JSON in FILE. A model with a result there is not counted
again. The exit status is 1 if anything differs that is not among ``KNOWN``.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import json
import sys
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for the packages beside this one

from agreement.comparing import SAME, TWIN, Result, Subject, compared
from agreement.subjects import timm_subjects, torchvision_subjects, transformers_subjects

KNOWN: dict[str, str] = {
    "transformers:* *: * paths: *mlp.experts: nothing for 1 aten::cumsum *, 1 aten::histc *": (
        "the code reads the device of an activation: on the CPU it counts the tokens of a mixture "
        "in floats, elsewhere in integers"
    ),
    "timm:mobilenetv[45]_* *: * paths: blocks.*.attn: 1 (sum of ops) *": (
        "one head of keys serves all queries: the parts scale the keys before they repeat them for "
        "each head; the fused op is priced as if the keys were scaled afterwards"
    ),
    **{
        f"torchvision:{name} *: needs values: *": "the scores decide which boxes survive"
        for name in ("*rcnn_*", "fcos_*", "retinanet_*", "ssd*")
    },
    "torchvision:quantized_* *: needs values: *": (
        "scales are read from tensors, and quantized tensors have no twin on meta"
    ),
}
"""By pattern of ``source:model way: difference``, the reason for that difference."""


def explained(name: str, difference: str) -> str:
    """The reason for a known difference, or an empty string."""
    return next(
        (why for pattern, why in KNOWN.items() if fnmatch.fnmatch(f"{name} {difference}", pattern)),
        "",
    )


def done(file: Path | None) -> dict[str, Result]:
    if file is None or not file.exists():
        return {}
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return {
        each["name"]: Result(**{**each, "differences": tuple(each["differences"])})
        for each in found
    }


def shown(results: list[Result], console: Console) -> int:
    """Print the results. Return the number of differences without a reason."""
    grid = Table("model", "what differs", "why", title="differences", show_lines=True)
    unexplained = 0
    for each in results:
        for difference in each.differences:
            why = explained(each.name, difference)
            unexplained += not why
            grid.add_row(each.name, difference, why or "[bold]unexplained[/bold]")
    if grid.row_count:
        console.print(grid)
    for each in results:
        if each.skipped:
            console.print(f"not run: {each.name}: {each.skipped}", highlight=False)
    ran = [each for each in results if not each.skipped]
    for source, count in Tally(each.name.partition(":")[0] for each in ran).items():
        own = [each for each in ran if each.name.startswith(f"{source}:")]
        same = sum(not any(text.startswith(SAME) for text in each.differences) for each in own)
        twins = sum(not any(text.startswith(TWIN) for text in each.differences) for each in own)
        rows, fused = sum(each.rows for each in own), sum(each.fused > 0 for each in own)
        console.print(
            f"{source}: {count} models, {rows} rows: as shapes {same} equal the real run, "
            f"on meta {twins}; {fused} have fused attention",
            highlight=False,
        )
    console.print(
        f"{unexplained} differences unexplained; {len(results) - len(ran)} models not run",
        highlight=False,
    )
    return unexplained


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="patterns, such as timm:vit_*; default: all"
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="JSON lines: read what is there, append what is new",
    )
    parser.add_argument("--only", choices=("torchvision", "timm", "transformers"))
    parser.add_argument(
        "--timm", type=int, default=400, metavar="N", help="models of timm to draw (default: 400)"
    )
    parser.add_argument(
        "--largest",
        type=int,
        default=120,
        metavar="M",
        help="million parameters of a timm model (default: 120)",
    )
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    sources: dict[str, Iterable[Subject]] = {
        "transformers": transformers_subjects(),
        "torchvision": torchvision_subjects(),
        "timm": timm_subjects(options.timm, options.largest * 10**6),
    }
    known, results, log = done(options.results), [], Console(stderr=True)
    for source, subjects in sources.items():
        for subject in subjects if options.only in (None, source) else ():
            if options.names and not any(
                fnmatch.fnmatch(subject.name, pattern) for pattern in options.names
            ):
                continue
            result = known.get(subject.name) or compared(subject)
            results.append(result)
            if subject.name not in known:
                differences = " | ".join(result.differences)
                log.print(
                    f"{result.name} {result.seconds} s {result.skipped} {differences}",
                    highlight=False,
                )
                if options.results:
                    with options.results.open("a") as file:
                        file.write(json.dumps(asdict(result)) + "\n")
                gc.collect()
    return bool(shown(results, Console()))


if __name__ == "__main__":
    sys.exit(main())
