"""Models of transformers, from the ``config.json`` of a checkpoint: no weights, no code of the checkpoint's own, no network."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.errors import ModelError, UnknownModelError, tell
from .built import Built
from .code import unknown
from .construct import constructed, without_memory
from .huggingface_inputs import default_inputs


def build(name: str, path: str, device: torch.device | str | None) -> Built:
    """``hf:path/to/config.json``, or the folder that has it: the first of its ``architectures`` that transformers has, else what
    ``AutoModel`` takes for it. On the meta device unless ``device`` says otherwise, in the dtype that the config names.

    Raises ``UnknownModelError`` for what is no config of a model that transformers has, ``ModelError`` where transformers cannot
    build it.
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
            what = f"transformers {transformers.__version__} cannot build it: {type(error).__name__}: {error}"
            fix = "give a config.json that says all of the model (a backbone's too: nothing is fetched)"
            raise ModelError(tell(repr(name), what, fix)) from error
    built = Built(name, model)
    inputs, needs = default_inputs(model, built.device(), built.dtype())
    return replace(built, kwargs=inputs, needs=needs)


def _transformers(name: str) -> Any:
    try:
        with _offline():
            return importlib.import_module("transformers")
    except ModuleNotFoundError as error:
        fix = "pip install 'hookcount[hf]'"
        raise UnknownModelError(
            tell(repr(name), f"transformers is not installed ({error})", fix)
        ) from error


_GIVE = "give the path of a config.json of transformers, or of the folder that has it"


def _file(name: str, path: Path) -> Path:
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        raise UnknownModelError(
            tell(repr(name), f"there is no file {file}", f"{_GIVE}; nothing is downloaded")
        )
    return file


def _check(name: str, file: Path, transformers: Any) -> None:
    """Whether it is the config of a model that transformers itself has."""
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnknownModelError(tell(repr(name), f"{file} is no JSON: {error}", _GIVE)) from error
    kind = described.get("model_type") if isinstance(described, dict) else None
    if not isinstance(kind, str):
        raise UnknownModelError(
            tell(repr(name), f"{file} has no 'model_type', which says what it configures", _GIVE)
        )
    if kind in transformers.CONFIG_MAPPING:
        return
    code = described.get("auto_map")
    if code:
        what = f"its model_type {kind!r} is not of transformers: it has code of its own ({_listed(code)}), which is not run"
        fix = (
            "load that code yourself, in a function that returns the model: path/to/file.py:factory"
        )
        raise UnknownModelError(tell(repr(name), what, fix))
    what = f"transformers {transformers.__version__} has no model_type {kind!r}"
    raise unknown(
        name,
        kind,
        what,
        list(transformers.CONFIG_MAPPING.keys()),
        "correct it, or install a transformers that has it",
    )


def _listed(code: Any) -> str:
    return ", ".join(sorted(map(str, code.values()))) if isinstance(code, dict) else str(code)


def _untrained(config: Any) -> Any:
    """Older releases fetch the weights of a backbone, if not told otherwise."""
    for each in parts(config):
        if getattr(each, "use_pretrained_backbone", False):
            each.use_pretrained_backbone = False
    return config


def parts(config: Any) -> list[Any]:
    """The config and those inside of it, of its text model, its backbone."""
    inner = [
        value
        for value in vars(config).values()
        if hasattr(value, "model_type") and hasattr(value, "to_dict")
    ]
    return [config, *(part for each in inner for part in parts(each))]


def _constructed(transformers: Any, config: Any, device: torch.device | str | None) -> nn.Module:
    makers = (getattr(transformers, each, None) for each in config.architectures or ())
    of_its_own = next(
        (each for each in makers if isinstance(each, type) and hasattr(each, "_from_config")), None
    )
    if of_its_own is None and type(config) not in transformers.MODEL_MAPPING:
        raise ModelError(
            f"no AutoModel for model_type {config.model_type!r}, nor one of its architectures {config.architectures}"
        )

    def make() -> nn.Module:
        if of_its_own is None:
            model: nn.Module = transformers.AutoModel.from_config(config, trust_remote_code=False)
        else:
            model = of_its_own._from_config(config)
        return model

    if device is not None and torch.device(device).type != "meta":
        return constructed(make, device)
    # never for real instead: it loads checkpoints through meta itself, and they are large
    with contextlib.suppress(Exception), torch.device("meta"):
        return make().to("meta")  # torch.Tensor(2, 3) heeds no device
    return without_memory(make)


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """Nothing is fetched, whatever a config asks for."""
    before = os.environ.get("HF_HUB_OFFLINE")
    os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the hub's client is imported
    constants = sys.modules.get("huggingface_hub.constants")
    was: Any = getattr(constants, "HF_HUB_OFFLINE", None)
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
def _quiet(transformers: Any) -> Iterator[None]:
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
