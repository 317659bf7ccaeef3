"""``summary``: the layers of a model in a table, as in torchinfo."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TypeVar

import torch
from torch import nn

from ...conventions import named as convention_named
from ...core.errors import HookcountError, InputError
from ...observe.model import checked
from ..counting import keeping_modes, observed
from ..initialised import has_lazy, initialised
from ..shared import one_of
from ..unfused import unfused
from .enums import ColumnSettings, Mode, RowSettings, Verbosity
from .errors import FailedRunError
from .formatting import FormattingOptions
from .inputs import Sizes, bytes_of, device_of, inputs_of, refuse
from .layer_info import LayerInfo
from .model_statistics import ModelStatistics
from .rows import rows_called, rows_held, spots_of

_NEED_INPUT = {
    ColumnSettings.INPUT_SIZE,
    ColumnSettings.OUTPUT_SIZE,
    ColumnSettings.MULT_ADDS,
}
E = TypeVar("E", bound=Enum)


def summary(
    model: nn.Module,
    input_size: Sizes | None = None,
    input_data: object = None,
    batch_dim: int | None = None,
    cache_forward_pass: bool | None = None,
    col_names: Iterable[str] | None = None,
    col_width: int = 25,
    depth: int = 3,
    device: torch.device | str | None = None,
    dtypes: Sequence[torch.dtype] | None = None,
    mode: str | None = None,
    row_settings: Iterable[str] | None = None,
    verbose: int | None = None,
    **kwargs: object,
) -> ModelStatistics:
    """The rows and totals of torchinfo 1.8.0 for a model.

    The model runs once without gradients, on ``input_data`` or on inputs of ``input_size``.
    ``kwargs`` are passed to its ``forward``. Without input, the model does not run. The rows are
    then the modules that it contains.

    ``input_data``: a tensor, a list of arguments, or a dict of keyword arguments. ``input_size``:
    one shape or a list of shapes. ``dtypes`` has a dtype for each shape (default: float32).
    ``batch_dim`` inserts a batch of 1 at that axis.

    ``mode``: ``"eval"`` (default), ``"train"``, or ``"same"`` for the current modes of the modules.
    Afterwards each module has its own mode again.

    ``verbose``: 0 prints nothing, 1 prints the table, 2 prints the shapes of parameters too. The
    default is 1, and 0 in an interactive session.

    The differences from torchinfo:

    - The model is not moved, so ``device`` must be the device of the model.
    - Lazy parameters get their shapes on a copy. The model keeps them.
    - Nothing is kept between calls. ``cache_forward_pass`` changes nothing.
    - ``output_size`` is that of ``forward``, also if a hook of yours returns another output.
    - Inputs in half precision give no warning.

    Modules of TorchScript come first, without sizes and MACs, as in torchinfo.

    Raises ``InputError``, which names the parameter, for a value that does not exist, for both
    inputs, for no input with columns that need one, and for another ``device``. This is a
    ``TypeError`` for an ``input_size`` that is no size, and a ``RuntimeError`` for both inputs.

    Raises a ``RuntimeError`` if the model raises an exception, or if the output of a module is
    neither a tensor, an array, None, nor a list, tuple or dict. Raises the errors of
    ``hookcount.count`` too.
    """
    runs = input_data is not None or input_size is not None
    shown = _formatting(col_names, col_width, depth, row_settings, verbose, runs)
    mode = _one_of("mode", Mode.EVAL if mode is None else mode, Mode)
    if not has_lazy(model):
        checked(model)
    where = device_of(model, device)
    if not runs:
        return _printed(ModelStatistics(rows_held(spots_of(model)), [], None, shown))
    args, named, sizes = inputs_of(input_size, input_data, batch_dim, dtypes, where)
    held = bytes_of(args, named)
    rows = _rows_of_a_run(model, args, {**named, **kwargs}, mode, batch_dim)
    return _printed(ModelStatistics(rows, sizes, held, shown))


def clear_cached_forward_pass() -> None:
    """Nothing: no forward pass is kept between calls."""


def _rows_of_a_run(
    model: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
    mode: Mode,
    batch_dim: int | None,
) -> list[LayerInfo]:
    try:
        model = initialised(model, args, kwargs)
        tree = checked(model)
        with torch.no_grad(), _in_mode(model, mode), unfused(tree.modules):
            report = observed(model, args, kwargs, convention_named("torchinfo"), run="auto")
    except InputError as error:  # the model raised it, or an exception that it explains
        raise FailedRunError(str(error)) from error.__cause__ or error
    except (HookcountError, RuntimeError):
        raise
    except Exception as error:
        what = f"the model raised {type(error).__name__}: {error}"
        raise FailedRunError(what) from error
    runs = report.priced.trace.runs
    return rows_called(spots_of(model), runs, dict(tree.walked), batch_dim)


def _printed(found: ModelStatistics) -> ModelStatistics:
    """The statistics, after they are printed if ``verbose`` says so."""
    if found.formatting.verbose > Verbosity.QUIET:
        print(found)
    return found


def _formatting(
    col_names: Iterable[str] | None,
    col_width: int,
    depth: int,
    row_settings: Iterable[str] | None,
    verbose: int | None,
    runs: bool,
) -> FormattingOptions:
    if col_names is None:
        col_names = ("output_size", "num_params") if runs else ("num_params",)
    columns = tuple(_one_of("col_names", each, ColumnSettings) for each in col_names)
    settings = {
        _one_of("row_settings", each, RowSettings)
        for each in ((RowSettings.DEPTH,) if row_settings is None else row_settings)
    }
    if verbose is None:
        verbose = Verbosity.QUIET if getattr(sys, "ps1", "") else Verbosity.DEFAULT
    if verbose not in tuple(Verbosity):
        raise refuse("verbose", verbose, "there is no such level", "use 0, 1 or 2")
    if col_width <= 0:
        fix = "give a positive number of characters"
        raise refuse("col_width", col_width, "this is no width", fix)
    if not runs and (needing := _NEED_INPUT.intersection(columns)):
        what, fix = "this column needs a run", "give input_size or input_data"
        raise refuse("col_names", min(each.value for each in needing), what, fix)
    return FormattingOptions(depth, verbose, columns, col_width, settings)


@contextmanager
def _in_mode(model: nn.Module, mode: Mode) -> Iterator[None]:
    """Train or eval mode for the block. Afterwards each module has its own mode again."""
    with keeping_modes(model):
        if mode is not Mode.SAME:
            model.train(mode is Mode.TRAIN)
        yield


def _one_of(name: str, value: str, members: type[E]) -> E:
    """The member of an enum that equals ``value``. Raises ``InputError`` for any other value."""
    values = [str(each.value) for each in members]
    return members(one_of(f"summary({name}={str(value)!r})", value, values))
