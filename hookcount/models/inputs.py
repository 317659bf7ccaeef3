"""An input of a model: described by its shape, ``--input 1,3,224,224`` and ``--input ids=1,128:int64``, or given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..core.errors import InputError, near

_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "bool"),
)


@dataclass(frozen=True)
class Input:
    """``name``: the parameter of ``forward`` it goes to, or None for the next one. ``dtype`` None: that of the model."""

    name: str | None
    shape: tuple[int, ...]
    dtype: torch.dtype | None

    def tensor(
        self, device: torch.device | str, dtype: torch.dtype = torch.float32
    ) -> torch.Tensor:
        """Random values on which a model can run, on ``device``; of ``dtype`` where none was given."""
        kind = self.dtype or dtype
        return (numbers if kind.is_floating_point or kind.is_complex else whole_numbers)(
            self.shape, kind, device
        )


def numbers(shape: Sequence[int], dtype: torch.dtype, device: torch.device | str) -> torch.Tensor:
    """Numbers around zero."""
    return torch.randn(shape, dtype=dtype, device=device)


def whole_numbers(
    shape: Sequence[int], dtype: torch.dtype, device: torch.device | str
) -> torch.Tensor:
    """0 or 1, which index even a table of two rows. On the CPU for meta: ids and masks tell code which way to take."""
    place = "cpu" if torch.device(device).type == "meta" else device
    return torch.randint(0, 2, tuple(shape), device=place).to(dtype)


def parse(text: str) -> Input:
    """``[NAME=]SHAPE[:DTYPE]``; raises ``InputError``.

    >>> parse("ids=1,128:int64")
    Input(name='ids', shape=(1, 128), dtype=torch.int64)
    """
    front, colon, kind = text.partition(":")
    name, equals, shape = front.rpartition("=")
    if equals and not name.isidentifier():
        raise _wrong(text, f"{name!r} is no name of a parameter")
    try:
        sizes = tuple(int(number) for number in shape.split(","))
    except ValueError:
        raise _wrong(
            text, f"{shape!r} is no shape; write whole numbers, as in 1,3,224,224"
        ) from None
    if min(sizes) < 0:
        raise _wrong(text, "a size is never negative")
    if colon and kind not in _DTYPES:
        close = near(kind, _DTYPES) or ["float32", "int64", "bool"]
        raise _wrong(text, f"no dtype is called {kind!r}; did you mean {', '.join(close)}?")
    return Input(name or None, sizes, getattr(torch, kind) if colon else None)


def _wrong(text: str, what: str) -> InputError:
    return InputError(f"{text!r}: {what}")
