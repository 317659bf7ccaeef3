"""``Path``: the ops as which a call runs on a device, found without memory on that device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ...rules.registry import Op
from ..opfacts import op_facts
from ..values import OpArgs, OpKwargs, OpResult
from .meta_tensors import META
from .output_shapes import output

ATTENTION = torch.ops.aten.scaled_dot_product_attention.default
TENSORS = ("query", "key", "value", "attn_mask")
"""The names of the tensors that attention takes."""
_OPENED = frozenset((torch.ops.aten._batch_norm_impl_index.default,))
"""Composite ops that choose by the device. Any other one is recorded whole."""
_CHOICE = torch.ops.aten._fused_sdp_choice.default
_IN_PARTS = 0
"""torch's number for the choice of separate ops."""


@dataclass(frozen=True)
class Slot:
    """Replaces a tensor in a ``Path``: a tensor of the call, or a result of an op."""

    index: int


@dataclass
class Path:
    """The ops as which a distinct call runs on a device."""

    steps: list[tuple[Op, OpArgs, OpKwargs, list[int]]] = field(default_factory=list)
    """Each op, its arguments with slots in place of tensors, and the slots of its results."""
    result: Any = None
    """The result, with slots in place of tensors."""

    def run(self, given: Sequence[torch.Tensor]) -> OpResult:
        """Run the ops on the tensors of a call, in order."""
        slots = dict(enumerate(given))

        def tensor(value: object) -> object:
            return slots[value.index] if isinstance(value, Slot) else value

        for func, args, kwargs, made in self.steps:
            out = func(*_changed(args, tensor), **_changed(kwargs, tensor))
            slots.update(zip(made, _tensors(out), strict=True))
        return _changed(self.result, tensor)

    def runs(self, name: str) -> bool:
        """Whether an op of this name is among the ops."""
        return any(op_facts(func).name == name for func, *_ in self.steps)


def path_on(device: torch.device, named: OpKwargs) -> Path | None:
    """The path of a call of attention on a device; None for separate ops.

    torch chooses by tensors that claim to be on the device and have no memory.
    """

    asked = claimed(named, device)
    with (
        torch._C.DisableTorchFunction(),
        torch._C._AutoDispatchBelowAutograd(),
        torch._C._DisableTorchDispatch(),
    ):
        if _CHOICE(**asked) == _IN_PARTS:
            return None
    given = [asked[name] for name in TENSORS if asked.get(name) is not None]
    return recorded(device, given, lambda: ATTENTION.decompose(**asked))


def claimed(value: Any, device: torch.device, floating: torch.dtype | None = None) -> Any:
    """Arguments of a call, with a tensor that claims to be on ``device`` in place of each.

    ``floating``: the dtype of those in floating point, by default their own.
    """

    def claim(each: object) -> object:
        if not isinstance(each, torch.Tensor):
            return each
        return Claimed.like(each, device, floating if each.is_floating_point() else None)

    return _changed(value, claim)


def recorded(
    device: torch.device, given: Sequence[torch.Tensor], run: Callable[[], OpResult]
) -> Path:
    """The path that ``run`` takes on tensors that claim to be on ``device``."""
    with (
        torch._C.DisableTorchFunction(),
        torch._C._AutoDispatchBelowAutograd(),
        _Recorder(given, device) as recorder,
    ):
        out = run()
    path: Path = recorder.path
    path.result = _changed(out, recorder.slot)
    return path


class Claimed(torch.Tensor):
    """A tensor that claims to be on a device, and has no memory."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, *args: object) -> Any:
        return NotImplemented

    @classmethod
    def like(
        cls, tensor: torch.Tensor, device: torch.device, dtype: torch.dtype | None = None
    ) -> Claimed:
        """A tensor of the same shape, strides, ``requires_grad`` and, by default, dtype."""
        made: Claimed = torch.Tensor._make_wrapper_subclass(
            cls,
            tensor.shape,
            strides=tensor.stride(),
            dtype=dtype or tensor.dtype,
            device=device,
            requires_grad=tensor.requires_grad,
        )
        return made


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records the ops that run on ``Claimed`` tensors."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __init__(self, given: Sequence[torch.Tensor], device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = Path()
        self.slots = {id(each): index for index, each in enumerate(given)}
        """The slot of each tensor, by its identity."""
        self._kept = list(given)  # held, so that no identity is used again
        self._device = device

    def __torch_dispatch__(
        self, func: Op, types: object, args: OpArgs = (), kwargs: OpKwargs | None = None
    ) -> OpResult:
        kwargs = kwargs or {}
        if func in _OPENED:
            with self:
                return func.decompose(*args, **kwargs)
        with torch._C._DisableTorchDispatch():
            if func is _CHOICE:
                return func(*args, **kwargs)
            out = self._run(func, _changed(args, _on_meta), _changed(kwargs, _on_meta))
        made = []
        for each in _tensors(out):
            self._kept.append(each)
            made.append(self.slots.setdefault(id(each), len(self.slots)))
        if made:  # not a question
            self.path.steps.append(
                (func, _changed(args, self.slot), _changed(kwargs, self.slot), made)
            )
        return out

    def _run(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        facts = op_facts(func)
        out = output(facts.name, bool(facts.writes), args, kwargs)
        if out is None:
            out = func(*args, **kwargs)
        return claimed(out, self._device)

    def slot(self, value: object) -> object:
        """An argument or a result, with its slot in place of a tensor."""
        return Slot(self.slots[id(value)]) if isinstance(value, torch.Tensor) else value


def _on_meta(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=META)
    return META if isinstance(value, torch.device) else value


def _changed(value: Any, change: Callable[[object], object]) -> Any:
    """An op's arguments or result, with each value in it changed."""
    if isinstance(value, (list, tuple)):
        return type(value)([_changed(item, change) for item in value])
    if isinstance(value, dict):
        return {name: _changed(item, change) for name, item in value.items()}
    return change(value)


def _tensors(value: object) -> list[torch.Tensor]:
    """The tensors of an op's result, in order."""
    items = value if isinstance(value, (list, tuple)) else (value,)
    return [each for each in items if isinstance(each, torch.Tensor)]
