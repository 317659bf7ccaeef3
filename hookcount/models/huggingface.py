"""Models of transformers, built from the ``config.json`` of a checkpoint.

No weights are loaded, no code of the checkpoint runs, and the network is not used.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from ..core.errors import ModelError, UnknownModelError, error_text
from .built import Built
from .code import unknown
from .construct import constructed, without_memory
from .huggingface_inputs import Config, default_inputs
from .paths import exists, is_file


def build(name: str, path: str, device: torch.device | str | None) -> Built:
    """Build ``hf:path/to/config.json``, or ``hf:`` and the folder of the config.

    The class is the first of the config's ``architectures`` that transformers has, or else that of
    ``AutoModel``. The device is meta unless ``device`` is given; the dtype is that of the config.

    Raises ``UnknownModelError`` if the file is no config of a model that transformers has, and
    ``ModelError`` if transformers cannot build the model.
    """
    transformers = _transformers(name)
    file = _file(name, Path(path))
    _check(name, file, transformers)
    with _offline(), _quiet(transformers):
        try:
            config = transformers.AutoConfig.from_pretrained(
                str(file), local_files_only=True, trust_remote_code=False
            )
            model = _constructed(transformers, _untrained(config), device)
        except Exception as error:
            version = transformers.__version__
            what = f"transformers {version} cannot build it: {type(error).__name__}: {error}"
            fix = (
                "give a config.json that describes the whole model, also its backbone, because "
                "nothing is downloaded"
            )
            raise ModelError(error_text(repr(name), what, fix)) from error
    built = Built(name, model)
    inputs, needs = default_inputs(model, built.device(), built.dtype())
    return replace(built, kwargs=inputs, needs=needs)


def _transformers(name: str) -> ModuleType:
    """The library, imported. ``name``: the model's, for the error if transformers is missing."""
    try:
        with _offline():
            return importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        fix = "pip install 'hookcount[hf]'"
        raise UnknownModelError(
            error_text(repr(name), f"transformers is not installed ({error})", fix)
        ) from error


_GIVE = "give the path of a config.json of transformers, or of its folder"


def _file(name: str, path: Path) -> Path:
    file = path / "config.json" if exists(path) and path.is_dir() else path
    if not is_file(file):
        raise UnknownModelError(
            error_text(repr(name), f"there is no file {file}", f"{_GIVE}; nothing is downloaded")
        )
    return file


def _check(name: str, file: Path, transformers: ModuleType) -> None:
    """Raise ``UnknownModelError`` unless the file is a config of a model that transformers has."""
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnknownModelError(
            error_text(repr(name), f"{file} is not JSON: {error}", _GIVE)
        ) from error
    kind = described.get("model_type") if isinstance(described, dict) else None
    if not isinstance(kind, str):
        what = f"{file} has no 'model_type', which names the kind of model"
        raise UnknownModelError(error_text(repr(name), what, _GIVE))
    if kind in transformers.CONFIG_MAPPING:
        return
    code = described.get("auto_map")
    if code:
        what = (
            f"the model_type {kind!r} is not in transformers; the checkpoint has its own code "
            f"({_listed(code)}), which hookcount does not run"
        )
        fix = "load that code in a function that returns the model: path/to/file.py:factory"
        raise UnknownModelError(error_text(repr(name), what, fix))
    what = f"transformers {transformers.__version__} has no model_type {kind!r}"
    known = list(transformers.CONFIG_MAPPING.keys())
    fix = "correct the model_type, or install a release of transformers that has it"
    raise unknown(name, kind, what, known, fix)


def _listed(code: object) -> str:
    return ", ".join(sorted(map(str, code.values()))) if isinstance(code, dict) else str(code)


def _untrained(config: Config) -> Config:
    """The config without pretrained backbones, whose weights older releases would download."""
    for each in parts(config):
        if getattr(each, "use_pretrained_backbone", False):
            each.use_pretrained_backbone = False
    return config


def parts(config: Config) -> list[Config]:
    """The config and all configs inside, such as those of a text model or a backbone."""
    inner = [
        value
        for value in vars(config).values()
        if hasattr(value, "model_type") and hasattr(value, "to_dict")
    ]
    return [config, *(part for each in inner for part in parts(each))]


def _constructed(
    transformers: ModuleType, config: Config, device: torch.device | str | None
) -> nn.Module:
    classes = (getattr(transformers, each, None) for each in config.architectures or ())
    named = next(
        (each for each in classes if isinstance(each, type) and hasattr(each, "_from_config")), None
    )
    if named is None and type(config) not in transformers.MODEL_MAPPING:
        raise ModelError(
            f"there is no AutoModel for model_type {config.model_type!r}, and none of the "
            f"architectures {config.architectures}"
        )

    def make() -> nn.Module:
        if named is None:
            model: nn.Module = transformers.AutoModel.from_config(config, trust_remote_code=False)
        else:
            model = named._from_config(config)
        return model

    if device is not None and torch.device(device).type != "meta":
        return constructed(make, device)
    # no fallback to a real model: these are large, and transformers itself builds them on meta
    with contextlib.suppress(Exception), torch.device("meta"):
        return make().to("meta")  # because torch.Tensor(2, 3) ignores the default device
    return without_memory(make)


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """In the block, transformers downloads nothing, whatever a config needs."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read only when huggingface_hub is imported
    constants = sys.modules.get("huggingface_hub.constants")
    was: object = getattr(constants, "HF_HUB_OFFLINE", None)
    if constants is not None:
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if before is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = before
        if constants is not None:
            constants.HF_HUB_OFFLINE = was  # type: ignore[attr-defined]


@contextlib.contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """In the block, transformers logs errors only."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
