"""Functions of torch that compare the devices of their tensors before any op is seen.

In a shapes-only run an activation is on meta, and a parameter or a constant is not. So such a
function raises. It gets stand-ins for all of its tensors instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...core.errors import HookcountError, said
from ..observer import Observer
from ..specs import tensors
from ..values import OpArgs, OpKwargs
from .data import Data
from .meta_tensors import META
from .recurrent import Recurrent

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
    )
)
_ATTENTION = nn.functional.scaled_dot_product_attention


class DeviceChecks:
    """Knows the functions that compare devices.

    ``learnt`` are those that raised for this reason in an earlier run. A new one is added to it.
    """

    def __init__(self, observer: Observer, data: Data, learnt: set[object]) -> None:
        self.recurrent = Recurrent(observer, data, learnt)
        self._data = data
        self._learnt = learnt
        self.inside = 0
        """How many such functions are running."""

    def compares(self, func: Function, args: OpArgs, kwargs: OpKwargs) -> bool:
        """Whether ``func`` is known to compare the devices of these arguments."""
        if func in _KNOWN or func in self._learnt:  # it may make meta tensors before it compares
            return any(map(self._data.has, tensors((args, kwargs))))
        if func is _ATTENTION or getattr(func, "__name__", "") in _RECURRENT:
            return any(tensor.is_meta for tensor in tensors((args, kwargs)))
        return False

    def run(self, func: Function, args: OpArgs, kwargs: OpKwargs) -> Any:
        """``func(*args, **kwargs)`` with a stand-in for each tensor.

        Inside it, a tensor that is made on meta is data, and ``aten::equal`` asks for an error, as
        in ``istft``.
        """
        with torch._C._DisableTorchDispatch():  # the model does not run these ops
            args, kwargs = self._data.mapped(args), self._data.mapped(kwargs)
        self.inside += 1
        try:
            return func(*args, **kwargs) if kwargs else self.recurrent.run(func, args)
        finally:
            self.inside -= 1

    def learn(self, func: Function, args: OpArgs, kwargs: OpKwargs, error: Exception) -> None:
        """Note that ``func`` compares devices, if ``error`` says so."""
        if (
            isinstance(error, HookcountError)
            or "device" not in said(error).lower()
            or not _torchs(func)
        ):
            return
        if any(map(self._data.has, tensors((args, kwargs)))):
            self._learnt.add(func)

    def makes_data(self, kwargs: OpKwargs) -> bool:
        """Whether an op with these arguments makes a tensor that is to be on meta."""
        return self.inside > 0 and kwargs.get("device") == META


def _torchs(func: Function) -> bool:
    """Whether a function is torch's own, so that it lasts."""
    if isinstance(func, torch._ops.OpOverload):
        return func.namespace == "aten"
    owner = getattr(func, "__objclass__", func)
    return str(getattr(owner, "__module__", "")).partition(".")[0] == "torch"
