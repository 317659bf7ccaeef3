"""The models that are counted with and without arithmetic."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from lib.collection.models import ROWS, inputs
from lib.collection.models import build as build_small
from torch import nn

from agreement.comparing import REAL, SHAPES, Subject, counted
from hookcount.models import build
from hookcount.models.construct import without_memory

SIZES = (32, 64, 96, 128, 160, 192, 224, 256)
"""Sides of images, from which the smallest that a model takes is chosen."""


def torchvision_subjects() -> Iterator[Subject]:
    from torchvision import models

    for name in sorted(models.list_models()):
        built: list[Any] = []

        def make(device: str, name: str = name, built: list[Any] = built) -> nn.Module:
            torch.manual_seed(0)
            built[:] = [build(name, device)]
            return _with_small_transform(built[0].model)

        def inputs(model: nn.Module, name: str = name, built: list[Any] = built) -> Any:
            return _small_images(model, built[0].args, "raft" in name, built[0].takes_list), {}

        yield Subject(f"torchvision:{name}", make, inputs)


def _with_small_transform(model: Any) -> nn.Module:
    if hasattr(model, "transform"):
        model.transform.min_size, model.transform.max_size = (128,), 160
    return model


def _small_images(model: nn.Module, given: Any, pair: bool, takes_list: bool) -> tuple[Any, ...]:
    """The smallest images or clips that the model takes; if none is found, the ``given`` ones."""
    if takes_list:
        return ([torch.rand(3, 128, 160)],)
    shape = given[0].shape
    front = (*shape[:2], 8) if len(shape) == 5 else shape[:2]
    for size in (each for each in SIZES if each < shape[-1]):
        images = tuple(torch.rand(*front, size, size) * 2 - 1 for _ in range(1 + pair))
        if _runs(model, images):
            return images
    return tuple(given)


def _runs(model: nn.Module, args: tuple[Any, ...]) -> bool:
    try:
        counted(REAL, model, args, {})
    except Exception:
        return False
    return True


def timm_subjects(wanted: int, largest: int) -> Iterator[Subject]:
    """About ``wanted`` models of timm: equally many of each family, spread over its names."""
    import timm

    families = [timm.list_models(module=module) for module in timm.list_modules()]
    for name in sorted(drawn([each for each in families if each], wanted)):
        yield timm_subject(name, largest)


def drawn(families: list[list[str]], wanted: int) -> set[str]:
    most = max(map(len, families))
    each = next(
        (n for n in range(1, most) if sum(min(n, len(names)) for names in families) >= wanted), most
    )
    return {
        names[i * (len(names) - 1) // max(n - 1, 1)]
        for names in families
        for n in [min(each, len(names))]
        for i in range(n)
    }


def timm_subject(name: str, largest: int) -> Subject:
    """A model of timm with the smallest image size that it can be built for and that it takes."""
    import timm

    chosen: list[Any] = []

    def choose() -> tuple[dict[str, Any], tuple[int, ...]]:
        twin: Any = _without_memory(name, {})
        if sum(each.numel() for each in twin.parameters()) > largest:
            raise MemoryError(f"over {largest // 10**6} M parameters")
        channels, most = twin.pretrained_cfg["input_size"][0], twin.pretrained_cfg["input_size"][-1]
        for size in (each for each in SIZES if each < most):
            shape = (1, channels, size, size)
            for options in ({}, {"img_size": size}):
                if _takes(name, options, shape):
                    return options, shape
        return {}, (1, channels, most, most)

    def make(device: str) -> nn.Module:
        if not chosen:
            chosen[:] = choose()
        torch.manual_seed(0)
        options = chosen[0]
        return (
            _without_memory(name, options)
            if device == "meta"
            else timm.create_model(name, pretrained=False, **options).eval()
        )

    return Subject(f"timm:{name}", make, lambda model: ((torch.randn(chosen[1]),), {}))


def _takes(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> bool:
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            SHAPES.count(_without_memory(name, options), torch.empty(shape, device="meta"))
    except Exception:
        return False
    return True


def _without_memory(name: str, options: dict[str, Any]) -> nn.Module:
    import timm

    return without_memory(lambda: timm.create_model(name, pretrained=False, **options)).eval()


def transformers_subjects() -> Iterator[Subject]:
    for name in ROWS:

        def make(device: str, name: str = name) -> nn.Module:
            torch.manual_seed(0)
            return build_small(name, "small", device)[0]

        yield Subject(
            f"transformers:{name}",
            make,
            lambda model, name=name: ((), inputs(name, "small", "cpu")),
        )
