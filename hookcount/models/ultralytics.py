"""Models of ultralytics, built from their YAML files with random weights."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..core.errors import ModelError, UnknownModelError, error_text, needed, said
from .built import Built
from .code import unknown
from .construct import constructed
from .paths import exists, is_file
from .quiet import quiet

_SIDE, _SIDE_OF_CLASSIFIERS = 640, 224
"""The height and width of an image in the tables of ultralytics."""
_CLASSES = {
    "RTDETRDecoder": "RTDETRDetectionModel",
    "WorldDetect": "WorldModel",
    "YOLOEDetect": "YOLOEModel",
    "YOLOESegment": "YOLOESegModel",
    "YOLOESegment26": "YOLOESegModel",
    "detect": "DetectionModel",
    "segment": "SegmentationModel",
    "semantic": "SemanticSegmentationModel",
    "classify": "ClassificationModel",
    "pose": "PoseModel",
    "obb": "OBBModel",
    "depth": "DepthModel",
}
"""By the last layer or by the task, the class of the model in ``ultralytics.nn.tasks``."""
_SUFFIXES = (".yaml", ".yml")
_SCALED = re.compile(r"(\d+)([nslmx])(.*)")
"""A name with the letter of a scale: yolo11n-seg is yolo11-seg at the scale n."""
_OFFLINE = {"YOLO_OFFLINE": "True", "YOLO_AUTOINSTALL": "False"}


def build(name: str, architecture: str, device: torch.device | str | None) -> Built:
    """Build ``ultralytics:yolo11n``, or ``ultralytics:path/to/own.yaml``.

    The weights are random, and nothing is downloaded. Images have 640 x 640 pixels, as in the
    tables of ultralytics, and 224 x 224 for a classifier. The model is on the CPU, because its
    constructor reads values, or on ``device``.

    Raises ``UnknownModelError`` for an unknown name, ``ModelError`` if ultralytics cannot build it,
    and ``MissingPackageError`` if ultralytics is not installed.
    """
    with quiet("ultralytics", logging.WARNING), _offline():
        package = needed("ultralytics", "ultralytics", f"for {name}")
        tasks = importlib.import_module("ultralytics.nn.tasks")
        wanted = _described(name, architecture, Path(str(package.__file__)).parent)
        try:
            settings = tasks.yaml_model_load(wanted)
            task = tasks.guess_model_task(settings)
            model = _made(tasks, _class(settings, task), settings, device)
        except (Exception, SystemExit) as error:
            what = f"ultralytics {package.__version__} cannot build it: {said(error)}"
            fix = "give the YAML file of a model that this version of ultralytics can build"
            raise ModelError(error_text(repr(name), what, fix)) from error
    built = Built(name, model)
    side = _SIDE_OF_CLASSIFIERS if task == "classify" else _SIDE
    shape = (1, settings.get("channels") or settings.get("ch") or 3, side, side)
    return built.with_inputs([torch.rand(shape, device=built.device())], {})


def _described(name: str, architecture: str, package: Path) -> str:
    """What to give to ``yaml_model_load``: the path of an own file, or a name that it knows."""
    own = Path(architecture)
    if own.suffix == ".pt":
        what = "it names weights, which hookcount does not download"
        fix = f"give ultralytics:{own.stem}, or the path of the file with --trust"
        raise UnknownModelError(error_text(repr(name), what, fix))
    given = architecture if own.suffix in _SUFFIXES else f"{architecture}.yaml"
    stem = Path(given).stem
    if "/" in given or "\\" in given or exists(Path(given)):
        if not any(is_file(Path(given).with_stem(each)) for each in (stem, _unscaled(stem))):
            what, fix = f"there is no file {given}", "give the path of a YAML file that exists"
            raise UnknownModelError(error_text(repr(name), what, fix))
        return given
    files = {file.stem: file for file in (package / "cfg" / "models").rglob("*.yaml")}
    if stem not in files and _unscaled(stem) not in files:
        what = "no model of ultralytics has this name"
        fix = "give a name of the tables of ultralytics, or ultralytics:path/to/own.yaml"
        raise unknown(name, stem, what, _names(files), fix)
    return given


def _unscaled(stem: str) -> str:
    return _SCALED.sub(r"\1\3", stem, count=1)


def _names(files: dict[str, Path]) -> list[str]:
    """The names of the models: a file with scales has a name for each."""
    names: list[str] = []
    for stem, file in files.items():
        text = file.read_text(encoding="utf-8", errors="replace")
        scales = text.partition("\nscales:")[2]
        letters = re.findall(r"^\s+([nslmx]):", scales, re.MULTILINE)
        names += [re.sub(r"(\d+)", rf"\g<1>{each}", stem, count=1) for each in letters] or [stem]
    return names


def _class(settings: dict[str, Any], task: str | None) -> str:
    """The name of the class of a model."""
    last = str(settings["head"][-1][-2])
    found = _CLASSES.get(last) or _CLASSES.get(task or "")
    if found is None:
        raise ModelError(f"hookcount knows no class for a last layer {last}")
    return found


def _made(
    tasks: ModuleType, kind: str, settings: dict[str, Any], device: torch.device | str | None
) -> nn.Module:
    def make() -> nn.Module:
        model: nn.Module = getattr(tasks, kind)(dict(settings), verbose=False)
        return model

    if kind == "WorldModel":
        device = device or "cpu"  # its head reads values in each forward
    return constructed(make, device)


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    """In the block, ultralytics downloads and installs nothing."""
    before = {key: os.environ.get(key) for key in (*_OFFLINE, "OMP_NUM_THREADS")}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for key, value in before.items():  # its import sets the number of threads too
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
