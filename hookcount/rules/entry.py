"""``Entry``: all that one layer of a registry says of a target. Its price, reach, kind and fake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..core.lazily import lazily
from ..core.ops import Ops
from .binding import Binder

Formula = Callable[..., Ops]
Fake = Callable[..., Any]
Covers = Literal["own", "subtree", "modules", "nothing"]
Kind = Literal[
    "product",  # a contraction of two operands, either of which may be a weight
    "linear",  # a contraction with a weight
    "convolution",
    "attention",  # both products of an attention
    "multihead",  # an attention with its projections
    "recurrent",
    "norm",
    "softmax",
    "activation",
    "embedding",
    "pooling",
    "sampling",  # bilinear samples at computed positions
    "resampling",
    "elementwise",
    "reduction",
    "sorting",
    "indexing",
    "loss",
    "distance",
    "linear algebra",
    "fourier",
    "scan",  # a state-space scan
    "graph",  # work on the edges of a graph
    "gradient",
]
"""The sort of work of a target. Roles are assigned by it."""


class State:
    """A registered answer that is not a formula."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"hookcount.{self.name}"

    def __reduce__(self) -> str:
        return self.name


FREE = State(
    "FREE",
    "This target does no arithmetic (a view, a copy, a gather). It counts nothing and never warns.",
)
OBSERVED = State(
    "OBSERVED",
    "This module has no formula of its own. Each op that its forward runs is priced by itself.",
)


@dataclass(frozen=True, eq=False)
class Entry:
    """All that one layer says of a target, and where that is written.

    An aspect that is None is left to the layers below.
    """

    target: str
    price: Formula | State | None
    covers: Covers
    source: str
    layer: str
    kind: Kind | None = None
    fake: Fake | None = None

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "binder"}

    @lazily
    def binder(self) -> Binder:
        """Binds calls to the formula's parameters."""
        assert callable(self.price)
        return Binder(self.price)


def written_at(said: object) -> str:
    """``file:line`` of a function, or else its name."""
    code = getattr(said, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(said)
