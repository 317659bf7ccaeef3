"""Decides which tensors are data, and gives each of them a meta tensor as its stand-in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor

from ...core.errors import DataNeededError, error_text, module_at
from ...core.lazily import lazily
from ..contained import has_values, op_tensors
from ..observer import Observer
from ..parts import is_shared, part, shared_as
from ..quiet import quiet
from ..step_parts import FAKE, StepPart
from ..values import OpArgs, OpKwargs
from .meta_tensors import META

_CPU = torch.device("cpu")
LARGE = 2**21
"""The most elements that a constant may have; a larger one becomes data. DETR reads its mask of
800 x 1333 pixels, but a mask of 4096 x 4096 is too much."""


def device_of(tensors: Sequence[torch.Tensor]) -> torch.device | None:
    """The device of the work on a model's tensors and, behind them, its inputs.

    Lengths of sequences are often on the CPU, so floating-point tensors decide if there are any.
    None if all tensors are on meta.
    """
    for floating in (True, False):
        for each in reversed(tensors):
            if not each.is_meta and each.is_floating_point() is floating:
                return each.device
    return None


class Data:
    """The data of one run: the inputs, parameters and buffers of the model.

    Small integer and boolean tensors stay constants, since their values decide which path the code
    takes. Results of ops on data are meta tensors, which are data too.
    """

    def __init__(
        self,
        observer: Observer,
        tensors: Iterable[torch.Tensor],
        device: torch.device | None = None,
    ) -> None:
        """``device``: that of the model, by default the one of its tensors."""
        self._observer = observer
        self._device = device
        self._given = list(tensors)
        self._stand_ins: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._taken: list[torch.Tensor] = []  # held, so that no identity is used again
        self.ids = {id(tensor) for tensor in self._given if not is_small_index(tensor)}
        """The identities of the real tensors that are data."""
        self.inside = 0
        """How many functions of torch are running of which code sees only the result. What such a
        function makes on meta is data: nobody reads its values."""

    @lazily
    def placed(self) -> torch.device | None:
        """The device of the model and its inputs; None if all are on meta."""
        return self._device or device_of(self._given)

    @property
    def device(self) -> torch.device:
        """The device whose path the run takes: for a model on meta that of the CPU."""
        return self.placed or _CPU

    def has(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is data."""
        return (
            tensor.is_meta
            or id(tensor) in self.ids
            or tensor.numel() > LARGE
            or isinstance(tensor, FakeTensor)
        )

    def add(self, tensor: torch.Tensor) -> None:
        """A tensor that was made in place of a result is data."""
        self.ids.add(id(tensor))
        self._taken.append(tensor)

    def stand_in(self, tensor: torch.Tensor) -> torch.Tensor:
        """The meta tensor that replaces ``tensor`` in an op on data.

        Raises ``DataNeededError`` for a quantized, sparse or nested tensor.
        """
        if tensor.is_meta:
            return tensor
        known = self._stand_ins.get(id(tensor))
        if known is None or known[0] is not tensor:
            if tensor.is_quantized or tensor.layout is not torch.strided or tensor.is_nested:
                raise self.needed(f"a {tensor.layout} {tensor.dtype} tensor has no stand-in")
            made = _on_meta(tensor)
            known = (tensor, made)
            if id(tensor) in self.ids:
                self._stand_ins[id(tensor)] = known
        return known[1]

    def take(self, written: object) -> None:
        """A tensor that data was written to is data too, and so is its base if it is a view."""
        for tensor in op_tensors((written,)):
            for each in (tensor, tensor._base):
                if each is not None and not each.is_meta and id(each) not in self.ids:
                    self.add(each)
                    self._observer.origins.wrote_data = True

    def reshape(self, tensor: torch.Tensor, like: torch.Tensor) -> None:
        """Give a tensor another shape. Its new memory is not read, since it is data."""
        with quiet():
            tensor.data = torch.empty_strided(
                like.shape, like.stride(), dtype=tensor.dtype, device=tensor.device
            )
        self.forget(tensor)

    def follow(self, written: OpArgs) -> None:
        """Give each tensor the shape that an op has given to its stand-in."""
        for tensor in op_tensors(written):
            made = self.stand_in(tensor)
            if made.shape != tensor.shape:
                self.reshape(tensor, made)

    def forget(self, tensor: torch.Tensor) -> None:
        """A tensor gets another shape, so its stand-in is made anew."""
        self._stand_ins.pop(id(tensor), None)

    def mapped(self, value: Any) -> Any:
        """``value`` with each tensor in it replaced by its stand-in."""
        if isinstance(value, torch.Tensor):
            return self.stand_in(value)
        kind = type(value)
        if kind is list or kind is tuple:
            return kind([each if type(each) is int else self.mapped(each) for each in value])
        if kind is dict:
            return {name: self.mapped(item) for name, item in value.items()}
        return value

    def mapped_kwargs(self, kwargs: OpKwargs) -> OpKwargs:
        """Keyword arguments for the op on meta: with stand-ins, and with meta as the device."""
        if not kwargs:
            return kwargs
        named: OpKwargs = self.mapped(kwargs)
        if named.get("device") is not None:
            named["device"] = META
        return named

    def wrapped(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is a DTensor around real data."""
        return is_shared(tensor) and not part(tensor).is_meta and self.has(part(tensor))

    def rewrapped(self, value: Any) -> Any:
        """``value`` with each DTensor around real data replaced by one around its stand-in."""
        if isinstance(value, torch.Tensor):
            return shared_as(value, self.stand_in(part(value))) if self.wrapped(value) else value
        if type(value) in (list, tuple):
            return type(value)([self.rewrapped(item) for item in value])
        if type(value) is dict:
            return {name: self.rewrapped(item) for name, item in value.items()}
        return value

    def positions(self, indices: Iterable[torch.Tensor | None]) -> list[torch.Tensor | None]:
        """Indices, with each constant mask replaced by the positions that it selects.

        Raises ``DataNeededError`` for a mask that is data.
        """
        found: list[torch.Tensor | None] = []
        for index in indices:
            if index is None or index.dtype not in (torch.bool, torch.uint8):
                found.append(index)
            elif self.has(index):
                raise self.needed("a mask selects as many elements as its values decide")
            else:
                found.extend(index.nonzero().unbind(1))
        return found

    def needed(self, what: str, first: str = "") -> DataNeededError:
        """The error for code that needs values. It names the module or the part of a training step.

        ``first``: what to do, before the advice that always holds.
        """
        observer = self._observer
        in_step = observer.step is not None and not observer.in_module()
        part = observer.step.part() if in_step and observer.step is not None else None
        part = part or StepPart(module_at(*observer.here()), FAKE)
        return DataNeededError(
            error_text(
                part.place,
                f"{what}; a shapes-only run has no values of data{part.so}",
                f"{first}count a real model on real inputs (run='auto' then runs it for real), or "
                f"{part.instead}",
            )
        )


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor with the shape, strides, dtype and ``requires_grad`` of ``tensor``."""
    # In inference mode tensors are of another sort, and a view must be of its base's sort.
    if tensor.is_inference() != torch.is_inference_mode_enabled():
        with torch.inference_mode(tensor.is_inference()):
            return _on_meta(tensor)
    made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=META)
    return made.requires_grad_() if tensor.requires_grad else made


def is_small_index(tensor: torch.Tensor) -> bool:
    """Whether a tensor holds ids or a mask, and is small enough to stay real."""
    return (
        not tensor.dtype.is_floating_point
        and not tensor.dtype.is_complex
        and has_values(tensor)
        and tensor.numel() <= LARGE
    )
