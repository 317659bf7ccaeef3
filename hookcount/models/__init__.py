"""From a name to a model and its input: ``build("resnet50")``. No weights are downloaded."""

from __future__ import annotations

import torch

from ..core.errors import UnknownModelError, error_text
from . import code, huggingface, timm, torchvision
from .built import Built
from .code import HOW
from .construct import constructed

__all__ = ["Built", "build"]


def build(name: str, device: torch.device | str | None = None, *, real: bool = False) -> Built:
    """Build the model called ``name`` in eval mode, with its default input if hookcount knows one.

    ``name``: the name of a torchvision model, ``timm:NAME``, ``hf:path/to/config.json``,
    ``package.module:factory`` or ``path/to/file.py:factory``; see `hookcount --help`.

    A model of a library is built on the meta device, where it takes no memory, if its count needs
    no values. With ``real`` it is built on the CPU, with random values. A factory chooses the
    device of its model. ``device`` overrides all of these.

    Raises ``UnknownModelError`` for an unknown name, ``ModelError`` if the model cannot be built.

    >>> built = build("resnet18")
    >>> type(built.model).__name__, built.args[0].shape
    ('ResNet', torch.Size([1, 3, 224, 224]))
    """
    source, colon, rest = name.partition(":")
    place = device or ("cpu" if real else None)
    if not colon:
        built = torchvision.build(name, place)
    elif not source or name.endswith(":"):
        raise UnknownModelError(
            error_text(repr(name), "a part of the name is missing", f"write {HOW}")
        )
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
        return code.build(name, source, attribute)
    return constructed(lambda: code.build(name, source, attribute), device)
