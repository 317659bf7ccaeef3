"""Stand-ins of modules: what a formula sees of a module, so that a trace outlives the model and holds none of its memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import nn

from ..trace import Spec
from .places import TORCHS_OWN
from .quiet import quiet
from .specs import spec

_HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)

_on_meta_already: dict[tuple[Spec, bool], torch.Tensor] = {}


class StandIns:
    """One stand-in per state of a module: made again only when an attribute changed, since formulas may read any."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[nn.Module, dict[str, Any], list[Any], nn.Module]] = {}

    def of(self, module: nn.Module) -> nn.Module:
        """The stand-in of ``module`` as it is now: same class, same attributes, parameters and buffers on meta."""
        state = vars(module)
        held = [*module.__dict__.get("_parameters", {}).values(), *module.__dict__.get("_buffers", {}).values()]
        known = self._last.get(id(module))
        if known is not None and _same(known[1], state) and _same_tensors(known[2], held):
            return known[3]
        made = self._make(module)
        self._last[id(module)] = (module, dict(state), held, made)
        return made

    def _make(self, module: nn.Module) -> nn.Module:
        if isinstance(module, torch.jit.ScriptModule):
            return module
        made: nn.Module = object.__new__(type(module))
        state = {name: value if name in TORCHS_OWN else self._attribute(value) for name, value in vars(module).items()}
        for name in ("_parameters", "_buffers"):
            state[name] = {key: None if held is None else _on_meta(held) for key, held in vars(module)[name].items()}
        children = {name: None if child is None else self._child(child) for name, child in module._modules.items()}
        state["_modules"] = children
        for name in _HOOKS:
            if name in state:
                state[name] = OrderedDict()
        made.__dict__.update(state)
        return made

    def _child(self, module: nn.Module) -> nn.Module:
        known = self._last.get(id(module))
        if known is not None:
            return known[3]
        hollow = nn.Module()  # stands for it while it is being made, should the tree have a cycle
        self._last[id(module)] = (module, {}, [], hollow)
        return self.of(module)

    def _attribute(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return _on_meta(value)
        if isinstance(value, nn.Module):
            return self._child(value)
        if type(value) in (list, tuple) and any(isinstance(item, (torch.Tensor, nn.Module)) for item in value):
            return type(value)(self._attribute(item) for item in value)
        if type(value) is dict and any(isinstance(item, (torch.Tensor, nn.Module)) for item in value.values()):
            return {key: self._attribute(item) for key, item in value.items()}
        return value


def _on_meta(tensor: torch.Tensor) -> torch.Tensor:
    """A meta tensor of that shape and dtype: the same one each time, since nobody writes to it."""
    key = (spec(tensor), isinstance(tensor, nn.Parameter))
    made = _on_meta_already.get(key)
    if made is None:
        with quiet():
            made = torch.empty(key[0].shape, dtype=tensor.dtype, device="meta")
            if key[1]:
                made = nn.Parameter(made, requires_grad=False)
        if len(_on_meta_already) > 10_000:
            _on_meta_already.clear()
        _on_meta_already[key] = made
    return made


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if len(old) != len(new):
        return False
    for key, value in new.items():
        before = old.get(key, _same)
        if before is not value and not (type(before) is type(value) and isinstance(value, (int, float, str)) and before == value):
            return False
    return True


def _same_tensors(old: list[Any], new: list[Any]) -> bool:
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
