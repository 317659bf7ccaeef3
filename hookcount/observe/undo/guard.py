"""Runs ops on the user's tensors so that their values can be put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch

from ...rules.registry import Op
from ..contained import has_values, storage, tensors
from ..opfacts import OpFacts
from ..quiet import quiet
from ..values import OpArgs, OpKwargs, OpResult
from .randomness import Randomness
from .tensors import TensorState, parts_in_memory

_RESIZES = frozenset(("aten::resize_", "aten::resize_as_"))


Saved = dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]]
"""Memory and a copy of it, by what ``contained.storage`` gives for it."""


class Guard:
    """Saves the values of a protected tensor just before an op writes to them.

    So a count copies only the tensors that are written to.
    """

    def __init__(self, states: Callable[[], list[TensorState]], randomness: Randomness) -> None:
        self._states = states
        self._randomness = randomness
        self._by_storage: dict[int, list[TensorState]] | None = None
        self._saved: list[tuple[torch.UntypedStorage, torch.UntypedStorage]] = []
        self._is_saved: set[int] = set()
        self._marks: list[Saved] = []

    def mark(self) -> Saved:
        """This point of the run. It is to be given to ``drop`` later, after ``back_to`` or not."""
        self._marks.append({})
        return self._marks[-1]

    def back_to(self, mark: Saved) -> None:
        """Put back the values that tensors had at ``mark``."""
        for memory, saved in mark.values():
            _put_back(memory, saved)

    def drop(self, mark: Saved) -> None:
        """Forget a point of the run."""
        self._marks = [each for each in self._marks if each is not mark]

    def renew(self) -> None:
        """There are more tensors to protect."""
        self._by_storage = None

    def run(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op for real: save first all that it writes to. It draws no random number."""
        if facts.writes or facts.writes_by_name:
            self.note(facts, args, kwargs, save=True)
        if facts.draws:
            return self._randomness.run(func, facts, args, kwargs)
        return func(*args, **kwargs)

    def note(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, save: bool = False) -> None:
        """An op writes to tensors. Without ``save`` it writes to stand-ins and not to values."""
        resizes = facts.name in _RESIZES
        for each in facts.written(args, kwargs):
            self._note(each, save, resizes)

    def save(self, tensor: torch.Tensor) -> None:
        """Code is about to get the memory of a tensor, and may write there unseen."""
        self._note(tensor, True)

    def save_memory(self, memory: torch.UntypedStorage) -> None:
        """Code is about to write to memory that may be a tensor's."""
        key = int(memory._cdata)
        if key in self._held() and (self._marks or key not in self._is_saved):
            self._save(key, memory)

    def _note(self, written: object, save: bool, resizes: bool = False) -> None:
        for tensor in _in_memory(written):
            key = storage(tensor)
            held = self._held().get(key, ())
            for each in held:
                each.writes += 1
            if not (save and held):
                continue
            if resizes or not tensor.numel():
                with quiet():  # the memory may move, so the tensor gets other memory before
                    tensor.data = tensor.data.clone()
            elif self._marks or key not in self._is_saved:
                parts = (part for each in held for part in each.shown())
                shown = next((part for part in parts if storage(part) == key), None)
                if shown is not None and has_values(shown):
                    self._save(key, shown.untyped_storage())

    def _save(self, key: int, memory: torch.UntypedStorage) -> None:
        with quiet():
            saved: torch.UntypedStorage = memory.clone()  # type: ignore[no-untyped-call]
        if key not in self._is_saved:
            self._is_saved.add(key)
            self._saved.append((memory, saved))
        for mark in self._marks:
            mark.setdefault(key, (memory, saved))

    def _held(self) -> dict[int, list[TensorState]]:
        """The protected tensors by the storage that they show."""
        if self._by_storage is None:  # made late: most runs write to no real tensor
            self._by_storage = {}
            for each in self._states():
                for shown in each.shown():
                    if not shown.is_meta:
                        self._by_storage.setdefault(storage(shown), []).append(each)
        return self._by_storage

    def restore_values(self) -> Iterable[Callable[[], None]]:
        """Steps that put back the saved memory."""
        return [partial(_put_back, *each) for each in self._saved]


def _in_memory(written: object) -> Iterator[torch.Tensor]:
    """Each tensor; of a sparse or nested one the tensors that it consists of."""
    for tensor in tensors(written):
        yield from parts_in_memory(tensor) or (tensor,)


def _put_back(memory: torch.UntypedStorage, saved: torch.UntypedStorage) -> None:
    with quiet():
        if memory.nbytes() != saved.nbytes():
            _resize(memory, saved.nbytes())
        _copy(memory, saved)


_resize, _copy = torch.UntypedStorage.resize_, torch.UntypedStorage.copy_
"""The functions without a count. In one around this one, they would save what is there before."""
