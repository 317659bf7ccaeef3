"""Models of torchvision, each configured for its published weights. No weights are downloaded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import ModelError, UnknownModelError, error_text
from .built import Argument, Built
from .code import HOW, unknown
from .construct import constructed
from .paths import exists

_VIDEO_FRAMES = 16
"""The frames of the clips behind torchvision's table of video models."""
_FLOW_SIZE = 512
"""The height and width behind torchvision's table of optical flow models."""


def names() -> list[str]:
    """The names of torchvision's models."""
    from torchvision import models

    return list(models.list_models())


def build(name: str, device: torch.device | str | None) -> Built:
    """Build ``resnet50`` or ``resnet50@IMAGENET1K_V1``, with an input of their size.

    Raises ``UnknownModelError`` for an unknown name, ``ModelError`` for a quantized model whose
    engine this torch lacks.
    """
    from torchvision import models

    plain, _, wanted = name.partition("@")
    if plain not in models.list_models():
        if exists(Path(plain)):
            fix = f"give a file of torch by its suffix, such as .pt2, or {HOW}"
            raise UnknownModelError(error_text(repr(name), "this is a file or a folder", fix))
        raise unknown(
            name,
            plain,
            "no model of torchvision has this name",
            models.list_models(),
            f"give {HOW}",
        )
    builder = models.get_model_builder(plain)
    group = builder.__module__.removeprefix("torchvision.models.").partition(".")[0]
    weights = models.get_model_weights(plain)
    names = [each.name for each in weights]
    if wanted and wanted not in names:
        raise unknown(
            name,
            wanted,
            f"{plain} has no weights called {wanted}",
            names,
            f"give one of {', '.join(names)}",
        )
    if not names:
        return Built(name, constructed(lambda: models.get_model(plain, weights=None), device))
    entry = weights[wanted] if wanted else weights.DEFAULT
    options: dict[str, object] = {"weights": entry}
    if group == "quantization":
        _need_engine(name, entry.meta["backend"])
        options["quantize"] = True
    if group in ("detection", "quantization"):
        device = device or "cpu"  # they read values: scores of boxes, weights to quantize
    with _without_download():
        model = constructed(lambda: models.get_model(plain, **options), device)
    built = Built(name, model, takes_list=group == "detection")
    return replace(built, args=_input(group, entry, model, built.device()))


def _input(group: str, entry: Any, model: Any, device: torch.device | str) -> tuple[Argument, ...]:
    """The input for a group of models. ``entry``: the weights of the model."""
    if group == "detection":
        side = model.transform.min_size[-1]
        return ([torch.rand(3, side, side, device=device)],)
    if group == "optical_flow":
        return tuple(
            torch.rand(1, 3, _FLOW_SIZE, _FLOW_SIZE, device=device) * 2 - 1 for _ in range(2)
        )
    recipe = entry.transforms()
    size = getattr(recipe, "crop_size", None) or recipe.resize_size
    frames = (_VIDEO_FRAMES,) if group == "video" else ()
    return (torch.rand(1, 3, *frames, size[0], size[-1], device=device) * 2 - 1,)


def _need_engine(name: str, engine: str) -> None:
    known = torch.backends.quantized.supported_engines
    if engine not in known:
        what = f"the model is quantized for {engine}, which this torch lacks ({', '.join(known)})"
        fix = f"count the float model, {name.removeprefix('quantized_')}: its MACs are the same"
        raise ModelError(error_text(repr(name), what, fix))


class _NoValues(dict[str, object]):
    """An empty state dict instead of a downloaded one."""


_building = threading.Lock()
"""Held while torchvision and torch are patched."""


@contextlib.contextmanager
def _without_download() -> Iterator[None]:
    """In the block, torchvision's weights have no values, and loading them does nothing.

    The builders need the weights. With ``weights=None`` they build another model: without the
    auxiliary heads, with unfrozen norms, for another image size. Only this thread and only these
    weights are affected.
    """
    from torchvision.models._api import WeightsEnum

    download, load, thread = (
        WeightsEnum.get_state_dict,
        nn.Module.load_state_dict,
        threading.get_ident(),
    )

    def get_state_dict(self: WeightsEnum, *args: object, **kwargs: object) -> Mapping[str, object]:
        return _NoValues() if threading.get_ident() == thread else download(self, *args, **kwargs)

    def load_state_dict(
        self: nn.Module, state_dict: Mapping[str, object], *args: bool, **kwargs: bool
    ) -> object:
        if isinstance(state_dict, _NoValues):
            return None
        return load(self, state_dict, *args, **kwargs)

    with _building:
        WeightsEnum.get_state_dict = get_state_dict
        nn.Module.load_state_dict = load_state_dict  # type: ignore[method-assign]
        try:
            yield
        finally:
            WeightsEnum.get_state_dict = download
            nn.Module.load_state_dict = load  # type: ignore[method-assign]
