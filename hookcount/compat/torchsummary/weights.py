"""The parameters of a row of ``torchsummary.summary``: those of ``weight`` and ``bias``."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from ...core.trace import ModuleRun, Spec

_BEFORE = ("_orig", "_g", "_v")
"""How parameters end from whose values pruning and norms make a weight before each forward."""


class Weights:
    """The elements of ``weight`` and ``bias``, without a computation of either.

    A parametrized weight is computed each time that code reads it, and the parametrization may
    change its buffers. So its shape comes from the runs of a count.
    """

    def __init__(self, runs: Iterable[ModuleRun]) -> None:
        self._computed = {
            run.path: run.call.out
            for run in runs
            if run.call is not None and isinstance(run.call.out, Spec)
        }

    def of(self, module: nn.Module, path: str) -> tuple[int, int]:
        """The elements of both, and those that are trainable: all of them if the weight is.

        ``path`` is that of the call.
        """
        weight, trainable = self._of(module, path, "weight")
        params = weight + self._of(module, path, "bias")[0]
        return params, params if trainable else 0

    def _of(self, module: nn.Module, path: str, name: str) -> tuple[int, bool]:
        made_by = _parametrization(module, name)
        if made_by is not None:
            out = self._computed.get(f"{path}.parametrizations.{name}".lstrip("."))
            trainable = any(each.requires_grad for each in made_by.parameters())
            return _elements(made_by) if out is None else prod(out.shape), trainable
        value: Any = getattr(module, name, None)
        if not hasattr(value, "size"):
            return 0, False
        found = (module._parameters.get(f"{name}{ending}") for ending in _BEFORE)
        sources = [each for each in found if each is not None] or [value]
        return prod(value.size()), any(each.requires_grad for each in sources)


def _parametrization(module: nn.Module, name: str) -> ParametrizationList | None:
    held = module._modules.get("parametrizations")
    found = held._modules.get(name) if isinstance(held, nn.ModuleDict) else None
    return found if isinstance(found, ParametrizationList) else None


def _elements(made_by: ParametrizationList) -> int:
    """The elements of the largest tensor that a parametrization starts from."""
    held = (*made_by._parameters.values(), *made_by._buffers.values())
    return max((each.numel() for each in held if isinstance(each, torch.Tensor)), default=0)
