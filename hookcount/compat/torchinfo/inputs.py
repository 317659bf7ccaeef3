"""The inputs of ``torchinfo.summary``: those given, or random ones of the given sizes."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any

import torch
from torch import nn

from ...core.errors import InputError
from ...core.integers import as_int
from ...observe.contained import tensors
from ..shared import mapped, refused
from .errors import NoSizeError, TwoInputsError

Size = Sequence[int]
Sizes = Size | Sequence[Size]
"""The shape of one input, or the shapes of several."""


def refuse(name: str, value: object, what: str, fix: str) -> InputError:
    """The error for the value of a parameter of ``summary``."""
    return refused(f"summary({name}={value!r})", what, fix)


def inputs_of(
    input_size: Sizes | None,
    input_data: object,
    batch_dim: int | None,
    dtypes: Sequence[torch.dtype] | None,
    where: torch.device,
) -> tuple[tuple[object, ...], dict[str, object], object]:
    """Positional and keyword arguments of the model, and their sizes as torchinfo lists them."""
    if input_size is not None and input_data is not None:
        raise TwoInputsError(
            str(refuse("input_data", "...", "input_size is given too", "give one of them"))
        )
    if input_data is None:
        sizes = _sizes(input_size)
        made = [_random(*each, where) for each in zip(sizes, _dtypes(dtypes, sizes), strict=True)]
        if batch_dim is not None:
            made = [each.unsqueeze(batch_dim) for each in made]
        return tuple(made), {}, sizes
    if isinstance(input_data, Mapping):
        return (), dict(input_data), _sizes_of(input_data)
    if isinstance(input_data, (list, tuple)):
        return tuple(input_data), {}, _sizes_of(input_data)
    if _is_data(input_data):
        return (input_data,), {}, _sizes_of(input_data)
    fix = "give a tensor, an array, a list of arguments or a dict of keyword arguments"
    raise refuse("input_data", type(input_data).__name__, "this is no argument", fix)


def bytes_of(args: tuple[object, ...], kwargs: Mapping[str, object]) -> float:
    """The bytes of all inputs. As in torchinfo, those of the storages' Python objects count too.

    So does a number among the inputs: torchinfo adds it as it is. The result is a float then, if
    the number is one.
    """
    arrays: list[torch.Tensor] = []
    numbers: list[Any] = []

    def note(value: object) -> object:
        if _is_array(value):
            arrays.append(_tensor(value))
        elif isinstance(value, Number):
            numbers.append(value)
        elif isinstance(value, torch.Size):
            numbers.extend(value)
        return value

    mapped((args, dict(kwargs)), note)
    held = (*arrays, *tensors((args, kwargs)))
    found: float = sum(numbers)
    return found + sum(sys.getsizeof(each.untyped_storage()) for each in held)


def device_of(model: nn.Module, device: torch.device | str | None) -> torch.device:
    """The device of the model. Raises ``InputError`` if ``device`` is another one."""
    found = next((each.device for each in (*model.parameters(), *model.buffers())), None)
    wanted = None if device is None else torch.device(device)
    if found is None or wanted is None:
        return found or wanted or torch.device("cpu")
    if wanted.type != found.type or wanted.index not in (None, found.index):
        what = f"the model is on {found} and is not moved"
        raise refuse("device", str(device), what, "move it yourself, or leave device out")
    return found


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")  # no array exists before
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_data(value: object) -> bool:
    return isinstance(value, torch.Tensor) or _is_array(value)


def _tensor(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else torch.from_numpy(value)


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
    fix = "give a tuple of positive ints, or a list of such tuples"
    error = refuse("input_size", input_size, "this is no size", fix)
    if not isinstance(value, (list, tuple)):
        raise NoSizeError(str(error))
    items: list[Any] = list(map(as_int, value))
    if not all(isinstance(each, int) for each in items):
        raise NoSizeError(str(error))
    if not items or min(items) <= 0:
        raise error
    return value


def _dtypes(dtypes: Sequence[Any] | None, sizes: list[Size]) -> list[torch.dtype]:
    """A dtype for each input, also of ``torch.LongTensor``. Raises ``InputError`` for too few."""
    found = [torch.float32] * len(sizes) if dtypes is None else list(dtypes)
    if len(found) != len(sizes):
        raise refuse("dtypes", dtypes, f"there are {len(sizes)} inputs", "give a dtype for each")
    return [getattr(each, "dtype", each) for each in found]


def _sizes_of(data: object) -> object:
    """``data`` with the size of each tensor in its place."""
    return mapped(data, lambda each: _tensor(each).size() if _is_data(each) else each)


def _random(size: Size, dtype: torch.dtype, where: torch.device) -> torch.Tensor:
    """An input between 0 and 1, from its own generator: the global ones do not change."""
    if where.type == "meta":
        return torch.empty(*size, dtype=dtype, device=where)
    return torch.rand(*size, generator=torch.Generator().manual_seed(0)).to(where).type(dtype)
