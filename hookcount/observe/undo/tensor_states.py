"""The states of all tensors that a forward gets. There are many, so they are read in few steps."""

from __future__ import annotations

from itertools import compress
from operator import attrgetter

import torch
from torch import nn

from .tensors import QUANTIZED, TensorState, same_layout

_kind = attrgetter(
    "__class__", "layout", "is_nested", "_backward_hooks", "_post_accumulate_grad_hooks"
)
_PLAIN = [(cls, torch.strided, False, None, None) for cls in (nn.Parameter, torch.Tensor)]
_facts = attrgetter(
    *("is_leaf", "requires_grad", "_version"),
    *("dtype", "device", "layout", "_backward_hooks", "_post_accumulate_grad_hooks"),
)
_data = attrgetter("data")


class TensorStates:
    """The states of tensors, and of their gradients once they are kept.

    Most tensors are plain: dense and without hooks. These are compared all at once.
    """

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        self._grads: list[torch.Tensor | None] = []
        self._made: list[TensorState] | None = None
        is_plain = [
            kind in _PLAIN and not each.is_inference()
            for each, kind in zip(tensors, map(_kind, tensors), strict=True)
        ]
        self._plain = list(compress(tensors, is_plain))
        self._special = (
            []
            if len(self._plain) == len(tensors)
            else [
                TensorState(each)
                for each, plain in zip(tensors, is_plain, strict=True)
                if not plain
            ]
        )
        self._facts = list(map(_facts, self._plain))
        self._data = list(map(_data, self._plain))
        self._is_set_to = all(
            dtype not in QUANTIZED and device.type == "cpu"
            for dtype, device in {each[3:5] for each in self._facts}
        )

    def all(self) -> list[TensorState]:
        """A state for each tensor, and for each gradient that is kept."""
        if self._made is None:
            self._made = [self._state(index) for index in range(len(self._plain))]
            self._made += self._special
            if self._grads:
                self._made += self._with_grads(self._made)
        return self._made

    def _state(self, index: int) -> TensorState:
        return TensorState(self._plain[index], (*self._facts[index][:3], self._data[index]))

    def keep_grads(self) -> list[TensorState]:
        """Keep the gradients. Returns their states, if the states are made already."""
        tensors = (*self._plain, *(each.tensor for each in self._special))
        self._grads = [each.grad if each.is_leaf else None for each in tensors]
        if self._made is None:
            return []
        new = self._with_grads(self._made)
        self._made += new
        return new

    def _with_grads(self, states: list[TensorState]) -> list[TensorState]:
        """Give each state its gradient. Returns the states of the gradients."""
        for state, grad in zip(states, self._grads, strict=True):
            state.keep_grad(grad)
        return [TensorState(each) for each in self._grads if each is not None]

    def changed(self) -> list[TensorState]:
        """The states of the tensors that have changed."""
        if self._made is None and self._all_same():
            return []
        return [each for each in self.all() if each.changed()]

    def _all_same(self) -> bool:
        """Whether no tensor has changed and none has a gradient."""
        same = torch.Tensor.is_set_to if self._is_set_to else same_layout
        return (
            list(map(_facts, self._plain)) == self._facts
            and all(map(same, self._plain, self._data))
            and not any(each.changed() for each in self._special)
            and (not self._grads or self._no_grads())
        )

    def _no_grads(self) -> bool:
        """Whether no tensor had a gradient, and none has one now."""
        return all(each is None for each in self._grads) and all(
            each.grad is None for each in self._plain if each.is_leaf
        )
