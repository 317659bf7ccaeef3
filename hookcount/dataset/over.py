"""Counts every item of a data set, each distinct input once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol

import torch
from torch import nn

from ..core.arguments import arguments
from ..core.errors import HookcountError, InputError, ItemError, error_text, note, notes_of, said
from ..core.integers import as_int
from ..report import Report
from ..tables.progress import progress
from .counts import Args, Counts, Kwargs
from .items import Item
from .report import DataSetReport

Inputs = Callable[[Any], object]
"""Gives the input of an item: a tensor, a tuple of arguments or a dict of keyword arguments."""


class Measures(Protocol):
    """Makes the item of a count, and times it if it is to be timed."""

    def __call__(self, index: int, args: Args, kwargs: Kwargs, report: Report) -> Item: ...


def counted(index: int, args: Args, kwargs: Kwargs, report: Report) -> Item:
    """An item that is not timed."""
    return Item(index, shapes_of(report), report)


def shapes_of(report: Report) -> str:
    """The shapes of a count's input, as text."""
    return ", ".join(report.tree.inputs)


def over(
    batches: Iterable[object],
    n: int | None,
    inputs: Inputs | None,
    model: nn.Module,
    count: Callable[[Args, Kwargs], Report],
    measure: Measures = counted,
) -> DataSetReport:
    """Count the items of ``batches``, at most ``n`` of them.

    Raises ``InputError`` for a bad option and for a data set without items. Raises ``ItemError`` if
    an item fails.
    """
    length, limit = _checked(batches, n, inputs)
    counts = Counts(model, count)
    items: list[Item] = []
    try:
        with progress("counting", length) as step:
            for batch in islice(batches, limit):
                args, kwargs = arguments_of(batch, inputs)
                items.append(measure(len(items), args, kwargs, counts.of(args, kwargs)))
                step()
    except Exception as error:
        raise _of_item(error, items) from error
    except BaseException as error:  # Ctrl-C
        if items:
            with suppress(Exception):  # a class of exceptions may take no attributes
                vars(error)["result"] = DataSetReport(tuple(items))
                note(
                    error,
                    f"hookcount: .result of this exception has the {len(items)} items before.",
                )
        raise
    if not items:
        fix = "give a data set with items; a generator that was used before is empty"
        raise InputError(error_text("over(model, batches)", "batches has no item", fix))
    return DataSetReport(tuple(items))


def arguments_of(
    batch: object, inputs: Inputs | None, where: str = "over(model, batches)"
) -> tuple[Args, Kwargs]:
    """What the forward takes of an item. Raises ``InputError`` for an item that is no input."""
    if inputs is not None:
        return arguments("the result of inputs(item)", inputs(batch))
    if isinstance(batch, list):
        what = f"the item is a list of {len(batch)}"
        fix = "say what forward takes: inputs=lambda batch: batch[0] for pairs of images and labels"
        raise InputError(error_text(where, what, fix))
    return arguments(where, batch)


def _checked(batches: object, n: object, inputs: object) -> tuple[int | None, int | None]:
    """The number of items that will be counted, if it is known, and the most of them."""
    where = "over(model, batches)"
    if isinstance(batches, (torch.Tensor, Mapping)):
        fix = "give a list of inputs: over(model, [x])"
        raise InputError(error_text(where, "batches is one input, not several", fix))
    if isinstance(batches, (str, bytes)) or not isinstance(batches, Iterable):
        what = f"batches is of type {type(batches).__name__}"
        raise InputError(error_text(where, what, "give a list, a DataLoader or a generator"))
    limit: int | None = min(n, sys.maxsize) if type(n) is int else as_int(n)
    if n is not None and (type(limit) is not int or limit < 1):
        raise InputError(
            error_text(where, f"n is {n!r}", "give the most items to count, at least 1")
        )
    if inputs is not None and not callable(inputs):
        what = f"inputs is of type {type(inputs).__name__}"
        fix = "give a function: inputs=lambda batch: batch[0]"
        raise InputError(error_text(where, what, fix))
    try:
        length = len(batches)  # type: ignore[arg-type]
    except Exception:  # a generator; the loader of a stream
        return limit, limit
    return (length if limit is None else min(length, limit)), limit


def _of_item(error: Exception, items: list[Item]) -> ItemError:
    """The error of the item after ``items``. It holds their result."""
    done = len(items)
    before = f"; this error's .result has the {_several(done)} before it" if done else ""
    text = f"item {done} of the data set{before}: {error}"
    if not isinstance(error, HookcountError):
        fix = "mend or skip this item; inputs=lambda batch: ... gives what forward takes"
        what = f"{said(error)}{before}{notes_of(error)}"
        text = error_text(f"item {done} of the data set", what, fix)
    return ItemError(text, DataSetReport(tuple(items)) if items else None)


def _several(items: int) -> str:
    return f"{items} items" if items != 1 else "item"
