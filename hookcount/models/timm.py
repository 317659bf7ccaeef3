"""Models of timm, with an input of the size that their settings give."""

from __future__ import annotations

import importlib
from dataclasses import replace

import torch

from ..core.errors import UnknownModelError, error_text
from .built import Built
from .code import unknown
from .construct import constructed


def build(name: str, architecture: str, device: torch.device | str | None) -> Built:
    """Build ``timm:vit_tiny_patch16_224``. A tag after a dot may follow.

    Raises ``UnknownModelError`` for an unknown name, or if timm is not installed.
    """
    try:
        timm = importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise UnknownModelError(
            error_text(repr(name), "timm is not installed", "pip install 'hookcount[timm]'")
        ) from error
    plain = architecture.partition(".")[0]
    if plain not in timm.list_models():
        raise unknown(
            name,
            plain,
            "no model of timm has this name",
            timm.list_models(),
            "give one of timm.list_models()",
        )
    model = constructed(lambda: timm.create_model(architecture, pretrained=False), device)
    settings = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    size, built = settings.get("input_size"), Built(name, model)
    return replace(built, args=(torch.randn(1, *size, device=built.device()),)) if size else built
