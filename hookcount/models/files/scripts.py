"""Models in files of TorchScript."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from ...core.errors import ModelError, error_text, said
from ..built import Built


def loaded(name: str, path: Path, device: torch.device | str) -> Built:
    """The model of a TorchScript file on ``device``. A trace has its own inputs.

    The file's code is that of TorchScript, and no Python runs. Raises ``ModelError`` for a file
    that torch cannot read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.jit is deprecated
            model = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
    except Exception as error:
        what = f"torch cannot read this TorchScript: {said(error).strip().splitlines()[0]}"
        raise ModelError(error_text(repr(name), what, "save the model again")) from error
    return Built(name, model, args=_traced(model, device))


def _traced(model: torch.jit.ScriptModule, device: torch.device | str) -> tuple[object, ...] | None:
    """The inputs with which a trace was made. None if the file has none."""
    try:
        found = model._c._retrieve_traced_inputs().get("forward")
    except (AttributeError, RuntimeError):
        return None
    if not found or not all(isinstance(each, torch.Tensor) for each in found):
        return None
    return tuple(each.to(device) for each in found)
