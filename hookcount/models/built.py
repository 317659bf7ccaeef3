"""``Built``: a model, and what its ``forward`` is to be given."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Built:
    """A model in eval mode, and what its ``forward`` is to be given. ``args`` is None where no input is known for it."""

    name: str
    model: nn.Module
    args: tuple[Any, ...] | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    takes_list: bool = False
    """Its ``forward`` takes one list of images, as torchvision's detectors do."""
    needs: tuple[str, ...] = ()
    """What its ``forward`` cannot do without though its signature does not say so, where no input is known for it."""

    def with_inputs(self, positional: Iterable[Tensor], named: Mapping[str, Tensor]) -> Built:
        """The same model with other inputs."""
        given = tuple(positional)
        return replace(self, args=(list(given),) if self.takes_list else given, kwargs=dict(named))

    def missing_inputs(self) -> list[str]:
        """The parameters of ``forward`` for which there is no input, by name."""
        if self.args is not None or self.kwargs:
            return []
        if self.needs:
            return list(self.needs)
        try:
            parameters = inspect.signature(self.model.forward).parameters.values()
        except (TypeError, ValueError):  # a ScriptModule's forward has no signature
            return []
        plain = (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        return [
            each.name
            for each in parameters
            if each.kind in plain and each.default is inspect.Parameter.empty
        ]

    def device(self) -> torch.device:
        """Where the model is, by its first parameter or buffer; the CPU if it has none."""
        held = (
            each for tensors in (self.model.parameters(), self.model.buffers()) for each in tensors
        )
        return next((each.device for each in held), torch.device("cpu"))

    def dtype(self) -> torch.dtype:
        """What its floating-point inputs are to be, by its first floating-point parameter."""
        kinds = (each.dtype for each in self.model.parameters())
        return next((each for each in kinds if each.is_floating_point), torch.get_default_dtype())
