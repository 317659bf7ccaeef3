"""Inputs of a model, described by their shapes, as in ``1,3,224,224`` and ``ids=1,128:int64``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..core.errors import InputError, error_text, near

_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "bool"),
)


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
        try:
            return make(self.shape, chosen, device)
        except (RuntimeError, NotImplementedError) as error:
            where = f"input {self.name or ''} {'x'.join(map(str, self.shape))} {chosen}"
            what = f"torch cannot make it on {device}: {str(error).splitlines()[0]}"
            fix = "give smaller sizes or another dtype"
            raise InputError(error_text(where.replace("  ", " "), what, fix)) from error


def numbers(shape: Sequence[int], dtype: torch.dtype, device: torch.device | str) -> torch.Tensor:
    """Random numbers around zero."""
    return torch.randn(shape, dtype=dtype, device=device)


def whole_numbers(
    shape: Sequence[int], dtype: torch.dtype, device: torch.device | str
) -> torch.Tensor:
    """Random integers 0 or 1, which are valid ids even for a table of two rows.

    For the meta device they are on the CPU, because code reads the values of ids and masks.
    """
    place = "cpu" if torch.device(device).type == "meta" else device
    return torch.randint(0, 2, tuple(shape), device=place).to(dtype)


def parse(text: str) -> Input:
    """Read ``[NAME=]SHAPE[:DTYPE]``. Raises ``InputError`` for any other text.

    >>> parse("ids=1,128:int64")
    Input(name='ids', shape=(1, 128), dtype=torch.int64)
    """
    front, colon, kind = text.partition(":")
    name, equals, shape = front.rpartition("=")
    if equals and not name.isidentifier():
        raise _wrong(text, f"{name!r} is no name of a parameter", "write NAME=SHAPE or SHAPE")
    try:
        sizes = tuple(int(number) for number in shape.split(","))
    except ValueError:
        what = f"{shape!r} is no shape"
        raise _wrong(text, what, "write whole numbers, as in 1,3,224,224") from None
    if min(sizes) < 0:
        raise _wrong(text, "a size is never negative", "write whole numbers, as in 1,3,224,224")
    if colon and kind not in _DTYPES:
        close = near(kind, _DTYPES) or ["float32", "int64", "bool"]
        raise _wrong(text, f"no dtype is called {kind!r}", f"use one such as {', '.join(close)}")
    return Input(name or None, sizes, getattr(torch, kind) if colon else None)


def _wrong(text: str, what: str, fix: str) -> InputError:
    return InputError(error_text(repr(text), what, fix))
