#!/usr/bin/env python3
"""Does a count without arithmetic equal a count of the real run? Row by row, over many models.

    python benchmarks/equality.py [--results FILE] [--timm 400] [--largest 120] [--only torchvision|timm|transformers] [NAME ...]

Each model is counted three times, in eval mode and without gradients: real, as shapes alone, and as shapes alone of its twin on
the meta device. Equal are the records (path, target, operations by kind, calls), what is uncounted, the parameters and their
bytes; and nothing warns. Images are as small as a model takes them. With ``--results`` each result is a line of JSON in FILE, and
a model that has one is not counted again. The exit status is 1 if anything differs that is not among ``KNOWN``.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import gc
import json
import sys
import time
import warnings
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from collection import ROWS, inputs
from collection import build as build_small
from rich.console import Console
from rich.table import Table
from torch import nn

import hookcount
from hookcount.core.errors import DataNeededError
from hookcount.models import build
from hookcount.models.construct import without_memory
from hookcount.pricing.price import Record

SIZES = (32, 64, 96, 128, 160, 192, 224, 256)
SHAPES, REAL = hookcount.Counter(run="shapes"), hookcount.Counter(run="real")
TWIN, SAME = "on meta", "as shapes"

KNOWN: dict[str, str] = {
    "transformers:* *: * paths: *mlp.experts: nothing for 1 aten::cumsum *, 1 aten::histc *": (
        "the code asks for the device of an activation, and counts a mixture's tokens in floats on the CPU, in integers elsewhere"
    ),
    "timm:mobilenetv[45]_* *: * paths: blocks.*.attn: 1 (sum of ops) *": (
        "one head of keys for all queries: as parts, keys are scaled before they are repeated for each head; the fused op, which "
        "cannot tell, is priced as if they were scaled after"
    ),
    **{
        f"torchvision:{name} *: needs values: *": "which boxes survive is in their scores"
        for name in ("*rcnn_*", "fcos_*", "retinanet_*", "ssd*")
    },
    "torchvision:quantized_* *: needs values: *": "scales are read out of tensors, and quantized tensors have no twin on meta",
}
"""Patterns of ``source:model way: what differs`` that are explained, and why."""


@dataclass(frozen=True)
class Subject:
    """``make(device)`` builds the model, on ``"meta"`` without memory; ``inputs`` gives what the real one takes."""

    name: str
    make: Callable[[str], nn.Module]
    inputs: Callable[[nn.Module], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Result:
    """What came of a subject: empty ``differences`` is equality; ``skipped`` says why it could not be run for real."""

    name: str
    rows: int = 0
    macs: int = 0
    params: int = 0
    fused: int = 0
    """Paths where attention is one op of the CPU's for real, and its parts in the shapes-only run: compared by their sums."""
    differences: tuple[str, ...] = ()
    skipped: str = ""
    seconds: float = 0.0


# -- comparing


def compared(subject: Subject) -> Result:
    start = time.perf_counter()
    try:
        model = subject.make(
            "cpu"
        )  # never run but by a count, which leaves nothing behind: some keep indices of their first forward
        args, kwargs = subject.inputs(model)
        expected, told = _counted(REAL, model, args, kwargs)
    except Exception as error:
        return Result(subject.name, skipped=_line(error))
    found, also_told = _counted(SHAPES, model, args, kwargs)
    del model
    twin: Any
    try:
        twin = _counted(SHAPES, subject.make("meta"), _on_meta(args), _on_meta(kwargs))[0]
    except Exception as error:  # raised by its constructor
        twin = error
    return Result(
        subject.name,
        len(expected.records),
        expected.macs,
        expected.params,
        len(_fused(expected)),
        (
            *told,
            *also_told,
            *_differences(SAME, found, expected),
            *_differences(TWIN, twin, expected),
        ),
        seconds=round(time.perf_counter() - start, 2),
    )


def _on_meta(value: Any) -> Any:
    """Numbers on meta; ids and masks as they are, since they tell code which way to take."""
    if isinstance(value, torch.Tensor):
        return value.to("meta") if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: _on_meta(each) for name, each in value.items()}
    return type(value)(map(_on_meta, value)) if isinstance(value, (list, tuple)) else value


def _counted(
    counter: hookcount.Counter, model: nn.Module, args: Any, kwargs: Any
) -> tuple[Any, list[str]]:
    """A report, or the error in its place; and what hookcount warned of."""
    _forget()
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        try:
            found: Any = counter.count(model, *args, **kwargs)
        except DataNeededError as error:
            found = error
        except Exception as error:
            if counter is REAL:
                raise
            found = error
    ours = [
        each
        for each in caught
        if issubclass(each.category, hookcount.UncountedWarning) or _ours(each.filename)
    ]
    return found, [f"warned: {each.message}" for each in ours]


def _forget() -> None:
    """What libraries keep of an earlier forward, such as anchors: else the later of two counts would see less work."""
    for each in _remembering(len(sys.modules)):
        each.cache_clear()


@functools.lru_cache(maxsize=1)
def _remembering(modules: int) -> list[Any]:
    """The functions with a memory in what was imported by now."""
    found = (each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper)
    return [
        each
        for each in found
        if str(each.__module__).startswith(("transformers", "timm", "torchvision"))
    ]


def _ours(filename: str) -> bool:
    return Path(hookcount.__file__).parent in Path(filename).parents


def _differences(way: str, found: Any, expected: hookcount.Report) -> list[str]:
    if not isinstance(found, hookcount.Report):
        what = "needs values" if isinstance(found, DataNeededError) else "raised"
        return [f"{way}: {what}: {_line(found)}"]
    differences = []
    for name in ("params", "param_bytes", "uncounted"):
        ours, real = getattr(found, name), getattr(expected, name)
        if ours != real:
            differences.append(f"{way}: {name}: {ours} for {real}")
    attention = _fused(expected)
    rows, real_rows = _rows(found, attention), _rows(expected, attention)
    if rows != real_rows:
        paths = sorted({each.path for each in rows ^ real_rows})
        shown = "; ".join(
            f"{path or '(model)'}: {_side(rows - real_rows, path)} for {_side(real_rows - rows, path)}"
            for path in paths[:3]
        )
        differences.append(f"{way}: {len(paths)} paths: {shown}")
    return differences


def _fused(report: hookcount.Report) -> set[str]:
    """The paths where attention ran as one op of the CPU's: a shapes-only run sees its parts there, at the same cost."""
    return {
        each.path for each in report.records if each.target.startswith("aten::_scaled_dot_product")
    }


def _rows(report: hookcount.Report, summed: set[str]) -> set[Record]:
    """The records; those of ops at the paths ``summed`` as one."""
    kept, sums = set(), dict.fromkeys(summed, hookcount.Ops())
    for each in report.records:
        if each.by == "op" and each.path in summed:
            sums[each.path] += each.ops
        else:
            kept.add(each)
    return kept | {Record(path, "(sum of ops)", "op", ops, 1) for path, ops in sums.items()}


def _side(rows: set[Record], path: str) -> str:
    return (
        ", ".join(
            sorted(f"{each.calls} {each.target} {each.ops}" for each in rows if each.path == path)
        )
        or "nothing"
    )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"


# -- what is counted


def torchvision_subjects() -> Iterator[Subject]:
    from torchvision import models

    for name in sorted(models.list_models()):
        built: list[Any] = []

        def make(device: str, name: str = name, built: list[Any] = built) -> nn.Module:
            torch.manual_seed(0)
            built[:] = [build(name, device)]
            return _with_small_transform(built[0].model)

        def inputs(model: nn.Module, name: str = name, built: list[Any] = built) -> Any:
            return _small_images(model, built[0].args, "raft" in name, built[0].takes_list), {}

        yield Subject(f"torchvision:{name}", make, inputs)


def _with_small_transform(model: Any) -> nn.Module:
    if hasattr(model, "transform"):
        model.transform.min_size, model.transform.max_size = (128,), 160
    return model


def _small_images(model: nn.Module, given: Any, pair: bool, takes_list: bool) -> tuple[Any, ...]:
    """Images or clips as small as the model takes them, else what was ``given``."""
    if takes_list:
        return ([torch.rand(3, 128, 160)],)
    shape = given[0].shape
    front = (*shape[:2], 8) if len(shape) == 5 else shape[:2]
    for size in (each for each in SIZES if each < shape[-1]):
        images = tuple(torch.rand(*front, size, size) * 2 - 1 for _ in range(1 + pair))
        if _runs(model, images):
            return images
    return tuple(given)


def _runs(model: nn.Module, args: tuple[Any, ...]) -> bool:
    try:
        _counted(REAL, model, args, {})
    except Exception:
        return False
    return True


def timm_subjects(wanted: int, largest: int) -> Iterator[Subject]:
    """About ``wanted`` models, as many of each family as of any other, evenly out of their names."""
    import timm

    families = [timm.list_models(module=module) for module in timm.list_modules()]
    for name in sorted(_drawn([each for each in families if each], wanted)):
        yield timm_subject(name, largest)


def _drawn(families: list[list[str]], wanted: int) -> set[str]:
    most = max(map(len, families))
    each = next(
        (n for n in range(1, most) if sum(min(n, len(names)) for names in families) >= wanted), most
    )
    return {
        names[i * (len(names) - 1) // max(n - 1, 1)]
        for names in families
        for n in [min(each, len(names))]
        for i in range(n)
    }


def timm_subject(name: str, largest: int) -> Subject:
    """The model at the smallest image size that it can be built for and takes."""
    import timm

    chosen: list[Any] = []

    def choose() -> tuple[dict[str, Any], tuple[int, ...]]:
        twin: Any = _without_memory(name, {})
        if sum(each.numel() for each in twin.parameters()) > largest:
            raise MemoryError(f"over {largest // 10**6} M parameters")
        channels, most = twin.pretrained_cfg["input_size"][0], twin.pretrained_cfg["input_size"][-1]
        for size in (each for each in SIZES if each < most):
            shape = (1, channels, size, size)
            for options in ({}, {"img_size": size}):
                if _takes(name, options, shape):
                    return options, shape
        return {}, (1, channels, most, most)

    def make(device: str) -> nn.Module:
        if not chosen:
            chosen[:] = choose()
        torch.manual_seed(0)
        options = chosen[0]
        return (
            _without_memory(name, options)
            if device == "meta"
            else timm.create_model(name, pretrained=False, **options).eval()
        )

    return Subject(f"timm:{name}", make, lambda model: ((torch.randn(chosen[1]),), {}))


def _takes(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> bool:
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            SHAPES.count(_without_memory(name, options), torch.empty(shape, device="meta"))
    except Exception:
        return False
    return True


def _without_memory(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    return without_memory(lambda: timm.create_model(name, pretrained=False, **options)).eval()


def transformers_subjects() -> Iterator[Subject]:
    for name in ROWS:

        def make(device: str, name: str = name) -> nn.Module:
            torch.manual_seed(0)
            return build_small(name, "small", device)[0]

        yield Subject(
            f"transformers:{name}",
            make,
            lambda model, name=name: ((), inputs(name, "small", "cpu")),
        )


# -- reporting


def explained(name: str, difference: str) -> str:
    """Why it is known to differ, or nothing."""
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
    """Print them; the number of differences that nothing explains."""
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
            f"{source}: {count} models, {rows} rows: as shapes {same} equal the real run, on meta {twins}; "
            f"{fused} have fused attention",
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
                log.print(
                    f"{result.name} {result.seconds} s {result.skipped} {' | '.join(result.differences)}",
                    highlight=False,
                )
                if options.results:
                    with options.results.open("a") as file:
                        file.write(json.dumps(asdict(result)) + "\n")
                gc.collect()
    return bool(shown(results, Console()))


if __name__ == "__main__":
    sys.exit(main())
