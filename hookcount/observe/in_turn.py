"""Runs work on a model once no other thread counts or times the same model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn

from .interrupts import HeldBack
from .module_tree import ModuleTree
from .undo import turns

T = TypeVar("T")
Args = tuple[object, ...]
"""The positional arguments of a model's ``forward``."""
Kwargs = Mapping[str, object]
"""The keyword arguments of a model's ``forward``."""


def in_turn(
    tree: ModuleTree,
    args: Args,
    kwargs: Kwargs,
    run: Callable[[ModuleTree, Args, Kwargs, HeldBack], T],
) -> T:
    """``run``, once no other thread uses the same model. Signals are held back meanwhile."""
    turn = turns.Turn(_shared_ids(tree, args, kwargs))
    with HeldBack() as signals:
        try:
            while not turns.take(turn):
                try:
                    signals.holding = False
                    signals.release()
                    turns.wait(turn)
                finally:
                    signals.holding = True
            return run(tree, args, kwargs, signals)
        finally:
            turns.end(turn)


@contextmanager
def turn_for(modules: Iterable[nn.Module]) -> Iterator[None]:
    """For the block, no other thread counts or times a model with one of these modules.

    It is for code that changes the modules before a count and puts them back after it.
    """
    turn = turns.Turn(set(map(id, modules)))
    try:
        while not turns.take(turn):
            turns.wait(turn)
        yield
    finally:
        turns.end(turn)


def _shared_ids(tree: ModuleTree, args: Args, kwargs: Kwargs) -> set[int]:
    """The ids of modules and arguments that a count in another thread may have too."""
    given = (each for each in (*args, *kwargs.values()) if not isinstance(each, _NEVER_CHANGE))
    return {id(each) for each in (*tree.modules, *given)}


_NEVER_CHANGE = (torch.Tensor, int, float, str, bytes, complex, type(None), tuple, type)
