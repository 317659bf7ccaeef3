"""The shapes-only run: the model's own code runs, its arithmetic does not.

A tensor is *data* if it is an input, a parameter or a buffer of the model, or came of data. An op on data is run on meta
tensors of the same shapes, once per distinct call. Everything else is a *constant* (position ids, masks, anchor grids) and is run
for real on the CPU, so that code may read its values. A constant too large to be worth computing becomes data.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import torch

from ...core.errors import DataNeededError, place, tell
from ..dispatch import Run
from ..observer import Observer
from ..opfacts import OpFacts
from ..places import Places
from ..specs import op_specs, op_tensors, tensors
from ..state import Guard
from .memo import Known, Memo, key, recipe
from .output_shapes import output

LARGE = 2**21
"""Elements: a constant beyond this is data. DETR reads its mask of 800 x 1333 pixels; a mask of 4096 x 4096 is too much."""

_CPU = torch.device("cpu")
_META = torch.device("meta")
_WHOLE = frozenset((int,))
_READS = {"aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero"}
_HOLDS = {
    "aten::_assert_async",
    "aten::_assert_scalar",
    "aten::_functional_assert_async",
    "aten::_assert_tensor_metadata",
}


class ConstantsLostError(Exception):
    """``torch.tensor(values, device=...)`` was called for the device of data: to be run again with ``Constants``."""


class ShapesRun(Run):  # type: ignore[no-untyped-call]
    """Runs ops on data as shapes, ops on constants for real. ``keeps_constants``: under ``Constants``."""

    name = "shapes"

    def __init__(
        self,
        observer: Observer,
        guard: Guard,
        data: Iterator[torch.Tensor],
        memo: Memo,
        keeps_constants: bool,
    ) -> None:
        super().__init__(observer, guard)
        self._memo = memo
        self._keeps_constants = keeps_constants
        self._stand_ins: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._distinct: Any = None
        """The key of the op call that is under way; None if it has none."""
        self._data = {id(tensor) for tensor in data if not _is_small_index(tensor)}

    # -- data or constant ------------------------------------------------------------------------------------------

    def is_data(self, tensor: torch.Tensor) -> bool:
        return tensor.is_meta or id(tensor) in self._data or tensor.numel() > LARGE

    def shape_of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The meta tensor that stands for ``tensor`` in an op on data."""
        if tensor.is_meta:
            return tensor
        known = self._stand_ins.get(id(tensor))
        if known is None or known[0] is not tensor:
            if tensor.is_quantized or tensor.layout is not torch.strided or tensor.is_nested:
                raise self.data_needed(f"a {tensor.layout} {tensor.dtype} tensor has no stand-in")
            made = _like(tensor)
            known = (tensor, made)
            if id(tensor) in self._data:
                self._stand_ins[id(tensor)] = known
        return known[1]

    def data_needed(self, what: str) -> DataNeededError:
        path, kind = self._observer.here()
        return DataNeededError(
            tell(
                place(path, kind),
                f"{what}, which a shapes-only run does not have",
                "count a real model on real inputs (run='auto' then runs it for real), or say with hookcount.register_fake what "
                "this module, or one that it is in, runs on shapes alone",
            )
        )

    # -- ops -------------------------------------------------------------------------------------------------------

    def see(self, func: Any, args: Any, kwargs: Any) -> Any:
        try:
            self._distinct = self._key(func, args, kwargs)
            known = self._memo.ops.get(self._distinct)
        except (RuntimeError, TypeError):  # a tensor without strides, an argument without a hash
            self._distinct = known = None
        if known is None:
            return super().see(func, args, kwargs)
        self._memo.hits += 1
        facts = known.facts
        if known.constant:
            out = self._compute(func, facts, args, kwargs)
            self._observer.note(known.call, facts.makes)
            return out
        self._observer.note(known.call, facts.makes)
        if known.again is not None:
            return _written(facts, args, kwargs, known.again()) if facts.returns else known.again()
        if facts.reshapes:
            return func(*args, **kwargs)
        return func(*self.mapped(args), **self._on_meta(kwargs))

    def _key(self, func: Any, args: Any, kwargs: Any) -> Any:
        """What tells an op call from another, one on constants alone from one on data."""
        parts: list[Any] = [func]
        found = False
        for value in args:
            kind = type(value)
            if kind is int or value is None:
                parts.append(value)
            elif isinstance(value, torch.Tensor):
                found = found or value.is_meta or id(value) in self._data or value.numel() > LARGE
                parts.append((value.shape, value.stride(), value.dtype))
            elif kind is list and _WHOLE.issuperset(map(type, value)):
                parts.append(tuple(value))
            elif kind is list or kind is tuple:
                found = found or any(map(self.is_data, op_tensors(value)))
                parts.append(key(value))
            else:
                parts += kind, value
        if kwargs:
            found = found or any(map(self.is_data, op_tensors(tuple(kwargs.values()))))
            parts.append(key(kwargs))
        parts.append(found)
        return tuple(parts)

    def op(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        given = op_tensors(args)
        if kwargs:
            given += op_tensors(tuple(kwargs.values()))
        if not any(map(self.is_data, given)):
            return self._constant(func, facts, args, kwargs, given, self._distinct)
        if facts.lifts and given[0].is_meta and not self._keeps_constants:
            raise ConstantsLostError
        if facts.name in _HOLDS:
            return None
        if facts.name == "aten::_is_all_true":
            return torch.ones((), dtype=torch.bool)
        if facts.name in _READS:
            raise self.data_needed(f"{facts.name} reads the value of a tensor")
        if facts.name in ("aten::index", "aten::_unsafe_index"):
            args = (args[0], self._positions(args[1]), *args[2:])
            self._distinct = self._key(func, args, kwargs)
        return self._shapes(func, facts, args, kwargs, self._distinct)

    def _constant(
        self,
        func: Any,
        facts: OpFacts,
        args: Any,
        kwargs: Any,
        given: list[torch.Tensor],
        distinct: Any,
    ) -> Any:
        if not facts.view and not facts.writes and self._is_large(func, args, kwargs, given):
            return self._shapes(func, facts, args, kwargs, distinct)
        before = op_specs(args), {name: op_specs(value) for name, value in kwargs.items()}
        out = self._compute(func, facts, args, kwargs)
        call = self._observer.ran(func, *before, out)
        if distinct is not None and not facts.dynamic and not facts.lifts:
            self._memo.ops[distinct] = Known(facts, call, None, constant=True)
        return out

    def _compute(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        """Run an op on constants for real."""
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": _CPU}
        if self._guard is not None:
            self._guard.before(facts, args, kwargs)
        return func(*args, **kwargs)

    def _is_large(self, func: Any, args: Any, kwargs: Any, given: list[torch.Tensor]) -> bool:
        """Whether a constant op would make more than is worth computing: asked before it is run."""
        if given:
            if prod(max(tensor.numel(), 1) for tensor in given) <= LARGE:
                return False
        elif prod(size for size in _ints(args) if size > 0) <= LARGE and not any(
            value > LARGE for value in _numbers(args)
        ):
            return False
        try:
            out = func(
                *self.mapped(args),
                **{**self.mapped(kwargs), **({"device": _META} if "device" in kwargs else {})},
            )
        except Exception:
            return False  # no shape can be told without running it
        return any(tensor.numel() > LARGE for tensor in tensors(out))

    def _shapes(self, func: Any, facts: OpFacts, args: Any, kwargs: Any, distinct: Any) -> Any:
        """Work out a call that is not known yet, and keep it under ``distinct``."""
        self._memo.misses += 1
        mapped, named = self.mapped(args), self._on_meta(kwargs)
        given = (
            op_specs(mapped),
            {name: op_specs(value) for name, value in named.items() if name not in facts.out_names},
        )
        again = None
        if facts.reshapes:
            made = func(*args, **kwargs)
        elif facts.view:  # it must share memory with what it is of
            made = func(*mapped, **named)
        else:
            made = self._first(func, facts, mapped, named)
            again = recipe(made)
        call = self._observer.call(func, *given, op_specs(made))
        if distinct is not None and not facts.lifts:  # whether that is an error depends on this run
            self._memo.ops[distinct] = Known(facts, call, again)
        self._observer.note(call, facts.makes)
        return made if again is None else _written(facts, args, kwargs, made)

    def _first(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        """Work out an op's output shapes. Raises ``DataNeededError`` where they depend on values."""
        if facts.dynamic and facts.name not in (
            "aten::index",
            "aten::_unsafe_index",
            "aten::index_put",
        ):
            raise self.data_needed(f"{facts.name} gives as many elements as the values say")
        made = output(facts.name, bool(facts.writes), args, kwargs)
        if made is not None:
            return made
        try:
            return func(*args, **kwargs)
        except NotImplementedError as error:
            raise self.data_needed(
                f"{facts.name} has no shapes-only implementation ({_first_line(error)})"
            ) from error

    def mapped(self, value: Any) -> Any:
        """``value`` with each tensor replaced by the one that stands for it."""
        if isinstance(value, torch.Tensor):
            return self.shape_of(value)
        if type(value) in (list, tuple):
            return type(value)([self.mapped(item) for item in value])
        if type(value) is dict:
            return {name: self.mapped(item) for name, item in value.items()}
        return value

    def _on_meta(self, kwargs: Any) -> Any:
        if not kwargs:
            return kwargs
        named = self.mapped(kwargs)
        if named.get("device") is not None:
            named["device"] = _META
        return named

    def _positions(self, indices: Any) -> Any:
        """Indices with each constant mask replaced by the positions that it selects; of a mask that is data nothing is known."""
        found: list[Any] = []
        for index in indices:
            if index is None or index.dtype not in (torch.bool, torch.uint8):
                found.append(index)
            elif self.is_data(index):
                raise self.data_needed("a mask selects as many elements as its values say")
            else:
                found.extend(index.nonzero().unbind(1))
        return found


def model_data(places: Places, inputs: Any) -> Iterator[torch.Tensor]:
    """What is data from the start."""
    yield from places.parameters
    yield from places.buffers
    yield from tensors(inputs)


def _like(tensor: torch.Tensor) -> torch.Tensor:
    if (
        tensor.is_inference() != torch.is_inference_mode_enabled()
    ):  # a view must be of the same sort as what it is of
        with torch.inference_mode(tensor.is_inference()):
            return _like(tensor)
    made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=_META)
    return made.requires_grad_() if tensor.requires_grad else made


def _is_small_index(tensor: torch.Tensor) -> bool:
    """Ids and masks decide which way the code takes: they stay real while they are small."""
    return (
        not tensor.dtype.is_floating_point
        and not tensor.dtype.is_complex
        and not tensor.is_meta
        and tensor.numel() <= LARGE
    )


def _written(facts: OpFacts, args: Any, kwargs: Any, made: Any) -> Any:
    """An op's result for its caller: what it writes to is what was given, not the stand-in."""
    if not facts.returns:
        return made
    whole = made if isinstance(made, tuple) else (made,)
    found = tuple(
        each if source is None else (args[source] if isinstance(source, int) else kwargs[source])
        for each, source in zip(whole, facts.returns, strict=True)
    )
    return found if isinstance(made, tuple) else found[0]


def _ints(args: Any) -> Iterator[int]:
    """The sizes among an op's arguments: those in lists."""
    for value in args:
        if isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, int))


def _numbers(args: Any) -> Iterator[float]:
    yield from (value for value in args if isinstance(value, (int, float)))


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
