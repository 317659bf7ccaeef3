"""``summary``: a model's layers in a table, as torchinfo has them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from ...conventions import named as convention_named
from ...core.errors import InputError
from ...observe.model import checked
from ...observe.specs import tensors
from ..shared import observed
from ..unfused import unfused
from .layers import layers_called, layers_held
from .statistics import COLUMNS, ROW_SETTINGS, Formatting, ModelStatistics

_MODES = ("train", "eval", "same")
_NEED_INPUT = {"input_size", "output_size", "mult_adds"}


def summary(
    model: nn.Module,
    input_size: Any = None,
    input_data: Any = None,
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
    **kwargs: Any,
) -> ModelStatistics:
    """The rows and totals of torchinfo 1.8.0 for a model, run once without gradients on what ``input_data`` or ``input_size``
    gives; ``kwargs`` are passed to its ``forward``. Without input the model is not run, and the rows are what it holds.

    ``input_data``: a tensor, a list of arguments, or a dict of keyword arguments. ``input_size``: one size or a list of sizes,
    with ``dtypes`` if they are not float; ``batch_dim`` inserts a batch of 1 there. ``mode``: ``"eval"`` (default), ``"train"``,
    or ``"same"`` for the modes that the modules are in; each module's own is put back afterwards. ``verbose``: 0 prints nothing,
    1 (default, but 0 in an interactive session) the table, 2 also the shapes of parameters.

    Where it differs: the model is not moved, so ``device`` must be the one that it is on; an exception of the model's own is
    passed on as it is; where torchinfo refuses a layer's input or output, its size is ``[]``; a pruned weight counts whole in
    ``total_mult_adds``; ``LayerInfo`` does not hold its module.

    Raises ``InputError``, naming the parameter, for values that are not known, for both or no input where one is needed, for
    ``cache_forward_pass``, ``batch_dim`` with ``input_data``, and another ``device``; and what ``hookcount.count`` raises.
    """
    places = checked(model)
    runs = input_data is not None or input_size is not None
    shown = _formatting(col_names, col_width, depth, row_settings, verbose, runs)
    if cache_forward_pass:
        raise _refused(
            "cache_forward_pass",
            cache_forward_pass,
            "nothing is kept between calls",
            "leave it away",
        )
    mode = _one_of("mode", "eval" if mode is None else mode, _MODES)
    where = _device(model, device)
    if not runs:
        return _told(ModelStatistics(layers_held(places.walked), [], 0, shown))
    args, named, sizes = _inputs(input_size, input_data, batch_dim, dtypes, where)
    with torch.no_grad(), _in_mode(model, mode), unfused(places.modules):
        report = observed(
            model, args, {**named, **kwargs}, convention_named("torchinfo"), run="auto"
        )
    # a storage as Python sizes it, its object too: so does torchinfo
    held = sum(sys.getsizeof(tensor.untyped_storage()) for tensor in tensors((args, named)))
    return _told(ModelStatistics(layers_called(report, places.walked), sizes, held, shown))


def _told(found: ModelStatistics) -> ModelStatistics:
    if found.formatting.verbose > 0:
        print(found)
    return found


def _formatting(
    col_names: Iterable[str] | None,
    col_width: int,
    depth: int,
    row_settings: Iterable[str] | None,
    verbose: int | None,
    runs: bool,
) -> Formatting:
    usual = ("output_size", "num_params") if runs else ("num_params",)
    columns = tuple(
        _one_of("col_names", each, tuple(COLUMNS))
        for each in (usual if col_names is None else col_names)
    )
    settings = {
        _one_of("row_settings", each, ROW_SETTINGS)
        for each in (("depth",) if row_settings is None else row_settings)
    }
    if verbose is None:
        verbose = 0 if hasattr(sys, "ps1") else 1
    if verbose not in (0, 1, 2):
        raise _refused("verbose", verbose, "no such level", "use 0, 1 or 2")
    if col_width <= 0:
        raise _refused("col_width", col_width, "no width", "give a positive number of characters")
    if not runs and (asked := _NEED_INPUT.intersection(columns)):
        raise _refused(
            "col_names", sorted(asked)[0], "it needs a run", "give input_size or input_data"
        )
    return Formatting(depth, verbose, columns, col_width, settings)


def _inputs(
    input_size: Any,
    input_data: Any,
    batch_dim: int | None,
    dtypes: Sequence[torch.dtype] | None,
    where: torch.device,
) -> tuple[tuple[Any, ...], dict[str, Any], Any]:
    """Positional and named arguments of the model, and their sizes as torchinfo lists them."""
    if input_size is not None and input_data is not None:
        raise _refused("input_data", "...", "input_size is given too", "give one of them")
    if input_data is None:
        sizes = _sizes(input_size)
        kinds = [torch.float32] * len(sizes) if dtypes is None else list(dtypes)
        if len(kinds) != len(sizes):
            raise _refused(
                "dtypes", dtypes, f"there are {len(sizes)} inputs", "give a dtype for each"
            )
        made = [_random(size, kind, where) for size, kind in zip(sizes, kinds, strict=True)]
        return (
            tuple(each if batch_dim is None else each.unsqueeze(batch_dim) for each in made),
            {},
            sizes,
        )
    if batch_dim is not None:
        raise _refused(
            "batch_dim",
            batch_dim,
            "input_data has its batch already",
            "leave it away, or give input_size",
        )
    if isinstance(input_data, Mapping):
        return (), dict(input_data), _sizes_of(input_data)
    if isinstance(input_data, (list, tuple)):
        return tuple(input_data), {}, _sizes_of(input_data)
    if isinstance(input_data, torch.Tensor):
        return (input_data,), {}, _sizes_of(input_data)
    kind = type(input_data).__name__
    raise _refused(
        "input_data",
        kind,
        "no arguments",
        "give a tensor, a list of arguments or a dict of named ones",
    )


def _sizes(input_size: Any) -> list[Any]:
    """A list of sizes, of one size or of several."""
    several = (
        isinstance(input_size, (list, tuple))
        and input_size
        and isinstance(input_size[0], (list, tuple))
    )
    sizes = list(input_size) if several else [input_size]
    for size in sizes:
        if (
            not isinstance(size, (list, tuple))
            or not size
            or not all(isinstance(each, int) and each > 0 for each in size)
        ):
            raise _refused(
                "input_size",
                input_size,
                "no size",
                "give a tuple of positive ints, or a list of such tuples",
            )
    return sizes if several else [tuple(input_size)] if type(input_size) is list else sizes


def _sizes_of(data: Any) -> Any:
    """``data`` with each tensor replaced by its size."""
    if isinstance(data, torch.Tensor):
        return data.size()
    if isinstance(data, Mapping):
        return {key: _sizes_of(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        items = [_sizes_of(value) for value in data]
        return type(data)._make(items) if hasattr(data, "_make") else type(data)(items)
    return data


def _random(size: Sequence[int], kind: torch.dtype, where: torch.device) -> torch.Tensor:
    """Between 0 and 1, by a generator of its own: the global ones stay as they are."""
    if where.type == "meta":
        return torch.empty(*size, dtype=kind, device=where)
    return torch.rand(*size, generator=torch.Generator().manual_seed(0)).to(where).type(kind)


def _device(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """Where the model is. Raises ``InputError`` if that is not ``device``."""
    found = next((each.device for each in (*model.parameters(), *model.buffers())), None)
    wanted = None if device is None else torch.device(device)
    if found is None or wanted is None:
        return found or wanted or torch.device("cpu")
    if wanted.type != found.type or wanted.index not in (None, found.index):
        raise _refused(
            "device",
            str(device),
            f"the model is on {found} and is not moved",
            "move it yourself, or leave device away",
        )
    return found


@contextmanager
def _in_mode(model: nn.Module, mode: str) -> Iterator[None]:
    """Train or eval mode for the block; afterwards each module has its own again, whatever the model's ``train()`` does."""
    before = [(module, module.training) for module in model.modules()]
    try:
        if mode != "same":
            model.train(mode == "train")
        yield
    finally:
        for module, training in before:
            module.training = training


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _refused(name, value, "not known", f"use {', '.join(map(repr, known))}")
    return str(getattr(value, "value", value))


def _refused(name: str, value: Any, why: str, fix: str) -> InputError:
    return InputError(f"summary({name}={value!r}): {why}. To fix it: {fix}.")
