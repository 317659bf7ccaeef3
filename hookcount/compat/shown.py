"""The text of a model in which each module says something of its own, as some tools print it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Say = Callable[[nn.Module], str]


def shown(model: nn.Module, say: Say) -> str:
    """``repr(model)``, where ``say(module)`` stands before the options of each module.

    The model itself is not changed.

    >>> shown(nn.Linear(2, 3), lambda module: "6 MACs")
    'Linear(6 MACs, in_features=2, out_features=3, bias=True)'
    """
    return repr(_copy(model, say, {}))


def _copy(module: nn.Module, say: Say, known: dict[int, nn.Module]) -> nn.Module:
    if isinstance(module, torch.jit.ScriptModule):
        return module  # it cannot be copied in part
    made = known.get(id(module))
    if made is None:
        made = known[id(module)] = object.__new__(type(module))
        said, extra = say(module), module.extra_repr()
        vars(made).update(vars(module), extra_repr=lambda: f"{said}, {extra}")
        vars(made)["_modules"] = {
            name: None if child is None else _copy(child, say, known)
            for name, child in module._modules.items()
        }
    return made
