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
from torch import nn
from torch.overrides import TorchFunctionMode

from ..errors import DataNeededError, place, tell
from ..trace import Call
from .dispatch import Run
from .observer import Observer
from .opfacts import OpFacts
from .rules import output
from .specs import op_specs, op_tensors, tensors
from .state import Guard

LARGE = 2**18
"""Elements: a constant beyond this is data."""

_CPU = torch.device("cpu")
_META = torch.device("meta")
_READS = {"aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero"}
_HOLDS = {"aten::_assert_async", "aten::_assert_scalar", "aten::_functional_assert_async", "aten::_assert_tensor_metadata"}


class Memo:
    """What distinct op calls give, by op, shapes, strides, dtypes and other arguments. Bounded."""

    def __init__(self, at_most: int = 50_000) -> None:
        self.at_most = at_most
        self.known: dict[Any, tuple[Any, Call]] = {}
        self.hits = 0
        self.misses = 0

    def put(self, key: Any, made: Any, call: Call) -> None:
        if len(self.known) >= self.at_most:
            self.known.clear()
        self.known[key] = (made, call)


class _New:
    """A tensor that an op makes anew: all that is needed to make it again."""

    __slots__ = ("dtype", "shape", "stride")

    def __init__(self, tensor: torch.Tensor) -> None:
        self.shape, self.stride, self.dtype = tensor.shape, tensor.stride(), tensor.dtype

    def again(self) -> torch.Tensor:
        return torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=_META)


class ConstantsLostError(Exception):
    """``torch.tensor(values, device=...)`` was called for the device of data: to be run again with ``Constants``."""


class ShapesRun(Run):  # type: ignore[no-untyped-call]
    """Runs ops on data as shapes, ops on constants for real. ``keeps_constants``: under ``Constants``."""

    name = "shapes"

    def __init__(self, observer: Observer, guard: Guard, data: Iterator[torch.Tensor], memo: Memo, keeps_constants: bool) -> None:
        super().__init__(observer, guard)
        self._memo = memo
        self._keeps_constants = keeps_constants
        self._stand_ins: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
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
            with torch.inference_mode(tensor.is_inference()):  # a view must be of the same sort as what it is of
                made = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=_META)
                if tensor.requires_grad:
                    made.requires_grad_()
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
                "count a real model on real inputs (run='auto' then runs it for real), or register a formula for the module with "
                "covers='subtree'",
            )
        )

    # -- ops -------------------------------------------------------------------------------------------------------

    def op(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        given = op_tensors(args)
        if kwargs:
            given += op_tensors(tuple(kwargs.values()))
        for tensor in given:
            if tensor.is_meta or id(tensor) in self._data or tensor.numel() > LARGE:
                break
        else:
            return self._constant(func, facts, args, kwargs, given)
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
        return self._shapes(func, facts, args, kwargs)

    def _constant(self, func: Any, facts: OpFacts, args: Any, kwargs: Any, given: list[torch.Tensor]) -> Any:
        if "device" in kwargs and kwargs["device"] is not None:
            kwargs = {**kwargs, "device": _CPU}
        if not facts.view and not facts.writes and self._is_large(func, args, kwargs, given):
            return self._shapes(func, facts, args, kwargs)
        if self._guard is not None:
            self._guard.before(facts, args, kwargs)
        before = op_specs(args), {name: op_specs(value) for name, value in kwargs.items()}
        out = func(*args, **kwargs)
        self._observer.ran(func, *before, out)
        return out

    def _is_large(self, func: Any, args: Any, kwargs: Any, given: list[torch.Tensor]) -> bool:
        """Whether a constant op would make more than is worth computing: asked before it is run."""
        if given:
            if prod(max(tensor.numel(), 1) for tensor in given) <= LARGE:
                return False
        elif prod(size for size in _ints(args) if size > 0) <= LARGE and not any(value > LARGE for value in _numbers(args)):
            return False
        try:
            out = func(*self._mapped(args), **{**self._mapped(kwargs), **({"device": _META} if "device" in kwargs else {})})
        except Exception:
            return False  # no shape can be told without running it
        return any(tensor.numel() > LARGE for tensor in tensors(out))

    def _shapes(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        mapped, named = self._mapped(args), self._mapped(kwargs)
        if "device" in named and named["device"] is not None:
            named["device"] = _META
        if facts.view or facts.reshapes:
            return self._view(func, facts, args, kwargs, mapped, named)
        key = (func, _key(mapped), _key(named))
        known = self._memo.known.get(key)
        if known is None:
            self._memo.misses += 1
            made = self._first(func, facts, mapped, named)
            given = {name: value for name, value in named.items() if name not in facts.out_names}
            call = self._observer.call(
                func, op_specs(mapped), {name: op_specs(value) for name, value in given.items()}, op_specs(made)
            )
            known = (_recipe(made, facts), call)
            self._memo.put(key, *known)
            out = _written(facts, args, kwargs, made)
        else:
            self._memo.hits += 1
            out = _written(facts, args, kwargs, _again(known[0]))
        self._observer.note(known[1], facts.makes)
        return out

    def _first(self, func: Any, facts: OpFacts, args: Any, kwargs: Any) -> Any:
        """Work out an op's output shapes. Raises ``DataNeededError`` where they depend on values."""
        if facts.dynamic and facts.name not in ("aten::index", "aten::_unsafe_index", "aten::index_put"):
            raise self.data_needed(f"{facts.name} gives as many elements as the values say")
        made = output(facts.name, bool(facts.writes), args, kwargs)
        if made is not None:
            return made
        try:
            return func(*args, **kwargs)
        except NotImplementedError as error:
            raise self.data_needed(f"{facts.name} has no shapes-only implementation ({_first_line(error)})") from error

    def _view(self, func: Any, facts: OpFacts, args: Any, kwargs: Any, mapped: Any, named: Any) -> Any:
        """A view must share memory with what it is of, so it is made each time."""
        key = (func, _key(mapped), _key(named))
        before = None if key in self._memo.known else (op_specs(mapped), {name: op_specs(value) for name, value in named.items()})
        out = func(*args, **kwargs) if facts.reshapes else func(*mapped, **named)
        if before is not None:
            self._memo.put(key, None, self._observer.call(func, *before, op_specs(out)))
        self._observer.note(self._memo.known[key][1], False)
        return out

    def _mapped(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self.shape_of(value)
        if type(value) in (list, tuple):
            return type(value)([self._mapped(item) for item in value])
        if type(value) is dict:
            return {name: self._mapped(item) for name, item in value.items()}
        return value

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


class Constants(TorchFunctionMode):
    """Keeps real what would be lost before an op is seen: values given to ``torch.tensor`` for a meta device, and recurrent
    layers, which compare their input's device with their weights' (Deformable DETR; ``nn.LSTM``).

    Every function and attribute of a tensor goes through such a mode, so it is put on only for a model that needs it.
    """

    def __init__(self, run: ShapesRun) -> None:
        super().__init__()
        self._run = run

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _FROM_VALUES and func in _FROM_VALUES[name]:
            return _from_values(func, name, args, kwargs)
        if name in _RECURRENT and any(tensor.is_meta for tensor in tensors(args)):
            with torch._C._DisableTorchDispatch():  # making a stand-in is no op of the model's
                mapped = self._run._mapped(args)
            return func(*mapped, **kwargs)
        return func(*args, **kwargs)


_RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
_FROM_VALUES: dict[str, tuple[Any, ...]] = {
    "tensor": (torch.tensor,),
    "as_tensor": (torch.as_tensor,),
    "asarray": (torch.asarray,),
    "new_tensor": (torch.Tensor.new_tensor,),
}


def _from_values(func: Any, name: str, args: Any, kwargs: Any) -> Any:
    if name == "new_tensor":
        like, value, *_ = args if len(args) > 1 else (*args, kwargs.pop("data"))
        if not like.is_meta:
            return func(*args, **kwargs)
        return torch.tensor(value, **{"dtype": like.dtype, **kwargs, "device": _CPU})
    device = kwargs.get("device")
    if device is None or torch.device(device).type != "meta" or isinstance(args[0] if args else None, torch.Tensor):
        return func(*args, **kwargs)
    return func(*args, **{**kwargs, "device": _CPU})


def needs_constants(model: nn.Module) -> bool:
    """Whether ``Constants`` is needed from the start."""
    return any(isinstance(module, (nn.RNNBase, nn.RNNCellBase)) for module in model.modules())


def model_data(model: nn.Module, inputs: Any) -> Iterator[torch.Tensor]:
    """What is data from the start."""
    yield from model.parameters()
    yield from model.buffers()
    yield from tensors(inputs)


def _is_small_index(tensor: torch.Tensor) -> bool:
    """Ids and masks decide which way the code takes: they stay real while they are small."""
    return not (tensor.is_floating_point() or tensor.is_complex()) and not tensor.is_meta and tensor.numel() <= LARGE


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


def _recipe(made: Any, facts: OpFacts) -> Any:
    if isinstance(made, torch.Tensor):
        return _New(made)
    if isinstance(made, (list, tuple)):
        return type(made)([_recipe(item, facts) for item in made])
    return made


def _again(recipe: Any) -> Any:
    if isinstance(recipe, _New):
        return recipe.again()
    if isinstance(recipe, (list, tuple)):
        return type(recipe)([_again(item) for item in recipe])
    return recipe


def _key(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return (value.shape, value.stride(), value.dtype)
    if isinstance(value, (list, tuple)):
        return tuple([_key(item) for item in value])
    if isinstance(value, dict):
        return tuple([(name, _key(item)) for name, item in value.items()])
    if isinstance(value, (int, float)):
        return (type(value), value if value == value else "nan")
    return value


def _ints(args: Any) -> Iterator[int]:
    """The sizes among an op's arguments: those in lists."""
    for value in args:
        if isinstance(value, (list, tuple)):
            yield from (item for item in value if isinstance(item, int))


def _numbers(args: Any) -> Iterator[float]:
    yield from (value for value in args if isinstance(value, (int, float)))


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
