"""``--input 1,3,224,224`` and ``--input ids=1,128:int64``: an input of a model, described by its shape."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import torch

from .factories import near

_DTYPES = (
    *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "bool"),
)


@dataclass(frozen=True)
class Input:
    """``name``: the parameter of ``forward`` it goes to, or None for the next one."""

    name: str | None
    shape: tuple[int, ...]
    dtype: torch.dtype

    def tensor(self, device: torch.device | str) -> torch.Tensor:
        """Random values on which a model can run: integers that index even a table of two rows, numbers around zero."""
        if self.dtype.is_floating_point or self.dtype.is_complex:
            return torch.randn(self.shape, dtype=self.dtype, device=device)
        return torch.randint(0, 2, self.shape, device=device).to(self.dtype)


def parse(text: str) -> Input:
    """``[NAME=]SHAPE[:DTYPE]``; raises what argparse tells.

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
        raise _wrong(text, f"{shape!r} is no shape; write whole numbers, as in 1,3,224,224") from None
    if min(sizes) < 0:
        raise _wrong(text, "a size is never negative")
    if colon and kind not in _DTYPES:
        close = near(kind, _DTYPES) or ["float32", "int64", "bool"]
        raise _wrong(text, f"no dtype is called {kind!r}; did you mean {', '.join(close)}?")
    return Input(name or None, sizes, getattr(torch, kind) if colon else torch.get_default_dtype())


def _wrong(text: str, what: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r}: {what}")
