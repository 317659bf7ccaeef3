"""``summary``: the layers of a model in a table, as in torchinfo."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from ...conventions import named as convention_named
from ...core.errors import InputError
from ...observe.model import checked
from ...observe.specs import tensors
from ..counting import keeping_modes, observed
from ..shared import mapped, one_of, refused
from ..unfused import unfused
from .layers import layers_called, layers_held
from .statistics import COLUMNS, ROW_SETTINGS, Formatting, ModelStatistics

_MODES = ("train", "eval", "same")
_NEED_INPUT = {"input_size", "output_size", "mult_adds"}

Size = Sequence[int]
Sizes = Size | Sequence[Size]
"""The shape of one input, or the shapes of several."""


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
    - An exception of the model is raised as it is.
    - If torchinfo refuses the input or output of a layer, the size of this layer is ``[]`` here.
    - A pruned weight counts whole in ``total_mult_adds``.
    - ``LayerInfo`` does not hold its module.

    Raises ``InputError`` with the name of the parameter:

    - for a value that does not exist;
    - for both inputs, or for no input with columns that need one;
    - for ``cache_forward_pass``, for ``batch_dim`` with ``input_data``, and for another ``device``.

    Raises the errors of ``hookcount.count`` too.
    """
    module_tree = checked(model)
    runs = input_data is not None or input_size is not None
    shown = _formatting(col_names, col_width, depth, row_settings, verbose, runs)
    if cache_forward_pass:
        what = "no forward pass is kept between calls"
        raise _refused("cache_forward_pass", cache_forward_pass, what, "leave it out")
    mode = _one_of("mode", "eval" if mode is None else mode, _MODES)
    where = _device(model, device)
    if not runs:
        return _printed(ModelStatistics(layers_held(module_tree.walked), [], 0, shown))
    args, named, sizes = _inputs(input_size, input_data, batch_dim, dtypes, where)
    with torch.no_grad(), _in_mode(model, mode), unfused(module_tree.modules):
        report = observed(
            model, args, {**named, **kwargs}, convention_named("torchinfo"), run="auto"
        )
    # as in torchinfo, the size of a storage includes its Python object
    held = sum(sys.getsizeof(tensor.untyped_storage()) for tensor in tensors((args, named)))
    return _printed(ModelStatistics(layers_called(report, module_tree.walked), sizes, held, shown))


def _printed(found: ModelStatistics) -> ModelStatistics:
    """The statistics, after they are printed if ``verbose`` says so."""
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
        raise _refused("verbose", verbose, "there is no such level", "use 0, 1 or 2")
    if col_width <= 0:
        fix = "give a positive number of characters"
        raise _refused("col_width", col_width, "this is no width", fix)
    if not runs and (needing := _NEED_INPUT.intersection(columns)):
        what, fix = "this column needs a run", "give input_size or input_data"
        raise _refused("col_names", min(needing), what, fix)
    return Formatting(depth, verbose, columns, col_width, settings)


def _inputs(
    input_size: Sizes | None,
    input_data: object,
    batch_dim: int | None,
    dtypes: Sequence[torch.dtype] | None,
    where: torch.device,
) -> tuple[tuple[object, ...], dict[str, object], object]:
    """Positional and keyword arguments of the model, and their sizes as torchinfo lists them."""
    if input_size is not None and input_data is not None:
        raise _refused("input_data", "...", "input_size is given too", "give one of them")
    if input_data is None:
        sizes = _sizes(input_size)
        made = [_random(*each, where) for each in zip(sizes, _dtypes(dtypes, sizes), strict=True)]
        if batch_dim is not None:
            made = [each.unsqueeze(batch_dim) for each in made]
        return tuple(made), {}, sizes
    if batch_dim is not None:
        what, fix = "input_data has its batch already", "leave it out, or give input_size"
        raise _refused("batch_dim", batch_dim, what, fix)
    if isinstance(input_data, Mapping):
        return (), dict(input_data), _sizes_of(input_data)
    if isinstance(input_data, (list, tuple)):
        return tuple(input_data), {}, _sizes_of(input_data)
    if isinstance(input_data, torch.Tensor):
        return (input_data,), {}, _sizes_of(input_data)
    fix = "give a tensor, a list of arguments or a dict of keyword arguments"
    raise _refused("input_data", type(input_data).__name__, "this is no argument", fix)


def _sizes(input_size: object) -> list[Size]:
    """The sizes in ``input_size``, which is one size or a list of several."""
    if isinstance(input_size, (list, tuple)) and isinstance(
        next(iter(input_size), None), (list, tuple)
    ):
        return [_size(each, input_size) for each in input_size]
    size = _size(input_size, input_size)
    return [tuple(size) if type(size) is list else size]


def _size(value: object, input_size: object) -> Size:
    """``value``, if it is a shape of positive ints. Raises ``InputError`` for any other value."""
    items = value if isinstance(value, (list, tuple)) else ()
    if items and all(isinstance(each, int) and each > 0 for each in items):
        return items
    fix = "give a tuple of positive ints, or a list of such tuples"
    raise _refused("input_size", input_size, "this is no size", fix)


def _dtypes(dtypes: Sequence[torch.dtype] | None, sizes: list[Size]) -> list[torch.dtype]:
    """A dtype for each input. Raises ``InputError`` for another number of dtypes."""
    found = [torch.float32] * len(sizes) if dtypes is None else list(dtypes)
    if len(found) != len(sizes):
        raise _refused("dtypes", dtypes, f"there are {len(sizes)} inputs", "give a dtype for each")
    return found


def _sizes_of(data: object) -> object:
    """``data`` with the size of each tensor in its place."""
    return mapped(data, lambda each: each.size() if isinstance(each, torch.Tensor) else each)


def _random(size: Size, dtype: torch.dtype, where: torch.device) -> torch.Tensor:
    """An input between 0 and 1, from its own generator: the global ones do not change."""
    if where.type == "meta":
        return torch.empty(*size, dtype=dtype, device=where)
    return torch.rand(*size, generator=torch.Generator().manual_seed(0)).to(where).type(dtype)


def _device(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """The device of the model. Raises ``InputError`` if ``device`` is another one."""
    found = next((each.device for each in (*model.parameters(), *model.buffers())), None)
    wanted = None if device is None else torch.device(device)
    if found is None or wanted is None:
        return found or wanted or torch.device("cpu")
    if wanted.type != found.type or wanted.index not in (None, found.index):
        what = f"the model is on {found} and is not moved"
        raise _refused("device", str(device), what, "move it yourself, or leave device out")
    return found


@contextmanager
def _in_mode(model: nn.Module, mode: str) -> Iterator[None]:
    """Train or eval mode for the block. Afterwards each module has its own mode again."""
    with keeping_modes(model):
        if mode != "same":
            model.train(mode == "train")
        yield


def _one_of(name: str, value: object, options: Sequence[str]) -> str:
    return one_of(f"summary({name}={value!r})", value, options)


def _refused(name: str, value: object, what: str, fix: str) -> InputError:
    return refused(f"summary({name}={value!r})", what, fix)
