"""Runs a few steps of a long recurrent layer, and derives from them what all steps run.

A layer with a fused kernel runs as the op of that kernel. Without one, torch runs it step by step.
Each step runs the same ops. So the layer runs three times on short sequences. The numbers of calls,
and the sizes in the calls that depend on the length, grow by a constant from one length to the
next. The third run confirms it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from ...core.errors import DataNeededError
from ...core.trace import Call, Spec
from ..contained import tensors
from ..observer import Observer
from ..opfacts import op_facts
from ..specs import spec_of
from ..stack import OpTimes
from ..transforms import transformed
from ..values import OpArgs
from .casts import already_cast
from .cudnn_recurrent import on_cudnn
from .data import Data
from .fused_recurrent import fused_path, is_packed, stepwise_path
from .memo import Memo
from .meta_tensors import META
from .paths import Path

LONG = 48
"""Steps. A shorter sequence runs as it is."""
_SHORT = (11, 17)
"""The shortest of the three lengths. A second one, should sizes of the layer equal the first."""
_LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
_BATCH_FIRST = 8

BACKWARD = object()
"""Says in ``DeviceChecks.learnt`` that a backward pass needs each step."""


class NotConstantError(Exception):
    """Something does not grow by a constant from one length to the next."""


def layer_of(func: Callable[..., Any]) -> str:
    """The name of a function of torch. An op for sequences has it too, without its overload."""
    return str(getattr(func, "__name__", "")).removesuffix(".input")


def is_recurrent(func: Callable[..., Any]) -> bool:
    """Whether a function runs a recurrent layer."""
    return layer_of(func) in _LAYERS


def runs_packed(func: Callable[..., Any], args: OpArgs) -> bool:
    """Whether a call runs a recurrent layer on packed sequences."""
    return is_recurrent(func) and len(args) > _BATCH_FIRST and is_packed(args)


def steps(func: Callable[..., Any], args: OpArgs) -> int:
    """The steps of a call of a recurrent layer. 0 for any other call, and for packed sequences."""
    if not is_recurrent(func) or len(args) <= _BATCH_FIRST:
        return 0
    given = args[0]
    if not isinstance(given, torch.Tensor) or given.dim() != 3 or not isinstance(args[3], bool):
        return 0
    return given.shape[1 if args[_BATCH_FIRST] else 0]


class Recurrent:
    """Runs recurrent layers for one observer: long ones, and those that have an op of their own."""

    def __init__(self, observer: Observer, data: Data, memo: Memo) -> None:
        self._observer = observer
        self._data = data
        self._memo = memo
        self._learnt = memo.compare_devices

    def run(self, func: Callable[..., Any], args: OpArgs) -> Any:
        """``func(*args)``, noted as if each step had run, or the op that runs all steps."""
        if (out := on_cudnn(self._data, layer_of(func), args)) is not None:
            return out
        length = steps(func, args)
        if length and layer_of(func) == "lstm" and self._on_cpu():
            path = fused_path(self._memo, args)
            if path is not None:
                return _follow(path, args)
        trains = self._observer.step is not None
        if length > LONG and not trains and BACKWARD not in self._learnt:
            for short in _SHORT:
                with suppress(NotConstantError):
                    return self._derived(func, args, length, short)
        return self._each_step(func, args)

    def _on_cpu(self) -> bool:
        """Whether the path of the CPU is known."""
        return self._data.device.type == "cpu" and not transformed()

    def _each_step(self, func: Callable[..., Any], args: OpArgs) -> Any:
        """``func(*args)`` with the ops of all steps, as they run on the model's device."""
        if (steps(func, args) or runs_packed(func, args)) and self._on_cpu():
            return _follow(stepwise_path(self._memo, layer_of(func), args), args)
        return func(*args)

    def _derived(self, func: Callable[..., Any], args: OpArgs, length: int, short: int) -> Any:
        observer, before = self._observer, self._observer.mark()
        if not before.depth:
            raise NotConstantError
        try:
            runs = [self._apart(func, args, short + more) for more in range(3)]
            line = _Line(short, short + 2)
            if line.ops(runs[0][0], runs[1][0], observer.calls.of_op) != runs[2][0]:
                raise NotConstantError
            line = _Line(short, length)
            ops = dict(before.ops)
            for key, times in line.ops(runs[0][0], runs[1][0], Call).items():
                ops[key] = ops.get(key, 0) + times
            out = self._longer(line, args, runs[0][1], runs[1][1])
            before = before._replace(ops=ops)
        finally:
            observer.back_to(before)
        observer.made(op_facts(torch.ops.aten.stack.default), (), {}, out)
        return out

    def _apart(self, func: Callable[..., Any], args: OpArgs, length: int) -> tuple[OpTimes, Any]:
        """The ops of a sequence of ``length`` steps, and its outputs."""
        given, axis = args[0], 1 if args[_BATCH_FIRST] else 0
        with torch._C._DisableTorchDispatch():  # the model does not run these ops
            sizes = list(given.shape)
            sizes[axis] = length
            short = torch.empty(sizes, dtype=given.dtype, device=given.device)
            short.requires_grad_(given.requires_grad)
        self._data.take(short)
        observer = self._observer
        observer.back_to(observer.mark()._replace(ops={}))
        out = self._each_step(func, (short, *args[1:]))
        return observer.mark().ops, out

    def _longer(self, line: _Line, args: OpArgs, first: Any, second: Any) -> Any:
        """The outputs for all steps. As in a real run, they depend on all tensors in ``args``."""
        given = list(tensors(args))
        return tuple(
            _Longer.apply(line.like(a, b), b.dtype, self._learnt, *given)
            for a, b in zip(first, second, strict=True)
        )


def _follow(path: Path, args: OpArgs) -> Any:
    with torch._C.DisableTorchFunction(), already_cast():
        return path.run(list(tensors(args)))


class _Line:
    """Goes on in a straight line: from values for ``short`` and ``short + 1`` to ``length``."""

    def __init__(self, short: int, length: int) -> None:
        self._more = length - short

    def ops(self, first: OpTimes, second: OpTimes, make: Callable[..., Call]) -> OpTimes:
        """The calls for ``length`` steps. ``make`` makes one that depends on the length."""
        found = {
            key: self.number(times, second[key]) for key, times in first.items() if key in second
        }
        pairs = zip(
            [key for key in first if key not in second],
            [key for key in second if key not in first],
            strict=False,
        )
        if len(first) != len(second):
            raise NotConstantError
        for one, two in pairs:
            if one[0].target is not two[0].target or one[1:] != two[1:]:
                raise NotConstantError
            a, b = one[0], two[0]
            call = make(
                a.target, *map(self.value, (a.args, a.kwargs, a.out), (b.args, b.kwargs, b.out))
            )
            found[(call, *one[1:])] = self.number(first[one], second[two])
        return found

    def number(self, first: int, second: int) -> int:
        """A number of calls, a size or a stride."""
        return first + self._more * (second - first)

    def value(self, first: Any, second: Any) -> Any:
        """A part of the description of a call."""
        if first == second and type(first) is type(second):
            return first
        if type(first) is not type(second):
            raise NotConstantError
        if isinstance(first, Spec):
            if first.dtype != second.dtype or len(first.shape) != len(second.shape):
                raise NotConstantError
            sizes = tuple(map(self.number, first.shape, second.shape))
            with torch._C._DisableTorchDispatch():
                return spec_of(torch.empty(sizes, dtype=first.dtype, device=META))
        if isinstance(first, (tuple, list)):
            if len(first) == len(second):
                return type(first)(list(map(self.value, first, second)))
            if len({*first, *second}) > 1:  # of each step one, all alike
                raise NotConstantError
            return type(first)(first[:1] * self.number(len(first), len(second)))
        if isinstance(first, dict) and first.keys() == second.keys():
            return {name: self.value(each, second[name]) for name, each in first.items()}
        if type(first) is int:
            return self.number(first, second)
        raise NotConstantError

    def like(self, first: torch.Tensor, second: torch.Tensor) -> tuple[object, ...]:
        """Shape and strides of an output."""
        shape = map(self.number, first.shape, second.shape)
        strides = map(self.number, first.stride(), second.stride())
        return tuple(shape), tuple(strides)


class _Longer(torch.autograd.Function):
    """An output for all steps. It has no backward pass of its own."""

    @staticmethod
    def forward(
        ctx: Any, like: Any, dtype: torch.dtype, learnt: set[object], *given: torch.Tensor
    ) -> torch.Tensor:
        ctx.learnt = learnt
        with torch._C._DisableTorchDispatch():
            return torch.empty_strided(*like, dtype=dtype, device=META)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        ctx.learnt.add(BACKWARD)  # the next try runs each step
        raise DataNeededError("a backward pass of a recurrent layer runs through each step")
