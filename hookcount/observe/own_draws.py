"""Runs code with random numbers of its own, outside of a count."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from ..rules.registry import Op
from .opfacts import op_facts
from .undo.randomness import Randomness


class OwnDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """In the block, torch draws in this thread from generators of the block.

    They begin in the state of the process's generators, which stay as they are. Other threads may
    draw from those meanwhile.

    >>> import torch
    >>> before = torch.get_rng_state()
    >>> with OwnDraws():
    ...     drawn = torch.rand(3)
    >>> torch.equal(torch.get_rng_state(), before), torch.equal(torch.rand(3), drawn)
    (True, True)
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._randomness = Randomness(None)

    def __torch_dispatch__(
        self, func: Op, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        facts = op_facts(func)
        if facts.draws:
            return self._randomness.run(func, facts, args, kwargs)
        return func(*args, **kwargs)
