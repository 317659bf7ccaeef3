"""``Built``: a model and the input for its ``forward``."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

Argument: TypeAlias = Any
"""An argument of ``forward``: a tensor, a list of images, or what a program of ``torch.export`` has
as its example input.
"""


@dataclass(frozen=True, eq=False)
class Built:
    """A model in eval mode, and the input for its ``forward``."""

    name: str
    model: nn.Module
    args: tuple[Argument, ...] | None = None
    """Positional arguments. None if hookcount knows no input for the model."""
    kwargs: Mapping[str, Argument] = field(default_factory=dict)
    takes_list: bool = False
    """Whether ``forward`` takes one list of images, as in torchvision's detectors."""
    needs: tuple[str, ...] = ()
    """Arguments that ``forward`` needs though its signature has defaults for them.

    Empty if hookcount knows an input for the model.
    """

    def with_inputs(self, positional: Iterable[Tensor], named: Mapping[str, Tensor]) -> Built:
        """The same model with other inputs."""
        given = tuple(positional)
        return replace(self, args=(list(given),) if self.takes_list else given, kwargs=dict(named))

    def missing_inputs(self) -> list[str]:
        """The names of the parameters of ``forward`` that need an input and have none."""
        if self.args is not None or self.kwargs:
            return []
        if self.needs:
            return list(self.needs)
        if isinstance(self.model, torch.jit.ScriptModule):
            forward: Any = self.model.forward
            return [
                each.name for each in forward.schema.arguments[1:] if not each.has_default_value()
            ]
        try:
            parameters = inspect.signature(self.model.forward).parameters.values()
        except (TypeError, ValueError):  # a callable of C++ has no signature
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
        """The device of the first parameter or buffer. The CPU if there is none."""
        held = (
            each for tensors in (self.model.parameters(), self.model.buffers()) for each in tensors
        )
        return next((each.device for each in held), torch.device("cpu"))

    def dtype(self) -> torch.dtype:
        """The dtype for floating-point inputs: that of the first floating-point parameter."""
        dtypes = (each.dtype for each in self.model.parameters())
        return next((each for each in dtypes if each.is_floating_point), torch.get_default_dtype())
