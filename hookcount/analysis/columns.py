"""The columns of a table of modules, and the error for a column that is not there."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.errors import InputError, error_text, near
from ..pricing.step import StepWork

MODULE_COLUMNS = [
    "path",
    "type",
    "depth",
    "calls",
    "params",
    "trainable_params",
    "param_bytes",
    "own_params",
    "own_macs",
    "own_flops",
    "macs",
    "flops",
    "own_figure",
    "figure",
    "macs_share",
    "input_shapes",
    "output_shapes",
    "output_bytes",
    "uncounted",
]


STEP_COLUMNS = list(StepWork._fields)
"""Columns of a training step. Those without ``own_`` include the modules beneath."""


def columns_of(step: bool) -> list[str]:
    """The columns of a count. ``step``: whether a training step is counted."""
    return [*MODULE_COLUMNS, *(STEP_COLUMNS if step else [])]


def unknown_column(
    option: str, name: object, known: Iterable[str], fix: str, kind: str = "column"
) -> str:
    """The error text for a column that is not among those that are ``known``.

    ``fix``: how to count a training step, which has more columns.
    """
    if name in STEP_COLUMNS:
        what = f"{name!r} is a column of a training step, and none was counted"
        return error_text(option, what, fix)
    known = list(known)
    use = ", ".join(near(str(name), known) or known)
    return error_text(option, f"no {kind} is called {name!r}", f"use one of {use}")


def check_column(option: str, name: object, known: Iterable[str], kind: str = "column") -> None:
    """Raise ``InputError`` for a column that is not among those that are ``known``."""
    known = list(known)
    if name not in known:
        fix = "count one: hookcount.Training().count(model, ...)"
        raise InputError(unknown_column(option, name, known, fix, kind))
