"""The ``repr`` of a model in which each module shows figures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def annotated(model: nn.Module, extra: Callable[[nn.Module], str]) -> str:
    """The ``repr`` of a model, with ``extra(module)`` in the place of each ``extra_repr()``.

    The model itself is not changed.

    >>> print(annotated(nn.Sequential(nn.ReLU()), lambda module: str(len(list(module.modules())))))
    Sequential(
      2
      (0): ReLU(1)
    )
    """
    return repr(_shown(model, extra, {}))


def _shown(
    module: nn.Module, extra: Callable[[nn.Module], str], known: dict[int, nn.Module]
) -> nn.Module:
    """A copy of a module for its ``repr``."""
    if isinstance(module, torch.jit.ScriptModule):
        return module  # it cannot be copied in part
    made = known.get(id(module))
    if made is None:
        made = known[id(module)] = object.__new__(type(module))
        text = extra(module)
        vars(made).update(vars(module), extra_repr=lambda: text)
        vars(made)["_modules"] = {
            name: None if child is None else _shown(child, extra, known)
            for name, child in module._modules.items()
        }
    return made
