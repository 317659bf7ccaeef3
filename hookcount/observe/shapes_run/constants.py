"""The function mode under which constants stay real that would be lost before an op is seen."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..places import Places
from ..specs import tensors
from .shapes import ShapesRun


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
                mapped = self._run.mapped(args)
            return func(*mapped, **kwargs)
        return func(*args, **kwargs)


_RECURRENT = {
    "lstm",
    "gru",
    "rnn_tanh",
    "rnn_relu",
    "lstm_cell",
    "gru_cell",
    "rnn_tanh_cell",
    "rnn_relu_cell",
}
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
        return torch.tensor(value, **{"dtype": like.dtype, **kwargs, "device": "cpu"})
    device = kwargs.get("device")
    if (
        device is None
        or torch.device(device).type != "meta"
        or isinstance(args[0] if args else None, torch.Tensor)
    ):
        return func(*args, **kwargs)
    return func(*args, **{**kwargs, "device": "cpu"})


def needs_constants(places: Places) -> bool:
    """Whether ``Constants`` is needed from the start."""
    return any(isinstance(module, (nn.RNNBase, nn.RNNCellBase)) for module in places.modules)
