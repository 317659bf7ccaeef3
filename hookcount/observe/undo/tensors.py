"""Keeps a tensor's own attributes: its memory, shape, gradient, place in a graph, and version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd.grad_mode import _unsafe_preserve_version_counter

from ..contained import storage
from ..parts import PLAIN, part
from ..quiet import quiet

QUANTIZED = frozenset((torch.quint8, torch.qint8, torch.qint32, torch.quint4x2, torch.quint2x4))
"""dtypes whose tensors do not have ``is_set_to``."""


class TensorState:
    """What a tensor is, apart from its values.

    ``data`` is a view of all that the tensor shows; None for a tensor that has no such view.
    ``writes`` says how often this count wrote to the tensor.
    """

    __slots__ = (
        "_grad",
        "_has_grad",
        "_hooks",
        "_is_leaf",
        "_requires_grad",
        "_version",
        "_whole",
        "data",
        "tensor",
        "writes",
    )

    def __init__(self, tensor: torch.Tensor, facts: tuple[Any, ...] | None = None) -> None:
        """``facts``: is it a leaf, ``requires_grad``, its version, and a view of all of it."""
        self.tensor = tensor
        self.writes = 0
        self._has_grad = False
        self._grad: torch.Tensor | None = None
        self._hooks: list[tuple[str, dict[int, Any] | None]] = []
        self.data: torch.Tensor | None = None
        self._whole: torch.Tensor | None = None
        self._version: int | None
        if facts is not None:
            self._is_leaf, self._requires_grad, self._version, self.data = facts
            return
        self._is_leaf = tensor.is_leaf
        self._requires_grad = tensor.requires_grad
        if has_hooks(tensor):
            self._hooks = [(name, _copy(getattr(tensor, name))) for name in _HOOKS]
        self._version = None if tensor.is_inference() else tensor._version
        if part(tensor) is tensor and tensor.layout is torch.strided and not tensor.is_nested:
            self.data = tensor.data
        elif parts_in_memory(tensor):
            with quiet():
                self._whole = tensor.detach()

    def shown(self) -> list[torch.Tensor]:
        """The tensors that hold the memory which the tensor showed at first."""
        if self._whole is not None:
            return parts_in_memory(self._whole)
        return [self.tensor if self.data is None else self.data]

    def changed(self) -> bool:
        """Whether anything of the tensor has changed."""
        tensor = self.tensor
        return (
            tensor.is_leaf is not self._is_leaf
            or tensor.requires_grad is not self._requires_grad
            or (self._version is not None and tensor._version != self._version)
            or bool(self._hooks)
            or has_hooks(tensor)
            or (self._has_grad and tensor.grad is not self._grad)
            or (self.data is not None and not same_layout(tensor, self.data))
            or self._moved()
        )

    def _moved(self) -> bool:
        """Whether a sparse or nested tensor shows other memory than at first."""
        return self._whole is not None and (
            self.tensor.layout is not self._whole.layout
            or list(map(storage, parts_in_memory(self.tensor))) != list(map(storage, self.shown()))
        )

    def keep_grad(self, grad: torch.Tensor | None) -> None:
        """Keep the gradient."""
        if self._is_leaf:
            self._has_grad, self._grad = True, grad

    def restore_graph(self) -> None:
        """Take the tensor out of a graph that it was not part of."""
        tensor = self.tensor
        if tensor.is_leaf != self._is_leaf:
            try:
                tensor.detach_()
            except RuntimeError:  # a view cannot be detached in place
                torch._C._swap_tensor_impl(tensor, tensor.detach())
        if tensor.requires_grad is not self._requires_grad and tensor.is_leaf:
            tensor.requires_grad_(self._requires_grad)

    def restore_hooks(self) -> None:
        """Take away the hooks on the tensor that are new, and put back the others."""
        for name, before in self._hooks or [(name, None) for name in _HOOKS]:
            now = getattr(self.tensor, name)
            if (now or None) == (before or None):
                continue
            if now is None or not before:
                setattr(self.tensor, name, before or None)
            else:
                now.clear()
                now.update(before)

    def restore_layout(self) -> None:
        """Give the tensor its memory, shape, strides and dtype."""
        if self._whole is not None and self._moved():
            with quiet():
                self.tensor.data = self._whole
        if self.data is None or same_layout(self.tensor, self.data):
            return
        with torch.no_grad():
            self.tensor.data = self.data

    def restore_grad(self) -> None:
        """Give the tensor its gradient."""
        if self._has_grad and self.tensor.grad is not self._grad:
            self.tensor.grad = self._grad

    def restore_version(self, others_ran: Callable[[], bool]) -> None:
        """Set autograd's version counter, which counts the writes to a tensor.

        A graph that saved the tensor raises in its backward pass if the version has changed. So
        the writes of this count are taken away again, and no others. If no other thread ran, every
        write is of this count.
        """
        if self._version is None or self.tensor._version == self._version:
            return
        if not others_ran():
            _set_version(self.tensor, self._version)
        elif self.writes:
            _set_version(self.tensor, max(self.tensor._version - self.writes, 0))


_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def _copy(hooks: dict[int, Any] | None) -> dict[int, Any] | None:
    return None if hooks is None else dict(hooks)


class _Same(torch.autograd.Function):
    """The identity, as a function of autograd."""

    @staticmethod
    def forward(context: Any, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.detach()

    @staticmethod
    def backward(context: Any, grad: torch.Tensor) -> torch.Tensor:
        return grad


def same(tensor: torch.Tensor) -> torch.Tensor | None:
    """A tensor with the same memory, in a graph too; None where torch cannot make one."""
    try:
        with torch.enable_grad():
            made: torch.Tensor = _Same.apply(tensor)
    except RuntimeError:
        return None
    vars(made).update(vars(tensor))
    return made


def parts_in_memory(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The dense tensors that a sparse or nested tensor consists of. None for any other tensor."""
    names = _PARTS.get(tensor.layout, ())
    if tensor.is_nested and tensor.layout is torch.strided:
        names = ("values",)
    if not names or type(tensor) not in PLAIN:
        return []
    with quiet():
        return [getattr(tensor, name)() for name in names]


_BY_ROW, _BY_COLUMN = ("crow_indices", "col_indices"), ("ccol_indices", "row_indices")
_PARTS = {
    torch.sparse_coo: ("_indices", "_values"),
    torch.sparse_csr: (*_BY_ROW, "values"),
    torch.sparse_bsr: (*_BY_ROW, "values"),
    torch.sparse_csc: (*_BY_COLUMN, "values"),
    torch.sparse_bsc: (*_BY_COLUMN, "values"),
}


def same_layout(tensor: torch.Tensor, data: torch.Tensor) -> bool:
    """Whether a tensor still shows the memory that ``data`` shows, in the same way."""
    if tensor.dtype != data.dtype:
        return False
    if (
        type(tensor) in PLAIN
        and tensor.device.type == data.device.type == "cpu"
        and tensor.dtype not in QUANTIZED
    ):
        return bool(tensor.is_set_to(data))
    same = (
        storage(tensor) == storage(data)
        and tensor.shape == data.shape
        and tensor.stride() == data.stride()
        and tensor.storage_offset() == data.storage_offset()
    )
    return bool(same)


def has_hooks(tensor: torch.Tensor) -> bool:
    """Whether autograd has a place for hooks on the tensor."""
    return tensor._backward_hooks is not None or tensor._post_accumulate_grad_hooks is not None


def _set_version(tensor: torch.Tensor, version: int) -> None:
    """torch offers no other way to set a version than this class."""
    keeper: Any = _unsafe_preserve_version_counter(tensor)
    if hasattr(keeper, "prev_versions"):
        keeper.prev_versions = (version,)
    else:  # torch 2.6
        keeper.prev_version = version
    keeper.__exit__(None, None, None)
