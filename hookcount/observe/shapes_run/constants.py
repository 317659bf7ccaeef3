"""The function mode that keeps constants real which torch would lose before an op is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..function_names import original_of
from ..module_tree import ModuleTree
from ..values import OpArgs, OpKwargs, OpResult
from .recurrent import is_recurrent
from .shapes import ShapesRun

Function = Callable[..., Any]
"""A function or method of torch, as a function mode receives it."""


class Constants(TorchFunctionMode):
    """Handles two cases that fail before the dispatch mode sees an op.

    - ``torch.tensor(values, device="meta")`` would lose its values (Deformable DETR).
    - Some functions compare the devices of their tensors, of an activation and a weight for example
      (``nn.LSTM``, ``stft``). Such a function gets stand-ins: see ``DeviceChecks``.

    Every access to a function or attribute of a tensor passes through a function mode. So this mode
    is active only for a model that needs it.
    """

    keeps_constants = True
    """Marks this mode: see ``attention.py``."""

    def __init__(self, run: ShapesRun) -> None:
        super().__init__()
        self._run = run

    def __torch_function__(
        self, func: Function, types: object, args: OpArgs = (), kwargs: OpKwargs | None = None
    ) -> OpResult:
        func, kwargs, devices = original_of(func), kwargs or {}, self._run.devices
        name = getattr(func, "__name__", "")
        if name in _FROM_VALUES and func in _FROM_VALUES[name] and not devices.captured():
            return _from_values(func, name, args, kwargs)
        if name == "__set__" and getattr(func, "__self__", None) is torch.Tensor.data:
            return self._set_data(func, *args)
        if devices.compares(func, args, kwargs):
            return devices.run(func, args, kwargs)
        if is_recurrent(func) and not kwargs:
            return devices.recurrent.run(func, args)
        try:
            return func(*args, **kwargs)
        except Exception as error:
            devices.learn(func, args, kwargs, error)
            raise

    def _set_data(self, func: Function, tensor: torch.Tensor, value: torch.Tensor) -> None:
        """``tensor.data = value``, where a real tensor cannot get a value on meta.

        It gets memory of the same shape that nobody reads, since the tensor is data.
        """
        if value.is_meta and not tensor.is_meta:
            with torch._C._DisableTorchDispatch():
                value = torch.empty_strided(
                    value.shape, value.stride(), dtype=value.dtype, device=tensor.device
                )
            self._run.data.forget(tensor)
        func(tensor, value)


_FROM_VALUES: dict[str, tuple[Function, ...]] = {
    "tensor": (torch.tensor,),
    "as_tensor": (torch.as_tensor,),
    "asarray": (torch.asarray,),
    "new_tensor": (torch.Tensor.new_tensor,),
}


def _from_values(func: Function, name: str, args: OpArgs, kwargs: OpKwargs) -> OpResult:
    """Make a tensor from Python values. Where its device would be meta, it is made on the CPU."""
    if name == "new_tensor":
        like, value, *_ = args if len(args) > 1 else (*args, kwargs.pop("data"))
        if not like.is_meta:
            return func(*args, **kwargs)
        return torch.tensor(value, **{"dtype": like.dtype, **kwargs, "device": "cpu"})
    device = kwargs.get("device")
    if (
        device is None
        or torch.device(device).type != "meta"
        or isinstance(args[0] if args else None, torch.Tensor)
    ):
        return func(*args, **kwargs)
    return func(*args, **{**kwargs, "device": "cpu"})


def needs_constants(tree: ModuleTree) -> bool:
    """Whether the model has recurrent layers, so that ``Constants`` is needed from the start."""
    return any(isinstance(module, (nn.RNNBase, nn.RNNCellBase)) for module in tree.modules)
