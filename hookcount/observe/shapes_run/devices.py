"""Functions of torch that compare the devices of their tensors before any op is seen.

In a shapes-only run an activation is on meta, and a parameter or a constant is not. So such a
function raises. It gets stand-ins for all of its tensors instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only

from ...core.errors import HookcountError, said
from ...core.structures import changed
from ..contained import tensors
from ..observer import Observer
from ..opfacts import op_facts
from ..transforms import transformed
from ..values import OpArgs, OpKwargs
from .data import Data
from .memo import Memo
from .meta_tensors import META
from .recurrent import Recurrent, layer_of, runs_packed

Function = Callable[..., Any]
"""A function or method of torch, or an op."""

_RECURRENT = frozenset(
    (
        *("lstm", "gru", "rnn_tanh", "rnn_relu"),
        *("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"),
    )
)
_KNOWN: frozenset[object] = frozenset(
    (
        *(torch.stft, torch.istft, torch.cdist, torch.linalg.multi_dot, torch.chain_matmul),
        *(torch.quantile, torch.Tensor.quantile, torch.nanquantile, torch.Tensor.nanquantile),
        *(torch.take_along_dim, torch.Tensor.take_along_dim, torch.meshgrid, torch.cartesian_prod),
        *(torch.Tensor.stft, torch.Tensor.istft),
        *(torch.cov, torch.Tensor.cov, torch.ops.aten.cov.default),
    )
)
_NARROW = frozenset((torch.narrow, torch.Tensor.narrow, torch.ops.aten.narrow.Tensor))
_NARROW_OP = torch.ops.aten.narrow.default
_ATTENTION = nn.functional.scaled_dot_product_attention


class DeviceChecks:
    """Knows the functions that compare devices.

    ``memo`` has those that raised for this reason in an earlier run. A new one is added to it.
    """

    def __init__(self, observer: Observer, data: Data, memo: Memo) -> None:
        self.recurrent = Recurrent(observer, data, memo)
        self._observer = observer
        self._data = data
        self._learnt = memo.compare_devices
        self._moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        """By identity, each tensor that requires a gradient, and its copy on meta."""
        self._hold = 0
        """How many of the next checks of values in such a function hold. The others fail."""

    def compares(self, func: Function, args: OpArgs, kwargs: OpKwargs) -> bool:
        """Whether ``func`` is known to compare the devices of these arguments."""
        if func in _NARROW:
            start = args[2] if len(args) > 2 else kwargs.get("start")
            return isinstance(start, torch.Tensor) and self._data.has(start)
        if func in _KNOWN or func in self._learnt:  # it may make meta tensors before it compares
            return any(map(self._data.has, tensors((args, kwargs))))
        if func is _ATTENTION or layer_of(func) in _RECURRENT:
            return any(tensor.is_meta for tensor in tensors((args, kwargs)))
        return False

    def run(
        self, func: Function, args: OpArgs, kwargs: OpKwargs, call: Function | None = None
    ) -> Any:
        """``func(*args, **kwargs)`` with a stand-in for each tensor.

        Inside it, a tensor that is made on meta is data, and ``aten::equal`` is a check. A tensor
        that the function writes to is data afterwards. The result has that tensor, not its
        stand-in. ``call``: runs ``func``, which is an op.
        """
        if func in _NARROW:
            args, kwargs = _from_the_start(args, kwargs)
            return func(*args, **kwargs) if call is None else call(_NARROW_OP, args, kwargs)
        given = list(tensors((args, kwargs)))
        with torch._C._DisableTorchDispatch():  # the model does not run these ops
            rows = args[1] if runs_packed(func, args) else None
            args, kwargs = self._mapped(args), self._mapped(kwargs)
            if rows is not None:  # the code reads them
                args = (args[0], rows, *args[2:])
        self._data.inside += 1
        self._hold = _checks(func, kwargs)
        try:
            if call is not None:
                out = call(func, args, kwargs)
            else:
                out = func(*args, **kwargs) if kwargs else self.recurrent.run(func, args)
        finally:
            self._data.inside -= 1
        stand_ins = zip(given, tensors((args, kwargs)), strict=True)
        of = {id(made): own for own, made in stand_ins if made is not own}
        written = [each for each in tensors(_written(func, args, kwargs)) if id(each) in of]
        if not written:
            return out
        for each in written:
            self._wrote(of[id(each)], each)
        return _replaced(out, of)

    def answer(self) -> bool:
        """What ``aten::equal`` gives inside such a function."""
        self._hold -= 1
        return self._hold >= 0

    def _wrote(self, tensor: torch.Tensor, stand_in: torch.Tensor) -> None:
        """A function wrote data to a tensor's stand-in, and may have given it another shape."""
        if self._observer.given is not None:
            self._observer.given.guard.save(tensor)
        self._data.take(tensor)
        if tensor.shape != stand_in.shape:
            self._data.reshape(tensor, stand_in)
        self._observer.origins.filled(tensor)

    def _mapped(self, value: Any) -> Any:
        """``Data.mapped``. A tensor that requires a gradient keeps its place in the graph."""
        return tree_map_only(torch.Tensor, self._on_meta, value)

    def _on_meta(self, tensor: torch.Tensor) -> torch.Tensor:
        tracked = tensor.requires_grad and torch.is_grad_enabled() and not transformed()
        if tensor.is_meta or not tracked:
            return self._data.stand_in(tensor)
        known = self._moved.get(id(tensor))
        if known is None:
            known = self._moved[id(tensor)] = tensor, tensor.to(META)
        return known[1]

    def learn(self, func: Function, args: OpArgs, kwargs: OpKwargs, error: Exception) -> None:
        """Note that ``func`` compares devices, if ``error`` says so.

        It may name two types of tensors instead, as ``MetaComplexFloatType``. A function that wants
        a tensor on the CPU reads its values.
        """
        text = said(error).lower()
        if "to be on cpu" in text and "on meta" in text and _torchs(func):
            name = str(getattr(func, "__name__", func)).partition(".")[0]
            raise self._data.needed(f"{name} reads the values of a tensor") from error
        if (
            isinstance(error, HookcountError)
            or not ("device" in text or ("meta" in text and self._data.device.type in text))
            or not _torchs(func)
        ):
            return
        if any(map(self._data.has, tensors((args, kwargs)))):
            self._learnt.add(func)

    def makes_data(self, kwargs: OpKwargs) -> bool:
        """Whether an op with these arguments makes a tensor that is to be on meta.

        So is a gradient. A forward that runs again in a backward pass records its ops.
        """
        gradient = torch._C._current_graph_task_id() != -1 and not torch.is_grad_enabled()
        if not (self._data.inside > 0 or gradient or self.captured()):
            return False
        return kwargs.get("device") == META

    def captured(self) -> bool:
        """Whether an optimizer is running that keeps its numbers on the device."""
        step = self._observer.step
        return step is not None and step.updates.captures()


def _from_the_start(args: OpArgs, kwargs: OpKwargs) -> tuple[OpArgs, OpKwargs]:
    """The arguments of ``narrow(input, dim, start, length)``, with 0 as the start."""
    names = ("input", "dim", "start", "length")
    named = {**dict(zip(names, args, strict=False)), **kwargs, "start": 0}
    first = named.pop("input", None)
    return (named.pop("self", first), *(named[name] for name in names[1:])), {}


def _checks(func: Function, kwargs: OpKwargs) -> int:
    """How many checks of ``func`` hold before one that asks for an error.

    ``cov`` checks each of its weights, and their sum, and then asks for a warning.
    """
    if getattr(func, "__name__", "").partition(".")[0] != "cov":
        return 0
    weights = sum(kwargs.get(name) is not None for name in ("fweights", "aweights"))
    return weights and weights + 1


def _written(func: Function, args: OpArgs, kwargs: OpKwargs) -> list[object]:
    """The arguments that a function writes to: ``out=``, and the first one of a method in place."""
    if isinstance(func, torch._ops.OpOverload):
        return op_facts(func).written(args, kwargs)
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.endswith("__")
    return [kwargs.get("out"), *(args[:1] if in_place else ())]


def _replaced(value: Any, of: dict[int, torch.Tensor]) -> Any:
    """A function's result, with each stand-in that has a key in ``of`` replaced."""
    if isinstance(value, torch.Tensor):
        return of.get(id(value), value)
    made = changed(value, lambda each: _replaced(each, of))
    return value if made is NotImplemented else made


def _torchs(func: Function) -> bool:
    """Whether a function is torch's own, so that it lasts."""
    if isinstance(func, torch._ops.OpOverload):
        return func.namespace == "aten"
    owner = getattr(func, "__objclass__", func)
    return str(getattr(owner, "__module__", "")).partition(".")[0] == "torch"
