"""Inputs of a model, described by their shapes, as in ``1x3x224x224`` and ``ids=1x128:int64``."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..core.errors import InputError, error_text, near
from ..core.names import clean, shortened
from ..core.units import size as in_bytes

_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "bool"),
)

_SHAPE = "write whole numbers, as in 1x3x224x224 or 1,3,224,224"
_MOST = 2**63 - 1
"""The most bytes that torch can describe."""
_SMALL = 2**28
"""The most bytes of whole numbers that are made for a model on the meta device."""


@dataclass(frozen=True)
class Input:
    """The description of an input tensor."""

    name: str | None
    """The parameter of ``forward``. None for the next positional one."""
    shape: tuple[int, ...]
    dtype: torch.dtype | None
    """None for the dtype of the model."""

    def tensor(
        self, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Random values on ``device``. ``dtype`` is used if the description has none.

        Raises ``InputError`` for a tensor that torch cannot make, such as one beyond the memory.
        """
        chosen = self.dtype or dtype
        make = numbers if chosen.is_floating_point or chosen.is_complex else whole_numbers
        size = math.prod(self.shape) * chosen.itemsize
        if torch.device(device).type == "meta" and size > _SMALL:
            return torch.empty(self.shape, dtype=chosen, device=device)
        if torch.device(device).type == "cpu" and size > _memory():
            what = f"it takes {in_bytes(size)}, which is more than the memory of this machine"
            fix = "give smaller sizes, or --device meta, which takes no memory"
            raise InputError(error_text(f"input {self}", what, fix))
        try:
            return make(self.shape, chosen, device)
        except (RuntimeError, NotImplementedError) as error:
            what = f"torch cannot make it on {device}: {str(error).splitlines()[0]}"
            fix = "give smaller sizes or another dtype"
            raise InputError(error_text(f"input {self}", what, fix)) from error

    def __str__(self) -> str:
        """The description, as it is written."""
        return written(self.name, self.shape, self.dtype)


def written(name: str | None, shape: Sequence[int], dtype: torch.dtype | None) -> str:
    """A description of an input, as ``parse`` reads it.

    >>> written("ids", (1, 128), torch.int64), written(None, (), None)
    ('ids=1x128:int64', '()')
    """
    kind = "" if dtype is None else ":" + str(dtype).removeprefix("torch.")
    return f"{name + '=' if name else ''}{'x'.join(map(str, shape)) or '()'}{kind}"


def numbers(shape: Sequence[int], dtype: torch.dtype, device: torch.device | str) -> torch.Tensor:
    """Random numbers around zero."""
    return torch.randn(shape, dtype=dtype, device=device)


def whole_numbers(
    shape: Sequence[int], dtype: torch.dtype, device: torch.device | str
) -> torch.Tensor:
    """Random integers 0 or 1, which are valid ids even for a table of two rows.

    For the meta device they are on the CPU, because code reads the values of ids and masks. Only
    very many of them are on meta.
    """
    place = "cpu" if torch.device(device).type == "meta" else device
    return torch.randint(0, 2, tuple(shape), device=place).to(dtype)


def parse(text: str) -> Input:
    """Read ``[NAME=]SHAPE[:DTYPE]``. Raises ``InputError`` for any other text.

    ``SHAPE`` has commas or the letter x between its sizes. ``()`` is the shape of a scalar.

    >>> parse("ids=1,128:int64")
    Input(name='ids', shape=(1, 128), dtype=torch.int64)
    >>> parse("1x3x224x224").shape, parse("()").shape
    ((1, 3, 224, 224), ())
    """
    front, colon, kind = text.partition(":")
    name, equals, shape = front.rpartition("=")
    if equals and not name.isidentifier():
        raise _wrong(text, f"{name!r} is no name of a parameter", "write NAME=SHAPE or SHAPE")
    sizes = _sizes(text, shape)
    if colon and kind not in _DTYPES:
        close = near(kind, _DTYPES) or ["float32", "int64", "bool"]
        raise _wrong(text, f"no dtype is called {kind!r}", f"use one such as {', '.join(close)}")
    found = Input(name or None, sizes, getattr(torch, kind) if colon else None)
    if math.prod(sizes) * (found.dtype or torch.float64).itemsize > _MOST:
        what = "torch has no tensor of so many elements"
        raise _wrong(text, what, "give smaller sizes")
    return found


def _sizes(text: str, shape: str) -> tuple[int, ...]:
    """The sizes in ``shape``, a part of ``text``."""
    plain = shape.strip()
    if plain == "()":
        return ()
    if plain.startswith("[") and plain.endswith("]"):  # an image in a list of images, as printed
        plain = plain[1:-1]
    numbers = [each.strip() for each in re.split("[,xX\u00d7]", plain.strip("()"))]
    if any(re.fullmatch("-[0-9]+", each) for each in numbers):
        raise _wrong(text, "a size is never negative", _SHAPE)
    if plain.strip("()").endswith(",") and numbers[1:]:  # (3,)
        numbers.pop()
    if not all(re.fullmatch("[0-9]{1,30}", each) for each in numbers):
        raise _wrong(text, f"{shortened(clean(shape), 60)!r} is no shape", _SHAPE)
    return tuple(map(int, numbers))


def _wrong(text: str, what: str, fix: str) -> InputError:
    return InputError(error_text(repr(shortened(clean(text), 60)), what, fix))


def _memory() -> int:
    """The bytes of the machine's memory, or a bound that no machine reaches if it is unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return _MOST
