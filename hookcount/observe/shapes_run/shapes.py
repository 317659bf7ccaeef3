"""The shapes-only run: the model's own code runs, its arithmetic does not.

A tensor is *data* if it is an input, a parameter or a buffer of the model, or was made from data.
An op on data runs on meta tensors of the same shapes, once per distinct call. Every other tensor is
a *constant* (position ids, masks, anchor grids). An op on constants runs for real on the CPU, so
that code may read the values. A constant that is too large to compute becomes data.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ...rules.registry import Op
from ..contained import op_tensors
from ..dispatch import Run
from ..leftovers import watch_for_leftovers
from ..observer import Observer
from ..opfacts import OpFacts, op_facts
from ..specs import op_described
from ..undo.guard import Guard
from ..values import Key, OpArgs, OpKwargs, OpResult
from .attention import FOLLOWED, PARTS, Attention
from .checks import value_that_passes
from .data import Data
from .derivatives import as_gradient, plain
from .devices import DeviceChecks
from .large import is_large
from .memo import PLAIN, Known, Memo, key, recipe
from .nested import on_nested
from .norms import call_counts
from .on_gpu import BY_DEVICE, GPU, OnGpu
from .packed import PACKS, packed
from .paths import ATTENTION
from .reshapes import reshaped
from .results import result
from .writes import Writes

_CPU = torch.device("cpu")
_INT = frozenset((int,))
_DETACH = torch.ops.aten.detach.default
# ops that read a value
_READS = {"aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero"}
_CHOOSES = (ATTENTION, PARTS)
# assertions, which are taken to hold
_HOLDS = {
    *("aten::_assert_async", "aten::_assert_scalar"),
    *("aten::_functional_assert_async", "aten::_assert_tensor_metadata"),
}


class ConstantsLostError(Exception):
    """``torch.tensor(values, device=...)`` was called for the device of data.

    The values are lost. The model is to be run again under ``Constants``.
    """


class ShapesRun(Run):  # type: ignore[no-untyped-call]
    """Runs ops on data with shapes only, and ops on constants for real.

    ``keeps_constants``: the mode ``Constants`` is active too.
    """

    name = "shapes"

    def __init__(
        self,
        observer: Observer,
        guard: Guard | None,
        data: Iterable[torch.Tensor] | Data,
        memo: Memo,
        keeps_constants: bool,
        device: torch.device | None = None,
    ) -> None:
        super().__init__(observer, guard)
        self._memo = memo
        self._keeps_constants = keeps_constants
        counts = call_counts(observer.modules)
        self._divisors = counts.divisors
        if isinstance(data, Data):
            self.data = data
        else:
            self.data = Data(observer, data, device)
            self.data.ids |= counts.unread
            watch_for_leftovers(observer.origins)
        self._writes = Writes(self.data, guard)
        self.devices = DeviceChecks(observer, self.data, memo)
        if self.data.device.type in FOLLOWED:
            observer.attention = Attention(self.data, memo)
        if self.data.device.type == GPU:
            observer.on_gpu = OnGpu(self.data, memo)
        if self.data.placed is not None:
            observer.refuse = self.data.needed
        observer.device = self._where = self.data.device.type
        self._distinct: Key | None = None
        """The key of the op call that is running; None if the call has no key."""

    def beside(self, observer: Observer) -> Run:
        """A mode like this one, for another thread with an observer of its own."""
        return ShapesRun(observer, self._guard, self.data, self._memo, self._keeps_constants)

    def see(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Repeat the result of an equal call. An op that is new goes on to ``Run.see``."""
        if not self._observer.differentiates:
            return self._see(func, args, kwargs)
        if func is _DETACH and self._observer.in_backward and not args[0].is_meta:
            return self._kept(args[0])
        out = self._see(func, plain(args), plain(kwargs))
        # in a training step a forward may run again here, on the model's tensors, which are on meta
        is_forward = self._observer.step is not None and torch.is_grad_enabled()
        return as_gradient(out) if self._observer.in_backward and not is_forward else out

    def _see(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        try:
            self._distinct = self._key(op_facts(func), args, kwargs)
            known = self._memo.ops.get(self._distinct)
        except (RuntimeError, TypeError):  # a tensor without strides, an argument without a hash
            self._distinct = known = None
        if known is None:
            attention = self._observer.attention
            if func in _CHOOSES and attention and any(each.is_meta for each in op_tensors(args)):
                with self:
                    return (attention if func is ATTENTION else attention.parts)(args, kwargs)
            here = self._observer.on_gpu
            if func in BY_DEVICE and here and any(each.is_meta for each in op_tensors(args)):
                with self:
                    return here(func, args, kwargs)  # type: ignore[arg-type]
            return self._new(func, args, kwargs)
        self._memo.hits += 1
        facts = known.facts
        if known.constant:
            out = self._compute(func, facts, args, kwargs)
            self._observer.note(known.call, facts.makes)
            return out
        if facts.writes or facts.writes_by_name:
            self._writes.note(facts, args, kwargs)
        self._observer.note(known.call, facts.makes)
        if known.again is not None:
            return (
                self._writes.results(facts, args, kwargs, known.again())
                if facts.returns
                else known.again()
            )
        if facts.reshapes:
            return reshaped(self.data, func, args, kwargs)
        return func(*self.data.mapped(args), **self.data.mapped_kwargs(kwargs))

    def _kept(self, tensor: torch.Tensor) -> torch.Tensor:
        """A real tensor that a checkpoint keeps again. It compares the device with the one before.

        What is kept of data is data.
        """
        facts, given = op_facts(_DETACH), [tensor]
        kept: torch.Tensor = self._constant(_DETACH, facts, (tensor,), {}, given, None)
        if self.data.has(tensor):
            self.data.take(kept)
        return kept

    def _new(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """See an op that is new. A whole composite op may compare the devices of its tensors."""
        see = super().see
        if not op_facts(func).composite:
            return see(func, args, kwargs)
        if self.devices.compares(func, args, kwargs):
            return self.devices.run(func, args, kwargs, see)
        try:
            return see(func, args, kwargs)
        except RuntimeError as error:
            self.devices.learn(func, args, kwargs, error)
            raise

    def device_of(self, args: OpArgs) -> str:
        """As ``Run.device_of``. Data on meta has the device of the model."""
        found = super().device_of(args)
        return self._where if found == "meta" else found

    def unwrapped(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """As ``Run.unwrapped``. A tensor that wraps real data is replaced by one that wraps meta.

        Both sides of a view must be on one device.
        """
        if not any(map(self.data.wrapped, op_tensors((*args, *kwargs.values())))):
            return NotImplemented
        changed, named = self.data.rewrapped(args), self.data.rewrapped(kwargs)
        with self:
            out = func(*changed, **named)
        return self._writes.results(op_facts(func), args, kwargs, out)

    def unrecorded(self, func: Op, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op on shapes that is no work of the model."""
        return func(*self.data.mapped(args), **self.data.mapped_kwargs(kwargs))

    def _key(self, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> Key:
        """The key of an op call. A call on data and one on only constants have different keys.

        The facts are those of the op and of no other. An op itself has a slow hash.
        """
        parts: list[object] = [facts, self._where]
        ids, on_data = self.data.ids, False
        for value in args:
            kind = type(value)
            if kind is int or value is None:
                parts.append(value)
            elif isinstance(value, torch.Tensor):
                on_data = on_data or value.is_meta or id(value) in ids or self.data.has(value)
                parts.append((value.shape, value.stride(), value.dtype))
            elif kind is list and _INT.issuperset(map(type, value)):
                parts.append(tuple(value))
            elif kind is list or kind is tuple:
                on_data = on_data or any(map(self.data.has, op_tensors(value)))
                parts.append(key(value))
            elif kind in PLAIN:
                parts += kind, value
            else:
                parts.append(key(value))
        if kwargs:
            on_data = on_data or any(map(self.data.has, op_tensors(tuple(kwargs.values()))))
            on_data = on_data or self.devices.makes_data(kwargs)
            parts.append(key(kwargs))
        parts.append(on_data)
        return tuple(parts)

    def op(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        given = op_tensors(args)
        if kwargs:
            given += op_tensors(tuple(kwargs.values()))
        if not any(map(self.data.has, given)) and not self.devices.makes_data(kwargs):
            return self._constant(func, facts, args, kwargs, given, self._distinct)
        lost = facts.lifts and given[0].is_meta and not self.devices.captured()
        if lost and not self._keeps_constants:
            raise ConstantsLostError
        if (made := on_nested(func, facts, self.data, args, kwargs)) is not None:
            described = op_described(args), {n: op_described(each) for n, each in kwargs.items()}
            self._observer.ran(func, *described, made[0])
            return made[0]
        if facts.name == PACKS and (pack := packed(self.data, args)) is not None:
            self._observer.ran(func, op_described(args), {}, pack)
            return pack
        if facts.name in _HOLDS:
            return None
        if facts.name == "aten::_is_all_true":
            return torch.ones((), dtype=torch.bool, device=_CPU)
        if facts.name in _READS:
            return self._read(func, facts, args)
        if facts.name in ("aten::index", "aten::_unsafe_index"):
            args = (args[0], self.data.positions(args[1]), *args[2:])
            self._distinct = self._key(facts, args, kwargs)
        return self._shapes(func, facts, args, kwargs, self._distinct)

    def _read(self, func: Op, facts: OpFacts, args: OpArgs) -> OpResult:
        """The value that an op reads. It is known where it decides nothing but an error."""
        value: object
        if facts.name == "aten::equal" and self.data.inside:
            value = self.devices.answer()
        elif id(args[0]) in self._divisors:
            value = 1
        else:
            value = value_that_passes()
            if value is None:
                raise self.data.needed(f"{facts.name} reads the value of a tensor")
        self._observer.ran(func, op_described(args), {}, value)
        return value

    def _constant(
        self,
        func: Op,
        facts: OpFacts,
        args: OpArgs,
        kwargs: OpKwargs,
        given: list[torch.Tensor],
        distinct: Key | None,
    ) -> OpResult:
        """Run an op on constants. ``given`` are its tensors."""
        if not facts.view and not facts.writes and is_large(self.data, func, args, kwargs, given):
            return self._shapes(func, facts, args, kwargs, distinct)
        before = op_described(args), {name: op_described(value) for name, value in kwargs.items()}
        out = self._compute(func, facts, args, kwargs)
        call = self._observer.ran(func, *before, out)
        if distinct is not None and not facts.dynamic and not facts.lifts:
            self._memo.ops[distinct] = Known(facts, call, None, constant=True)
        return out

    def _compute(self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs) -> OpResult:
        """Run an op on constants for real, on the CPU."""
        device = kwargs.get("device")
        if device is not None and device != _CPU:
            self._observer.origins.moved = True
            kwargs = {**kwargs, "device": _CPU}
        return (
            func(*args, **kwargs)
            if self._guard is None
            else self._guard.run(func, facts, args, kwargs)
        )

    def _shapes(
        self, func: Op, facts: OpFacts, args: OpArgs, kwargs: OpKwargs, distinct: Key | None
    ) -> OpResult:
        """Run a new op call on shapes, and keep its result under the key ``distinct``."""
        self._memo.misses += 1
        if facts.writes or facts.writes_by_name:
            self._writes.note(facts, args, kwargs)
        mapped, named = self.data.mapped(args), self.data.mapped_kwargs(kwargs)
        given = (
            op_described(mapped),
            {
                name: op_described(value)
                for name, value in named.items()
                if name not in facts.out_names
            },
        )
        again = None
        if facts.reshapes:
            made = reshaped(self.data, func, args, kwargs)
        elif facts.out_names and not facts.returns:  # lists of outputs, which the op itself shapes
            made, distinct = func(*mapped, **named), None
            self.data.follow([kwargs[name] for name in facts.out_names])
        elif facts.view:  # the result must share memory with its base
            made = func(*mapped, **named)
        else:
            made = result(self.data, func, facts, mapped, named)
            again = recipe(made)
        call = self._observer.calls.of_op(func, *given, op_described(made))
        # a lift is not kept, since each run decides anew whether it is a ConstantsLostError
        if distinct is not None and not facts.lifts:
            self._memo.ops[distinct] = Known(facts, call, again)
        self._observer.note(call, facts.makes)
        return made if again is None else self._writes.results(facts, args, kwargs, made)
