#!/usr/bin/env python3
"""Models of eight libraries, each counted without arithmetic, beside ``FlopCounterMode`` and the figures that others give.

    python benchmarks/zoo.py [NAME ...] [--rst] [--results FILE]       # NAME is a pattern, such as "d-fine-*"
    python benchmarks/zoo.py --timm 3                                  # up to 3 models of each family of timm: only what fails

Models are built from configs with random weights, on meta where their constructors bear it, and counted one at a time in eval
mode, batch 1, without gradients. A row that fails says why. The exit status is 1 if any row fails, is incomplete, warns, or has
other MACs than ``FlopCounterMode`` and what was worked out by hand beside it.
"""

from __future__ import annotations

import argparse
import fnmatch
import gc
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from sheet import Sheet
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from zoo_published import FIGURES
from zoo_rows import Given, Row, image, rows, timm_model

import hookcount

LARGEST = 10**9
"""Parameters of the largest model that is run for real where ``FlopCounterMode`` fails on meta."""


@dataclass(frozen=True)
class Reading:
    """A published figure beside the count: all MACs in its unit, and those that its rule has."""

    published: str
    whole: float
    read: float
    agrees: bool
    rule: str
    source: str
    why: str


@dataclass(frozen=True)
class Result:
    """What came of a row: either ``failed`` says why, or the rest is filled in."""

    name: str
    failed: str = ""
    given: str = ""
    params: int = 0
    macs: int = 0
    flops: int = 0
    uncounted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    run: str = ""
    seconds: float = 0.0
    theirs: int | None = None
    """The MACs of ``FlopCounterMode``; None if it cannot run."""
    theirs_how: str = ""
    """The device it ran on, or why it could not."""
    unseen: int = 0
    unseen_why: str = ""
    worked: int = 0
    readings: tuple[Reading, ...] = ()

    @property
    def equal(self) -> bool | None:
        """Whether the MACs are those of ``FlopCounterMode`` and what it does not see, or those by hand; None without either."""
        if self.theirs is not None:
            return self.macs == self.theirs + self.unseen
        return self.macs == self.worked if self.worked else None

    @property
    def good(self) -> bool:
        return not (self.failed or self.uncounted or self.warnings or self.equal is False)


# -- measuring


def measured(row: Row) -> Result:
    try:
        model, given = row.make("cpu" if row.needs_values else "meta")
        report, caught, seconds = counted(model, given, "auto" if row.needs_values else "shapes")
    except Exception as error:
        return Result(row.name, failed=_line(error))
    theirs, how = by_flop_counter(row, model, given)
    return Result(
        row.name,
        "",
        shapes(given),
        report.params,
        report.macs,
        report.flops,
        tuple(each.target for each in report.uncounted),
        tuple(caught),
        report.run,
        seconds,
        theirs,
        how,
        row.unseen,
        row.unseen_why,
        row.worked,
        tuple(
            Reading(
                f"{each.value} {each.unit}",
                each.whole(report),
                each.read(report),
                each.agrees(report),
                each.rule.words,
                each.source,
                each.why,
            )
            for each in FIGURES.get(row.name, ())
        ),
    )


def counted(model: nn.Module, given: Given, run: Any) -> tuple[hookcount.Report, list[str], float]:
    """The report of a first count, whatever warned during it, and its time in seconds."""
    args, kwargs = given
    counter = hookcount.Counter(run=run)
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        start = time.perf_counter()
        report = counter.count(model, *args, **kwargs)
        seconds = time.perf_counter() - start
    return report, [f"{each.category.__name__}: {each.message}" for each in caught], seconds


def by_flop_counter(row: Row, model: nn.Module, given: Given) -> tuple[int | None, str]:
    """Half the FLOPs of ``FlopCounterMode`` and the device it ran on: meta, or if it fails there and memory allows, the CPU."""
    why = ""
    if not row.needs_values:
        try:
            return _flop_counter(model, _all_on_meta(given)), "meta"
        except Exception as error:
            why = _line(error)
        if sum(each.numel() for each in model.parameters()) > LARGEST:
            return None, f"too large to run for real; on meta {why}"
    try:
        return _flop_counter(*row.make("cpu")), "cpu"
    except Exception as error:
        return None, _line(error)


def _flop_counter(model: nn.Module, given: Given) -> int:
    args, kwargs = given
    for each in model.parameters():
        each.requires_grad_(
            False
        )  # where a parameter is passed as an input, it asks for the gradient function of the output
    with warnings.catch_warnings(), torch.no_grad(), FlopCounterMode(display=False) as counter:
        warnings.simplefilter("ignore")
        model(*args, **kwargs)
    return int(counter.get_total_flops()) // 2


def _all_on_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return {name: _all_on_meta(each) for name, each in value.items()}
    return type(value)(map(_all_on_meta, value)) if isinstance(value, (list, tuple)) else value


def shapes(given: Given) -> str:
    """``1x3x640x640``; of several inputs the two largest."""
    tensors = [
        each
        for value in (*given[0], *given[1].values())
        for each in (value if isinstance(value, list) else [value])
    ]
    largest = sorted(tensors, key=lambda each: -each.numel())[:2]
    return " ".join("x".join(map(str, each.shape)) for each in largest)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:150]}".removesuffix(": ")


# -- showing


def sheets(results: Sequence[Result]) -> list[Sheet]:
    ran = [each for each in results if not each.failed]
    return [
        _counts(results, ran),
        *([_published(ran)] if any(each.readings for each in ran) else []),
    ]


def _counts(results: Sequence[Result], ran: Sequence[Result]) -> Sheet:
    cells = tuple(
        (
            each.name,
            each.given,
            f"{each.params / 1e6:.2f}",
            f"{each.macs / 1e9:.3f}",
            f"{each.flops / 1e9:.3f}",
            _beside(each),
            str(len(each.uncounted)),
            str(len(each.warnings)),
            each.run,
            f"{each.seconds:.2f}",
        )
        if not each.failed
        else (each.name, "failed", *[""] * 8)
        for each in results
    )
    compared = [each for each in ran if each.equal is not None]
    whys = dict.fromkeys(each.unseen_why for each in ran if each.unseen)
    remarks = [
        f"{len(ran)} of {len(results)} models ran; {sum(not each.uncounted for each in ran)} are complete; "
        f"{sum(not each.warnings for each in ran)} without any warning.",
        "Equal to: to the integer. FCM: ``FlopCounterMode`` / 2, on meta or for real; + hand: and what it does not see, worked "
        "out by hand; by hand: all of it. A figure stands there where it differs. "
        f"Equal are {sum(bool(each.equal) for each in compared)} of {len(compared)}.",
        *(f"Not seen by FCM: {why} ({_unseen(ran, why)})." for why in whys),
        *(f"{each.name} failed: ``{each.failed}``" for each in results if each.failed),
        *(f"{each.name}, no FCM: ``{each.theirs_how}``" for each in ran if each.theirs is None),
        *(f"{each.name}, uncounted: {', '.join(each.uncounted)}" for each in ran if each.uncounted),
        *(f"{each.name}, warned: {text}" for each in ran for text in each.warnings),
    ]
    headings = (
        "model",
        "input",
        "params (M)",
        "MACs (G)",
        "FLOPs (G)",
        "equal to",
        "uncounted",
        "warnings",
        "run",
        "seconds",
    )
    return Sheet(f"{len(results)} models", headings, cells, tuple(remarks))


def _unseen(ran: Sequence[Result], why: str) -> str:
    return ", ".join(
        f"{each.name} {each.unseen / 1e9:.5g} G" for each in ran if each.unseen_why == why
    )


def _beside(result: Result) -> str:
    """What was compared, or the other MACs if they differ."""
    if result.equal is False:
        other = result.worked if result.theirs is None else result.theirs + result.unseen
        return f"{other / 1e9:.3f}"
    if result.theirs is None:
        return "by hand" if result.equal else "-"
    return "FCM + hand" if result.unseen else "FCM"


def _published(ran: Sequence[Result]) -> Sheet:
    pairs = [(each, reading) for each in ran for reading in each.readings]
    sources, rules = (
        list(dict.fromkeys(getattr(reading, name) for _, reading in pairs))
        for name in ("source", "rule")
    )
    cells = tuple(
        (
            each.name,
            reading.published,
            f"[{sources.index(reading.source) + 1}]",
            f"{reading.whole:.3f}",
            f"({chr(ord('a') + rules.index(reading.rule))})",
            f"{reading.read:.3f}",
            f"{100 * (reading.read / float(reading.published.split()[0]) - 1):+.2f} %",
            "yes" if reading.agrees else "no",
        )
        for each, reading in pairs
    )
    remarks = [
        "all MACs, as counted: the count in the unit of the published figure; agrees: up to one in the figure's last digit.",
        *(f"({chr(ord('a') + index)}) {rule}" for index, rule in enumerate(rules)),
        *(f"[{index}] {source}" for index, source in enumerate(sources, 1)),
        *(
            f"{each.name}, {reading.published}: {reading.why}"
            for each, reading in pairs
            if reading.why
        ),
    ]
    headings = (
        "model",
        "published",
        "source",
        "all MACs",
        "counts",
        "as counted",
        "difference",
        "agrees",
    )
    return Sheet("Against published figures", headings, cells, tuple(remarks))


# -- every family of timm


def timm_rows(most: int) -> Iterator[Row]:
    """Up to ``most`` models of each family, evenly out of their names, each at the size it was trained on."""
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
    """Count the families of timm and print what is not good; the number of those."""
    results = []
    for row in timm_rows(most):
        if wanted and not any(fnmatch.fnmatch(row.name, pattern) for pattern in wanted):
            continue
        result = measured(row)
        results.append(result)
        if not result.good or result.equal is None:
            what = (
                result.failed
                or f"{result.macs} {result.theirs} {result.theirs_how} {result.uncounted} {result.warnings}"
            )
            console.print(f"{result.name}: {what}", highlight=False, soft_wrap=True)
        gc.collect()
    compared, bad = (
        sum(each.theirs is not None for each in results),
        [each for each in results if not each.good],
    )
    console.print(
        f"{len(results)} models of timm: {sum(not each.failed for each in results)} ran as shapes alone, "
        f"{sum(bool(each.equal) for each in results)} of {compared} compared equal FlopCounterMode, {len(bad)} to be looked at",
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
