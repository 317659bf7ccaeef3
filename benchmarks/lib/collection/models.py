"""Models of transformers by name, each in two sizes.

    model, inputs = build("detr-r50", "full")    # on meta: takes no memory, makes no random weights
    hookcount.count(model, **inputs)

``full`` is the published size; ``small`` runs for real in a moment. Nothing is downloaded. A config
describes the whole model, with its backbone, and the weights are random. A row gives only the
settings that differ from the defaults of transformers and that change a count.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import nn

from lib.collection.both import IMAGES_AND_TEXTS
from lib.collection.images import IMAGES
from lib.collection.text import TEXTS

ROWS = {row.name: row for row in (*IMAGES, *TEXTS, *IMAGES_AND_TEXTS)}
"""The collection, by name."""


def build(
    name: str, size: str, device: str = "meta", dtype: torch.dtype = torch.float32
) -> tuple[nn.Module, dict[str, Any]]:
    """Build the model called ``name`` in eval mode, and the arguments of its forward.

    ``size`` is ``"small"`` or ``"full"``.
    """
    import transformers

    row = ROWS[name]
    settings = row.full if size == "full" else row.small
    kind = getattr(transformers, row.type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = kind.config_class(**settings)
        config.dtype = dtype
        with torch.device(device):
            model = kind._from_config(config).to(device).eval()
    return model, inputs(name, size, device, dtype)


def inputs(
    name: str, size: str, device: str = "meta", dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """The keyword arguments of the forward of the model called ``name``.

    They are random numbers, ids that fit the smallest vocabulary, and masks of ones.
    """
    row = ROWS[name]
    shapes = row.full_inputs if size == "full" else row.small_inputs
    return {each: _value(each, shape, device, dtype) for each, shape in shapes.items()}


def _value(name: str, shape: Any, device: str, dtype: torch.dtype) -> torch.Tensor:
    if isinstance(shape, torch.Tensor):
        return shape if device == "meta" else shape.to(device)
    where = "cpu" if device == "meta" else device  # code branches on ids and masks
    if name.endswith("mask"):
        return torch.ones(shape, dtype=torch.int64, device=where)
    if name.endswith(("ids", "labels")):
        return torch.randint(0, 64, shape, generator=torch.Generator().manual_seed(0)).to(where)
    return torch.randn(shape, dtype=dtype, device=device)
