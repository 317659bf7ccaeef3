"""Whole models in files of ``torch.save``, which are unpickled only with the caller's trust."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ...core.errors import ModelError, UnknownModelError, error_text, said
from ...core.names import clean
from ..built import Built
from ..code import importing_beside
from .contents import Content
from .names import INSTEAD

TRUST = "add --trust (in Python: trust=True) if you trust the file"
_SHOWN = 3
"""How many classes or keys a message names."""


def loaded(name: str, path: Path, found: Content, device: torch.device | str, trust: bool) -> Built:
    """The pickled model of a file, on ``device``.

    A checkpoint that holds a module under one key, as that of ultralytics, is that module. Raises
    ``ModelError`` for weights without a model and for a file that cannot be unpickled, and
    ``UnknownModelError`` for a file that is not trusted.
    """
    if not found.classes:
        raise _no_model(name, "the file holds weights (tensors, a state dict), and no model")
    if not trust:
        what = (
            f"the file is a pickle with {_listed(found.classes)}, and unpickling can run any code"
        )
        raise UnknownModelError(error_text(repr(name), what, f"{TRUST}; or {INSTEAD}"))
    try:
        with importing_beside(path):
            value = torch.load(path, map_location=device, weights_only=False)
    except (Exception, SystemExit) as error:
        what = f"it cannot be unpickled: {said(error)}"
        fix = (
            "run where the classes of the model can be imported, with the versions it was saved by"
        )
        raise ModelError(error_text(repr(name), what, fix)) from error
    return Built(name, _model(name, value))


def unpicklable(error: BaseException) -> bool:
    """Whether torch refused to unpickle more than tensors."""
    return isinstance(error, pickle.UnpicklingError) and "eights only" in str(error)


def _model(name: str, value: object) -> nn.Module:
    if isinstance(value, nn.Module):
        return value
    if not isinstance(value, Mapping):
        raise _no_model(name, f"the file holds an object of type {type(value).__name__}")
    held = {key: each for key, each in value.items() if isinstance(each, nn.Module)}
    if len(held) == 1 or "model" in held:
        return held["model"] if "model" in held else next(iter(held.values()))
    keys = _listed([repr(each) for each in value])
    if held:
        raise _no_model(name, f"the file holds several models: {_listed([*map(repr, held)])}")
    raise _no_model(name, f"the file holds a dict with {keys}, and no model")


def _no_model(name: str, what: str) -> ModelError:
    return ModelError(error_text(repr(name), what, f"{INSTEAD}; weights do not change a count"))


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return clean(", ".join(names[:_SHOWN])) + more
