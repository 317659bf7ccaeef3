"""``hookcount compare MODEL [MODEL ...]``: models side by side, under one convention or several."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..comparison import compare
from ..core.errors import error_text
from ..core.names import clean
from ..render.page.compared import compared
from ..render.paper import paper_of_models
from ..tables.grid import stacked, table
from .counting import check_device, counted, undisturbed
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
)
from .parsing import Parser
from .show import rows_in, write
from .training import add_training, phase_of

if TYPE_CHECKING:
    import pandas as pd

_DESCRIPTION = """\
Counts models and shows them side by side. Each model has a row: its parameters,
and its figure under each convention. In a narrow terminal it may be a column.

`hookcount --help` explains MODEL. Each model runs on its default input, or all
run on --input."""

_FORMS = (*TABLES, "html")


_EXAMPLES = """\
examples:
  hookcount compare resnet50 vit_b_16
  hookcount compare resnet50 vit_b_16 --convention default,thop,fvcore
  hookcount compare resnet50 timm:resnet50 --input 1x3x256x256 --output two.csv"""


def arguments() -> Parser:
    """The parser for this command."""
    made = parser("hookcount compare", _DESCRIPTION, _EXAMPLES)
    made.usage = "hookcount compare MODEL [MODEL ...] [options]"
    add_model(made, several=True)
    add_input(made)
    add_kind_of_run(made)
    add_training(made)
    add_convention(
        made, "count under these conventions, a column for each. Default: hookcount's own."
    )
    add_output(made, _FORMS, "table")
    return made


def work(options: argparse.Namespace, destination: Destination) -> None:
    """Count all models and show them.

    Raises ``UsageError`` for a model that is given twice.
    """
    form = format_of(options, "table", _FORMS)
    check_device(options)
    twice = next((name for name in options.models if options.models.count(name) > 1), None)
    if twice is not None:
        raise UsageError(error_text("MODEL", f"{twice} is given twice", "give each model once"))
    with undisturbed():
        under = conventions(options.convention or "default")
        reports = {name: phase_of(counted(name, options)[1], options) for name in options.models}
        rows = compare(reports, under)
    if form == "html":
        write(compared(rows), destination)
    elif form == "latex":
        destination.write(paper_of_models(rows))
    elif form == "table":
        shown = table(_titled(rows).drop(columns="error", errors="ignore"), turned=True)
        write(stacked(shown, *_errors(rows)), destination)
    else:
        titled = _titled(rows) if form == "markdown" else _with_units(rows)
        write(rows_in(form, titled, ""), destination)


def _titled(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows for people: titles have units, and ``uncounted`` is dropped if it is zero everywhere."""
    shown = rows if rows["uncounted"].any() else rows.drop(columns="uncounted")
    return shown.rename(
        columns={name: f"{name} ({unit})" for name, unit in rows.attrs["units"].items()}
    )


def _errors(rows: pd.DataFrame) -> list[str]:
    """The formulas that failed, a line for each model."""
    found = rows.get("error", [""] * len(rows))
    return [
        clean(f"{model}: {error}")
        for model, error in zip(rows["model"], found, strict=True)
        if error
    ]


def _with_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows for programs: after each figure there is a column with its unit."""
    names = [
        each
        for name in rows.columns
        for each in (name, *([f"{name}_unit"] if name in rows.attrs["units"] else []))
    ]
    units = {f"{name}_unit": unit for name, unit in rows.attrs["units"].items()}
    return rows.assign(**units)[names]
