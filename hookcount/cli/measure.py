"""``hookcount measure MODEL``: the seconds of a model, whole and module by module."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from ..core.errors import HookcountError, error_text, near
from ..models import Built, build
from ..pricing.tree import Node
from ..seconds import data, text
from ..seconds.frame import SECONDS_COLUMNS
from ..seconds.timer import Timer
from ..seconds.timing import Timing
from ..tables.grid import Renderable, grid, stacked
from ..tables.waiting import waiting
from .batches import in_batches, in_dtype
from .counting import raised, shapes, undisturbed, with_inputs
from .destination import Destination
from .options import (
    UsageError,
    add_device,
    add_input,
    add_model,
    add_output,
    duration,
    format_of,
    parser,
    whole,
)
from .parsing import RESULT, RUN, Parser
from .show import write

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = ("float16", "bfloat16", "float32", "float64")
_FORMATS = ("table", "csv", "json", "markdown")
_ORDERS = ("params", "calls", "macs", "flops", *SECONDS_COLUMNS)
_DESCRIPTION = """\
Runs a model for real, with random weights, and shows how long it takes: the
whole and each module.

`hookcount --help` explains MODEL. The model runs in eval mode, in
torch.inference_mode(). The total comes from plain runs. The shares of modules
come from other runs, in which each module is timed."""
_EXAMPLES = """\
examples:
  hookcount measure resnet50
  hookcount measure resnet50 --batch 8 --threads 1 --depth 1
  hookcount measure vit_b_16 --device cuda --dtype bfloat16 --batch 64 --compile
  hookcount measure swin_t --top 10 --format csv --output swin.csv"""


def arguments() -> Parser:
    """The parser for this command."""
    made = parser("hookcount measure", _DESCRIPTION, _EXAMPLES)
    add_model(made)
    add_input(made)
    add_device(
        made,
        "where the model runs: cpu, cuda, cuda:1, mps ... Default: cpu. "
        "Without this option, a factory's model stays where the factory puts it",
    )
    run = made.group(RUN)
    run.add_argument(
        "--batch", type=whole(1), metavar="N", help="samples a forward, of the default input"
    )
    run.add_argument("--dtype", choices=_DTYPES, help="the dtype of the model and of its inputs")
    run.add_argument(
        "--threads", type=whole(1), metavar="N", help="threads of one op. Default: torch's"
    )
    run.add_argument("--compile", action="store_true", help="run torch.compile(MODEL)")
    defaults = Timer()
    run.add_argument(
        "--warmup",
        type=whole(0),
        metavar="N",
        default=defaults.warmup,
        help="at most so many forwards before the timed ones (default: %(default)s)",
    )
    run.add_argument(
        "--repeat",
        type=whole(1),
        metavar="N",
        default=defaults.repeat,
        help="at least so many timed forwards (default: %(default)s)",
    )
    run.add_argument(
        "--min-seconds",
        type=duration,
        metavar="SECONDS",
        default=defaults.min_seconds,
        help="more forwards follow until so much time has passed (default: %(default)s)",
    )
    run.add_argument("--no-modules", action="store_true", help="time only the whole")
    _add_view(made)
    return made


def _add_view(to: Parser) -> None:
    group = to.group(RESULT)
    group.add_argument(
        "--depth", type=whole(0), metavar="N", help="show only modules at most N levels deep"
    )
    group.add_argument(
        "--top", type=whole(1), metavar="N", help="show only N modules: the first by --sort"
    )
    group.add_argument(
        "--sort",
        metavar="COLUMN",
        help=f"one of {', '.join(_ORDERS)}; with --top the default is own_seconds",
    )
    add_output(to, ("tree", *_FORMATS), "tree, or table with --top")


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Measure the model and show the result.

    Raises ``UsageError`` for options that do not fit together.
    """
    form = format_of(options, "table" if options.top else "tree", _FORMATS)
    _check(options, form)
    with undisturbed(), _threads(options.threads):
        built = _built(options)
        timing = _measured(built, options)
        shown = _shown(timing, built, options, form)
    write(shown, destination)


def _check(options: argparse.Namespace, form: str) -> None:
    if form == "tree" and options.top:
        fix = "give --format table, csv, json or markdown"
        raise UsageError(error_text("--top", "a tree has no top rows", fix))
    if options.sort and options.sort not in _ORDERS:
        known = ", ".join(near(options.sort, _ORDERS) or _ORDERS)
        what = f"no column is called {options.sort!r}"
        raise UsageError(error_text("--sort", what, f"use one of {known}"))
    if options.device == torch.device("meta"):
        what = "this device computes nothing"
        raise UsageError(error_text("--device meta", what, "give cpu, or an accelerator"))
    if options.batch and options.input:
        fix = "give the batch as the first size of --input"
        raise UsageError(error_text("--batch", "the inputs are given by --input", fix))


@contextlib.contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Run the block with a number of threads."""
    before = torch.get_num_threads()
    try:
        if number is not None:
            torch.set_num_threads(number)
        yield
    finally:
        if number is not None:
            torch.set_num_threads(before)


def _built(options: argparse.Namespace) -> Built:
    """The model, as the options say."""
    with waiting(f"building {options.model}"):
        made = build(options.model, options.device, real=True, trust=options.trust)
    if options.dtype:
        made.model.to(getattr(torch, options.dtype))
    made = with_inputs(made, options.input)
    if options.dtype:
        made = in_dtype(made, getattr(torch, options.dtype))
    return in_batches(made, options.batch) if options.batch else made


def _measured(built: Built, options: argparse.Namespace) -> Timing:
    timer = Timer(options.warmup, options.repeat, options.min_seconds, not options.no_modules)
    model = cast(nn.Module, torch.compile(built.model)) if options.compile else built.model
    try:
        with torch.inference_mode():  # without a line that is drawn meanwhile and takes time
            return timer.measure(model, *(built.args or ()), **built.kwargs)
    except (HookcountError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise raised(built, error) from error


def _shown(
    timing: Timing, built: Built, options: argparse.Namespace, form: str
) -> str | Renderable:
    if form == "tree":
        order = None if options.sort is None else _order(timing, options.sort)
        return text.tree(timing, built.name, shapes(built), options.depth, order)
    rows = _rows(timing, options)
    if form == "csv":
        return data.csv(timing, rows)
    if form == "json":
        return data.json(timing, rows)
    if form == "markdown":
        return data.markdown(timing, rows)
    shown = grid(data.TITLES, data.NUMBERS)
    for cells in data.cells(rows):
        shown.add_row(*cells)
    above, below = text.above(timing, built.name, shapes(built)), text.below(timing)
    return stacked(*above, shown, *below)


def _rows(timing: Timing, options: argparse.Namespace) -> pd.DataFrame:
    """The rows to show."""
    rows = timing.to_dataframe()
    if options.depth is not None:
        rows = rows[rows["depth"] <= options.depth]
    order = options.sort or ("own_seconds" if options.top else None)
    if order is not None and order in rows.columns:
        rows = rows.sort_values(order, ascending=False, kind="stable", na_position="last")
    return rows.head(options.top) if options.top else rows


def _order(timing: Timing, column: str) -> Callable[[Node], float]:
    """What the siblings of a tree are sorted by."""
    rows = timing.to_dataframe()
    values = dict(zip(rows["path"], rows[column].fillna(0.0), strict=True))
    return lambda node: float(values.get(node.path, 0.0))
