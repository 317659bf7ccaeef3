"""What a counter remembers while it lives, so that each distinct thing is worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from ...core.trace import Call
from ..opfacts import OpFacts

_META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class Known:
    """What a distinct op call gave. ``again`` makes the result anew; None for a view, which must be made of its input, and for a
    constant, which is computed each time.
    """

    facts: OpFacts
    call: Call
    again: Callable[[], Any] | None
    constant: bool = False


class Memo:
    """``ops``: by op, shapes, strides, dtypes and other arguments, what the call gives. ``calls``: the one ``Call`` for equal
    calls. ``stand_ins``: see ``StandIns``. ``prices``: what a formula said of a call. Each is emptied when it is full.
    """

    def __init__(self, at_most: int = 50_000) -> None:
        self.at_most = at_most
        self.ops: dict[Any, Known] = {}
        self.calls: dict[Any, Call] = {}
        self.stand_ins: dict[Any, nn.Module] = {}
        self.prices: dict[Any, Any] = {}
        self.hits = 0
        self.misses = 0

    def trim(self) -> None:
        """Called between counts."""
        for each in (self.ops, self.calls, self.stand_ins, self.prices):
            if len(each) > self.at_most:
                each.clear()


def recipe(made: Any) -> Callable[[], Any]:
    """Makes an op's result again: its tensors on meta, as they were."""
    if isinstance(made, torch.Tensor):
        return partial(
            torch.empty_strided, tuple(made.shape), made.stride(), dtype=made.dtype, device=_META
        )
    if isinstance(made, (list, tuple)):
        kind, items = type(made), [recipe(item) for item in made]
        return lambda: kind([item() for item in items])
    return lambda: made


def key(value: Any) -> Any:
    """What tells one argument from another: of a tensor shape, strides and dtype; 2 is not 2.0."""
    if isinstance(value, torch.Tensor):
        return (value.shape, value.stride(), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple([key(item) for item in value])
    if isinstance(value, dict):
        return tuple([(name, key(item)) for name, item in value.items()])
    if isinstance(value, (int, float)):
        return (type(value), value if value == value else "nan")
    return value
