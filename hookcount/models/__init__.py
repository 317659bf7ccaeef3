"""From a name to a model and an input for it: ``build("resnet50")``. No weight is ever downloaded."""

from __future__ import annotations

import torch

from ..core.errors import UnknownModelError, tell
from . import code as factories
from . import huggingface, timm, torchvision
from .built import Built
from .code import HOW
from .construct import constructed

__all__ = ["Built", "build"]


def build(name: str, device: torch.device | str | None = None, *, real: bool = False) -> Built:
    """The model called ``name`` (see `hookcount --help`), with its default input where one is known.

    A model of a library is built on the meta device where its count needs no values, so that the largest takes no memory; with
    ``real`` it has (random) values, on the CPU. A factory puts its model where it likes. ``device`` puts either there.

    >>> built = build("resnet18")
    >>> type(built.model).__name__, built.args[0].shape
    ('ResNet', torch.Size([1, 3, 224, 224]))
    """
    source, colon, rest = name.partition(":")
    place = device or ("cpu" if real else None)
    if not colon:
        built = torchvision.build(name, place)
    elif not source or name.endswith(":"):
        raise UnknownModelError(tell(repr(name), "half of the name is missing", f"write {HOW}"))
    elif source == "timm":
        built = timm.build(name, rest, place)
    elif source == "hf":
        built = huggingface.build(name, rest, place)
    else:
        built = Built(name, _from_code(name, device))
    built.model.eval()
    return built


def _from_code(name: str, device: torch.device | str | None) -> torch.nn.Module:
    source, _, attribute = name.rpartition(":")
    if device is None:
        return factories.build(name, source, attribute)
    return constructed(lambda: factories.build(name, source, attribute), device)
