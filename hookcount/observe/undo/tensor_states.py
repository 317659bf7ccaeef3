"""The states of all tensors that a forward gets. There are many, so they are read in few steps."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import torch

from ..parts import PLAIN
from .tensors import TensorState, has_hooks, same_layout

_facts = attrgetter("is_leaf", "requires_grad", "_version", "data")
_now = attrgetter("is_leaf", "requires_grad", "_version")


class TensorStates:
    """The states of tensors, and of their gradients once they are kept."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self._tensors = tensors
        self._grads: list[torch.Tensor | None] = []
        self._made: list[TensorState] | None = None
        self._read: list[tuple[Any, ...] | TensorState] = [
            _facts(each)
            if type(each) in PLAIN
            and each.layout is torch.strided
            and not each.is_nested
            and not each.is_inference()
            and not has_hooks(each)
            else TensorState(each)
            for each in tensors
        ]

    def all(self) -> list[TensorState]:
        """A state for each tensor."""
        if self._made is None:
            self._made = [self._state(index) for index in range(len(self._tensors))]
            grads = [each for each in self._grads if each is not None]
            self._made += map(TensorState, grads)
        return self._made

    def _state(self, index: int) -> TensorState:
        read = self._read[index]
        state = read if isinstance(read, TensorState) else TensorState(self._tensors[index], read)
        if self._grads:
            state.keep_grad(self._grads[index])
        return state

    def keep_grads(self) -> list[TensorState]:
        """Keep the gradients. Returns their states, if the states are made already."""
        self._grads = [each.grad if each.is_leaf else None for each in self._tensors]
        if self._made is None:
            return []
        for state, grad in zip(self._made, self._grads, strict=True):
            state.keep_grad(grad)
        new = [TensorState(each) for each in self._grads if each is not None]
        self._made += new
        return new

    def changed(self) -> list[TensorState]:
        """The states of the tensors that have changed."""
        if self._made is not None or any(each is not None for each in self._grads):
            return [each for each in self.all() if each.changed()]
        return [
            self._state(index)
            for index, (tensor, read) in enumerate(zip(self._tensors, self._read, strict=True))
            if not self._unchanged(tensor, read)
        ]

    def _unchanged(self, tensor: torch.Tensor, read: tuple[Any, ...] | TensorState) -> bool:
        """Whether a tensor without a gradient is as it was."""
        if isinstance(read, TensorState):
            return False
        leaf, requires_grad, version = _now(tensor)
        return (
            leaf is read[0]
            and requires_grad is read[1]
            and version == read[2]
            and not has_hooks(tensor)
            and not (self._grads and leaf and tensor.grad is not None)
            and same_layout(tensor, read[3])
        )
