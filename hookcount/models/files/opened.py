"""From a file to the model in it."""

from __future__ import annotations

from pathlib import Path

import torch

from ..built import Built
from . import pickles, programs, scripts
from .contents import Kind, content
from .names import existing


def opened(name: str, path: Path, device: torch.device | str | None, trust: bool) -> Built:
    """The model of a file of ``torch.export``, of TorchScript, or of ``torch.save``.

    It is on the CPU, or on ``device``. A program of ``torch.export`` stays where it was exported.
    ``trust``: whether the file may run code of its own, which a pickled model does.

    Raises ``UnknownModelError`` for a file that is not there, of another format, or that needs
    trust. Raises ``ModelError`` for a file that holds no model, or that torch cannot read.
    """
    found = content(name, existing(name, path))
    if found.kind is Kind.PROGRAM:
        return programs.loaded(name, path, found, device, trust)
    if found.kind is Kind.SCRIPT:
        return scripts.loaded(name, path, device or "cpu")
    if found.kind is Kind.COMPILED:
        raise programs.compiled(name)
    return pickles.loaded(name, path, found, device or "cpu", trust)
