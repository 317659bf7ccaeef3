"""``hookcount MODEL``: one model, module by module."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .. import __version__
from ..analysis.columns import unknown_column
from ..conventions import DEFAULT
from ..core.errors import error_text
from ..render.text import training_step
from .budget import add_limits, baseline, check, has_limits
from .completion import HOW, add_completion
from .counting import check_device, counted, first_line, undisturbed
from .destination import Destination
from .options import (
    TABLES,
    UsageError,
    add_convention,
    add_input,
    add_kind_of_run,
    add_model,
    add_output,
    conventions,
    format_of,
    parser,
    whole,
)
from .parsing import GENERAL, RESULT, STATUS, Parser
from .show import rows_in, write
from .training import add_training, phase_of, phases_of
from .view import View

if TYPE_CHECKING:
    import pandas as pd

    from ..tables.grid import Renderable

_DESCRIPTION = """\
Counts the MACs, FLOPs and parameters of a PyTorch model, module by module.

MODEL is one of
  resnet50                    a model of torchvision
                              (resnet50@IMAGENET1K_V1: as for these weights)
  timm:vit_tiny_patch16_224   a model of timm, if it is installed
  ultralytics:yolo11n         a model of ultralytics, if it is installed; also
  ultralytics:own.yaml        of a YAML file of your own
  hf:path/to/config.json      a model of transformers, if it is installed, from
                              its config or the config's folder: the first of
                              the config's `architectures` that transformers
                              has, else AutoModel
  package.module:factory      the model that `factory` returns: a function
  path/to/file.py:factory     without parameters, a class, or the model itself
  path/to/file.pt2            a program of torch.export
  path/to/file.pt             a model of TorchScript; with --trust, a whole
                              model of torch.save
No weights are downloaded, because a count needs only shapes."""

_EXAMPLES = f"""\
examples:
  hookcount resnet50
  hookcount resnet50 --input 8x3x256x256 --output resnet50.html
  hookcount my_models.py:encoder --input ids=1x128:int64 --max-macs 4.2G
  hookcount resnet50 --training --optimizer adamw

other commands:
  hookcount compare   models side by side, under one convention or several
  hookcount measure   the seconds of a model, whole and module by module
  hookcount size      parameters, buffers and bytes; nothing runs

{STATUS}

{HOW}"""

_FORMS = ("tree", "html", *TABLES)


def arguments() -> Parser:
    """The parser for this command."""
    made = parser("hookcount", _DESCRIPTION, _EXAMPLES)
    made.usage = (
        "hookcount MODEL [options]\n"
        "       hookcount compare MODEL [MODEL ...] [options]\n"
        "       hookcount measure MODEL [options]\n"
        "       hookcount size MODEL [options]"
    )
    add_model(made)
    made.group(GENERAL).add_argument(
        "--version",
        action="version",
        version=f"hookcount {__version__}",
        help="show the version",
    )
    add_completion(made)
    add_input(made)
    add_kind_of_run(made)
    add_training(made)
    add_convention(
        made,
        "count as that tool or text does; with several, a row for each. Default: hookcount's own.",
    )
    _add_view(made)
    add_output(made, _FORMS, "tree, or table with --top")
    add_limits(made)
    return made


def _add_view(to: Parser) -> None:
    group = to.group(RESULT)
    group.add_argument(
        "--depth",
        type=whole(0),
        metavar="N",
        help="show modules down to N levels (default in a tree: as many as fit on a screen)",
    )
    group.add_argument(
        "--full", action="store_true", help="show each module of a tree, also equal ones"
    )
    group.add_argument(
        "--top",
        type=whole(1),
        metavar="N",
        help="show only N modules: the first by --sort, or those with most MACs of their own",
    )
    group.add_argument(
        "--sort",
        metavar="COLUMN",
        help="sort by a column of the table, such as macs, params or path; with --training also "
        "backward_macs, own_backward_macs, recompute_macs or optimizer_flops",
    )


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Count the model and show the result.

    Raises ``UsageError`` for options that do not fit together, and ``BudgetError`` for a limit.
    """
    form = format_of(options, "table" if options.top else "tree", _FORMS)
    if form not in ("tree", "html") and options.full:
        fix = "omit it: this format has each module, unless --depth or --top is given"
        raise UsageError(error_text("--full", f"the format is {form}, not a tree", fix))
    if form == "tree" and options.top:
        fix = "give --format table, csv, json, markdown, excel or parquet"
        raise UsageError(error_text("--top", "a tree has no top rows", fix))
    if form in ("latex", "html") and (options.top or options.sort):
        what = f"a {'page' if form == 'html' else 'LaTeX table'} has the modules in their order"
        raise UsageError(error_text(f"--format {form}", what, "omit --top and --sort"))
    view = View(form, options.depth, options.full, options.top, options.sort, options.training)
    if options.sort is not None and options.sort not in view.orders():
        raise UsageError(unknown_column("--sort", options.sort, view.orders(), "add --training"))
    check_device(options)
    shown: str | bytes | Renderable
    with undisturbed():
        under = (DEFAULT,) if options.convention is None else conventions(options.convention)
        if len(under) > 1:
            _refuse_rows_of_modules(options, form)
        old = baseline(options, under[0].name, phases_of(options))
        built, report = counted(options.model, options)
        title, report = first_line(built), phase_of(report, options)
        if len(under) == 1:
            report = report.under(under[0])
            shown = view.of(report, title, built.name, old)
        else:
            title = "\n".join(filter(None, (title, training_step(report.priced))))
            shown = rows_in(form, _figures(report.by_convention(under), form), title)
    write(shown, destination)
    check(options, report.priced, old)


def _refuse_rows_of_modules(options: argparse.Namespace, form: str) -> None:
    if form == "html":
        what = "a page is for one convention"
        fix = "name one convention, or give --format csv, json, markdown, excel or parquet"
        raise UsageError(error_text(f"--convention {options.convention}", what, fix))
    if options.depth is not None or options.full or options.top or options.sort:
        what = "each row is a convention, not a module"
        fix = "omit --depth, --full, --top and --sort"
        raise UsageError(error_text(f"--convention {options.convention}", what, fix))
    if has_limits(options):
        what = "a limit is for one convention"
        fix = "name one convention, or omit the limits"
        raise UsageError(error_text(f"--convention {options.convention}", what, fix))


def _figures(rows: pd.DataFrame, form: str) -> pd.DataFrame:
    """Rows of figures. For people, digits are in groups of three."""
    if form in ("csv", "json", "excel", "parquet"):
        return rows
    return rows.assign(
        figure=["-" if each is None else f"{each:,}" for each in rows["figure"]],
        exact=rows["exact"].map({True: "yes", False: ""}),
    )
