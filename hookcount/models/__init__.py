"""From a name to a model and its input: ``build("resnet50")``. No weights are downloaded."""

from __future__ import annotations

import contextlib

import torch

from ..core.errors import UnknownModelError, error_text
from . import code, huggingface, timm, torchvision, ultralytics
from .built import Built
from .code import HOW
from .construct import constructed
from .files.names import file_of
from .files.opened import opened

__all__ = ["Built", "build"]

_LIBRARIES = {"timm": timm.build, "hf": huggingface.build, "ultralytics": ultralytics.build}
"""By the word before the colon, what builds the models of a library."""


def build(
    name: str,
    device: torch.device | str | None = None,
    *,
    real: bool = False,
    trust: bool = False,
) -> Built:
    """Build the model called ``name`` in eval mode, with its default input if hookcount knows one.

    ``name``: the name of a torchvision model, ``timm:NAME``, ``ultralytics:NAME``,
    ``hf:path/to/config.json``, ``package.module:factory``, ``path/to/file.py:factory``, or a file
    of ``torch.export``, TorchScript or ``torch.save``; see `hookcount --help`.

    A model of a library is built on the meta device, where it takes no memory, if its count needs
    no values. With ``real`` it is built on the CPU, with random values. A factory chooses the
    device of its model. ``device`` overrides all of these. ``trust``: unpickle a whole model from
    a file, which can run any code.

    Raises ``UnknownModelError`` for an unknown name, ``ModelError`` if the model cannot be built,
    ``MissingPackageError`` if its library is not installed.

    >>> built = build("resnet18")
    >>> type(built.model).__name__, built.args[0].shape
    ('ResNet', torch.Size([1, 3, 224, 224]))
    """
    source, colon, rest = name.partition(":")
    place = device or ("cpu" if real else None)
    file = file_of(name)
    if file is not None:
        built = opened(name, file, device, trust)
    elif not name.strip() or (colon and (not source or not rest)):
        raise UnknownModelError(
            error_text(repr(name), "a part of the name is missing", f"give {HOW}")
        )
    elif not colon:
        built = torchvision.build(name, place)
    elif source in _LIBRARIES:
        built = _LIBRARIES[source](name, rest, place)
    else:
        built = Built(name, _from_code(name, device))
    with contextlib.suppress(NotImplementedError):  # a program of torch.export has no modes
        built.model.eval()
    return built


def _from_code(name: str, device: torch.device | str | None) -> torch.nn.Module:
    source, _, attribute = name.rpartition(":")
    if device is None:
        return code.build(name, source, attribute)
    return constructed(lambda: code.build(name, source, attribute), device)
