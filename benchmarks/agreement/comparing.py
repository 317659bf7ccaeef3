"""A model counted three times, and what differs between the counts."""

from __future__ import annotations

import functools
import gc
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import hookcount
from hookcount.core.errors import DataNeededError
from hookcount.pricing.price import Record

SHAPES, REAL = hookcount.Counter(run="shapes"), hookcount.Counter(run="real")
TWIN, SAME = "on meta", "as shapes"


@dataclass(frozen=True)
class Subject:
    """A model to count.

    ``make(device)`` builds it; on ``"meta"`` it takes no memory. ``inputs`` gives the positional
    and keyword arguments of the real model's forward.
    """

    name: str
    make: Callable[[str], nn.Module]
    inputs: Callable[[nn.Module], tuple[tuple[Any, ...], dict[str, Any]]]


@dataclass(frozen=True)
class Result:
    """The result for one subject. Without ``differences`` its counts are equal.

    ``skipped`` is the error for which the model could not run for real.
    """

    name: str
    rows: int = 0
    macs: int = 0
    params: int = 0
    fused: int = 0
    """How many paths have fused attention."""
    differences: tuple[str, ...] = ()
    skipped: str = ""
    seconds: float = 0.0


def compared(subject: Subject) -> Result:
    start = time.perf_counter()
    try:
        # Only counts run this model, and a count leaves nothing behind. That matters, because some
        # models keep indices of their first forward.
        model = subject.make("cpu")
        args, kwargs = subject.inputs(model)
        expected, told = counted(REAL, model, args, kwargs)
    except Exception as error:
        return Result(subject.name, skipped=_line(error))
    found, also_told = counted(SHAPES, model, args, kwargs)
    del model
    twin: Any
    try:
        twin = counted(SHAPES, subject.make("meta"), _on_meta(args), _on_meta(kwargs))[0]
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
    """Move floating-point tensors to meta. Ids and masks stay: code branches on them."""
    if isinstance(value, torch.Tensor):
        return value.to("meta") if value.is_floating_point() else value
    if isinstance(value, dict):
        return {name: _on_meta(each) for name, each in value.items()}
    return type(value)(map(_on_meta, value)) if isinstance(value, (list, tuple)) else value


def counted(
    counter: hookcount.Counter, model: nn.Module, args: Any, kwargs: Any
) -> tuple[Any, list[str]]:
    """Count the model. Return the report, or the error instead, and the warnings of hookcount.

    Raises the error of a real run.
    """
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
    """Clear the caches of libraries, such as anchors.

    Otherwise the later of two counts would see less work.
    """
    for each in _remembering(len(sys.modules)):
        each.cache_clear()


@functools.lru_cache(maxsize=1)
def _remembering(modules: int) -> list[Any]:
    """The cached functions of the libraries, among all modules imported so far."""
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
    rows, real_rows = set(found.records), set(expected.records)
    if rows != real_rows:
        paths = sorted({each.path for each in rows ^ real_rows})
        shown = "; ".join(
            f"{path or '(model)'}: {_side(rows - real_rows, path)}"
            f" for {_side(real_rows - rows, path)}"
            for path in paths[:3]
        )
        differences.append(f"{way}: {len(paths)} paths: {shown}")
    return differences


def _fused(report: hookcount.Report) -> set[str]:
    """The paths where attention ran as one op."""
    return {
        each.path for each in report.records if each.target.startswith("aten::_scaled_dot_product")
    }


def _side(rows: set[Record], path: str) -> str:
    return (
        ", ".join(
            sorted(f"{each.calls} {each.target} {each.ops}" for each in rows if each.path == path)
        )
        or "nothing"
    )


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:300]}"
