"""Which names are files, and which files are refused by their suffix."""

from __future__ import annotations

import re
from pathlib import Path

from ...core.errors import UnknownModelError, error_text
from ..paths import exists

OF_TORCH = (".pt", ".pth", ".pt2", ".ts", ".ckpt", ".bin", ".pkl")
"""Suffixes of files whose content decides."""
INSTEAD = "give what builds the model: a name such as resnet50, or path/to/file.py:factory"
"""What to do with a file that has no model."""
_WEIGHTS = ("the file holds weights, and no model", f"{INSTEAD}; weights do not change a count")
_ENGINE = (
    "it is a model of another runtime, which has no modules of PyTorch",
    f"{INSTEAD}, for the model that it was exported from",
)
REFUSED = {
    ".py": (
        "a Python file is not a model",
        "name the function that builds the model: {name}:FACTORY",
    ),
    ".onnx": (
        "hookcount does not read ONNX, which has no modules of PyTorch",
        "count the PyTorch model that was exported: path/to/file.py:factory, or save it by "
        "torch.export.save(program, 'model.pt2')",
    ),
    ".yaml": ("a YAML file is not a model", "for a model of ultralytics give ultralytics:{name}"),
    ".yml": ("a YAML file is not a model", "for a model of ultralytics give ultralytics:{name}"),
    ".json": ("a JSON file is not a model", "for a config of transformers give hf:{name}"),
    ".safetensors": _WEIGHTS,
    ".npz": _WEIGHTS,
    ".gguf": _WEIGHTS,
    **dict.fromkeys((".engine", ".plan", ".trt", ".tflite", ".h5", ".hdf5", ".keras"), _ENGINE),
    **dict.fromkeys((".mlmodel", ".mlpackage", ".pb", ".pte", ".xml", ".mnn", ".rknn"), _ENGINE),
}
"""By suffix: what is wrong with the file, and what to give instead."""
_LIBRARY = re.compile("[A-Za-z_][A-Za-z_0-9]+:")
"""What begins a name of a library, such as ``timm:``. A drive of Windows has one letter."""


def file_of(name: str) -> Path | None:
    """The file that a model's name is. None for any other name."""
    path = Path(name)
    if _LIBRARY.match(name) and not exists(path):
        return None
    if path.suffix.lower() in (*OF_TORCH, *REFUSED):
        return path
    is_path = "/" in name or "\\" in name
    return path if is_path and ":" not in name[2:] else None


def existing(name: str, path: Path) -> Path:
    """The path of a file that may be a model.

    Raises ``UnknownModelError`` if there is no such file, for a folder, an empty file, and a format
    that hookcount does not read.
    """
    what, fix = "", "give the path of a file"
    if path.suffix.lower() in REFUSED and (exists(path) or path.suffix == ".py"):
        what, fix = REFUSED[path.suffix.lower()]
    elif exists(path) and path.is_dir():
        what = "this is a folder"
        if (path / "config.json").is_file():
            fix = f"for a model of transformers give hf:{name}"
    elif not exists(path):
        what, fix = (
            f"there is no file {path}",
            "give a path that exists; a hub's model is hf:path/to/config.json",
        )
    elif path.is_file() and not path.stat().st_size:
        what, fix = "the file is empty", "save the model again"
    if what:
        raise UnknownModelError(error_text(repr(name), what, fix.format(name=name)))
    return path
