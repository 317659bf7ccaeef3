"""The shapes of parametrized tensors (``torch.nn.utils.parametrize``), for stand-ins.

To read such a tensor runs the user's parametrization. It may draw random numbers, write to buffers,
print or raise. So the shape comes from the forward, which read the tensor itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ..core.trace import Spec
from .specs import spec_of

_HOME = parametrize.__name__


class Parametrized:
    """The parametrized tensors that the forwards of one count have read."""

    def __init__(self) -> None:
        self._read: dict[int, tuple[nn.Module, Spec]] = {}
        """By the identity of a parametrization, which the value keeps alive."""

    def note(self, parametrization: nn.Module, out: object) -> None:
        """A parametrization returned ``out``."""
        if isinstance(out, torch.Tensor):
            self._read[id(parametrization)] = parametrization, spec_of(out)

    def of(self, module: nn.Module) -> dict[str, Spec]:
        """The parametrized tensors of a module, by name."""
        return {
            name: self._spec(module, name, each)
            for name, each in parametrizations(module)
            if len(each)
        }

    def _spec(self, module: nn.Module, name: str, each: parametrize.ParametrizationList) -> Spec:
        read = self._read.get(id(each))
        if read is not None:
            return read[1]
        kept = parametrize._cache.get((id(module), name))
        if isinstance(kept, torch.Tensor):  # the caller counts inside ``parametrize.cached()``
            return spec_of(kept)
        # the forward did not read the tensor; torch checks that it has the original's shape
        originals = [spec_of(tensor) for tensor in each._parameters.values() if tensor is not None]
        originals += [spec_of(tensor) for tensor in each._buffers.values() if tensor is not None]
        return max(originals, key=lambda spec: spec.bytes)


def parametrizations(module: nn.Module) -> Iterator[tuple[str, parametrize.ParametrizationList]]:
    """The parametrizations of a module, by the name of the tensor."""
    held = module._modules.get("parametrizations")
    if isinstance(held, nn.ModuleDict):
        for name, each in held._modules.items():
            if isinstance(each, parametrize.ParametrizationList):
                yield name, each


def class_before(module: nn.Module) -> type:
    """The class that a module had before torch gave it properties for parametrized tensors.

    The properties of such a class refer to the module itself, and with it to its weights.
    """
    cls = type(module)
    names = [name for name, _ in parametrizations(module)]
    given = [at for at, base in enumerate(cls.__mro__) if _has_property(vars(base), names)]
    return cls.__mro__[given[-1] + 1] if given else cls


def _has_property(attributes: Any, names: Iterable[str]) -> bool:
    found = [attributes.get(name) for name in names]
    return any(isinstance(each, property) and each.fget.__module__ == _HOME for each in found)
