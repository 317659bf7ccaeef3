"""What a file of torch holds. Nothing of the file is unpickled or run to find out."""

from __future__ import annotations

import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from ...core.errors import ModelError, error_text, said

_MAGIC = 0x1950A86A20F9469CFC6C
"""The first object of a file of ``torch.save`` in its old format."""
_OF_VALUES = {
    *("torch", "torch._utils", "torch._tensor", "torch.storage", "torch.serialization"),
    *("torch.nn.parameter", "collections", "_codecs", "builtins", "__builtin__"),
    *("numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.dtypes"),
}
"""Modules whose classes and functions make tensors, numbers and containers."""
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, RuntimeError),
    *(IndexError, struct.error),
)
"""What Python raises for an archive or a pickle that is cut off or changed."""
_ZIP = b"PK\x03\x04"


class Kind(Enum):
    """What a file is."""

    PROGRAM = "a program of torch.export"
    SCRIPT = "TorchScript"
    PICKLE = "a pickle of torch.save"
    COMPILED = "a package of AOTInductor"


@dataclass(frozen=True)
class Content:
    """What a file holds, without its values."""

    kind: Kind
    entries: tuple[str, ...] = ()
    """The files in a zip archive."""
    classes: tuple[str, ...] = ()
    """The classes and functions that a pickle names, but for those of tensors and containers."""


def content(name: str, path: Path) -> Content:
    """What the file holds. ``name``: for errors.

    Raises ``ModelError`` for a file that is damaged or none of torch.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_ZIP))
            if start == _ZIP:
                return _archive(path)
            if start[:1] == b"\x80":
                file.seek(0)
                return _old_format(file)
    except _DAMAGE as error:
        what = f"the file is damaged or not complete: {said(error)}"
        raise ModelError(error_text(repr(name), what, "save or copy the file again")) from error
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise ModelError(error_text(repr(name), what, "give a file that you can read")) from error
    except _ForeignError:
        pass
    what = "the file is none of torch.export.save, torch.jit.save or torch.save"
    fix = "save the model by one of these, or give path/to/file.py:factory"
    raise ModelError(error_text(repr(name), what, fix))


class _ForeignError(Exception):
    """A file is not one of torch."""


def _archive(path: Path) -> Content:
    with zipfile.ZipFile(path) as archive:
        entries = tuple(archive.namelist())
        below = {entry.partition("/")[2] for entry in entries} | set(entries)
        if "constants.pkl" in below and any(each.startswith("code/") for each in below):
            return Content(Kind.SCRIPT, entries)
        if any(each.startswith("models/") and each.endswith(".json") for each in below):
            return Content(Kind.PROGRAM, entries)
        if "serialized_exported_program.json" in below:  # until torch 2.7
            return Content(Kind.PROGRAM, entries)
        if any(each.startswith("data/aotinductor/") for each in below):
            return Content(Kind.COMPILED, entries)
        pickled = [each for each in entries if each.partition("/")[2] == "data.pkl"]
        if not pickled:
            raise _ForeignError
        with archive.open(pickled[0]) as file:
            return Content(Kind.PICKLE, entries, tuple(_classes(file)))


def _old_format(file: IO[bytes]) -> Content:
    """The content of a file in the format that ``torch.save`` had until torch 1.6."""
    first = [argument for _, argument, _ in pickletools.genops(file)]
    if _MAGIC not in first:
        raise _ForeignError
    for _ in range(2):  # the version of the format, and facts of the machine
        for _ in pickletools.genops(file):
            pass
    return Content(Kind.PICKLE, (), tuple(_classes(file)))


def _classes(file: IO[bytes]) -> Iterator[str]:
    """The classes and functions that a pickle names, each once."""
    found: set[str] = set()
    texts: list[str] = []
    for code, argument, _ in pickletools.genops(file):
        if isinstance(argument, str) and code.name not in ("GLOBAL", "INST"):
            texts.append(argument)
            continue
        if code.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
        elif code.name == "STACK_GLOBAL":
            module, name = ("", "", *texts)[-2:]
        else:
            continue
        if module not in _OF_VALUES and f"{module}.{name}" not in found:
            found.add(f"{module}.{name}")
            yield f"{module}.{name}"
