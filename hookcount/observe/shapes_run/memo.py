"""``Memo`` holds the results that a counter reuses, so that each distinct call is computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from ...core.lifetimes import lasts
from ...core.ops import Ops
from ...core.trace import Call
from ...rules.registry import Entry
from ..opfacts import OpFacts
from ..values import Key
from .paths import Path

_META = torch.device("meta")
PLAIN = frozenset(
    (
        bool,
        float,
        str,
        bytes,
        complex,
        torch.dtype,
        torch.device,
        torch.layout,
        torch.memory_format,
    )
)
"""Kinds of arguments that compare by value and refer to nothing."""


Prices = dict[tuple[int, int], tuple[Call, Entry, Ops | None]]
"""See ``pricing.one_call.Prices``."""


@dataclass(frozen=True, slots=True)
class Known:
    """The result of one distinct op call."""

    facts: OpFacts
    call: Call
    again: Callable[[], object] | None
    """Makes the result anew. None for a view, which needs its input, and for a constant."""
    constant: bool = False
    """The op works on constants and is computed each time."""


class Memo:
    """The tables of a counter.

    A table with over ``at_most`` entries is emptied between counts.
    """

    def __init__(self, at_most: int = 50_000) -> None:
        self.at_most = at_most
        self.ops: dict[Key, Known] = {}
        """The result of each op call, by op, shapes, strides, dtypes and other arguments."""
        self.calls: dict[Key, Call] = {}
        """The one ``Call`` object for all equal calls."""
        self.paths: dict[Key, Path | None] = {}
        """See ``shapes_run/attention.py``."""
        self.stand_ins: dict[Key, nn.Module] = {}
        """See ``StandIns``."""
        self._prices: Prices = {}
        self._calls_kept: set[int] = set()
        """The identities of the calls in ``calls``."""
        self.named: dict[int, object] = {}
        """The classes and functions that the tables may refer to."""
        self.compare_devices: set[object] = set()
        """See ``DeviceChecks``."""
        self.hits = 0
        self.misses = 0

    def lasts(self, named: object) -> bool:
        """Whether the tables may refer to a class or function: an imported module holds it."""
        if id(named) in self.named:
            return True
        found = lasts(named)
        if found:
            self.named[id(named)] = named
        return found

    def keep(self, key: Key, call: Call) -> Call:
        """Keep a call for later counts."""
        self._calls_kept.add(id(call))
        self.calls[key] = call
        return call

    def prices(self) -> Prices:
        """The results of formulas for kept calls, in a dict of the trace that is priced next."""
        return self._prices.copy()  # in one step: another thread may add

    def keep_prices(self, prices: Prices) -> None:
        """Keep the new ones among ``prices``, but for calls that serve one trace."""
        for key, result in reversed(prices.items()):
            if key in self._prices:
                break
            if id(result[0]) in self._calls_kept:
                self._prices[key] = result

    def trim(self) -> None:
        """Empty each table that is full. To be called after a count."""
        if max(len(self.calls), len(self._prices)) > self.at_most:
            for each in (self._prices, self._calls_kept, self.calls):
                each.clear()
        for table in (self.ops, self.paths, self.stand_ins):
            if len(table) > self.at_most:
                table.clear()

    def refresh(self) -> None:
        """Empty all tables if the program has redefined a class. To be called before a count."""
        if not all(map(lasts, list(self.named.values()))):
            for each in (self.ops, self.stand_ins, self._prices, self._calls_kept, self.calls):
                each.clear()
            self.named.clear()


def recipe(made: object) -> Callable[[], object]:
    """A function that makes an op's result ``made`` anew, with equal meta tensors."""
    if isinstance(made, torch.Tensor):
        return partial(
            torch.empty_strided, tuple(made.shape), made.stride(), dtype=made.dtype, device=_META
        )
    if isinstance(made, (list, tuple)):
        kind, items = type(made), [recipe(item) for item in made]
        return lambda: kind([item() for item in items])
    return lambda: made


def key(value: object) -> Key:
    """The key of an op's argument: for a tensor its shape, strides and dtype. 2 is not 2.0.

    Raises ``TypeError`` for an object (packed weights, a function). A key would keep it alive.
    """
    if isinstance(value, torch.Tensor):
        return (value.shape, value.stride(), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple([key(item) for item in value])
    if isinstance(value, dict):
        return tuple([(name, key(item)) for name, item in value.items()])
    kind = type(value)
    if kind is int or kind is float:
        return (kind, value if value == value else "nan")
    if value is None or kind in PLAIN:
        return (kind, value)
    raise TypeError(kind)
