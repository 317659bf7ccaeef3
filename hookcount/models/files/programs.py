"""Programs of ``torch.export`` in files."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from ...core.errors import ModelError, UnknownModelError, error_text, said
from ..built import Built
from ..quiet import quiet
from .contents import Content
from .names import INSTEAD
from .pickles import TRUST, unpicklable

_FORCED = {"TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": None}
"""Variables of the environment that make torch unpickle nothing but tensors."""
_SYMBOL = re.compile(r"\bSymbol\('\w+'", re.ASCII)
_PLAIN = re.compile(r"[\w\s+\-*/%(),<>=&|~^!]|(?<=\d)\.(?=\d)", re.ASCII)
_CALLED = re.compile(r"\b([a-z_]\w*)\s*\(", re.ASCII)
_FUNCTIONS = {"floor", "ceiling", "sqrt", "log", "exp", "sin", "cos", "tan", "sign"}


def loaded(
    name: str, path: Path, found: Content, device: torch.device | str | None, trust: bool
) -> Built:
    """The program of a file as a module, with the example inputs that the file has.

    Unless the caller trusts the file, only tensors are unpickled, and no symbolic size may hold
    code. Raises ``ModelError`` for a file that torch cannot read, and ``UnknownModelError`` for one
    that needs trust.
    """
    if not trust:
        _check(name, path, found)
    try:
        with quiet("torch.export", logging.ERROR), _only_tensors(trust), path.open("rb") as file:
            program = torch.export.load(file)
            if device is not None:
                from torch.export.passes import move_to_device_pass

                program = move_to_device_pass(program, torch.device(device))
            model = program.module()
    except Exception as error:
        if unpicklable(error) and not trust:
            raise _untrusted(name, "a pickle that holds more than tensors") from error
        what = f"torch {torch.__version__} cannot read it: {said(error).strip().splitlines()[0]}"
        fix = "read it with the version of torch that saved it, or save the program again"
        raise ModelError(error_text(repr(name), what, fix)) from error
    inputs = program.example_inputs
    if inputs is None:
        return Built(name, model, needs=tuple(map(str, program.graph_signature.user_inputs)))
    args, kwargs = inputs
    return Built(name, model, args=tuple(args), kwargs=dict(kwargs))


def compiled(name: str) -> UnknownModelError:
    """The error for a package of AOTInductor."""
    what = "the file is a package of AOTInductor: machine code, which has no modules to count"
    fix = f"give the file of torch.export.save that it was compiled from; or {INSTEAD}"
    return UnknownModelError(error_text(repr(name), what, fix))


def _check(name: str, path: Path, found: Content) -> None:
    """Raise ``UnknownModelError`` for a file that could run code of its own in Python."""
    for entry in found.entries:
        folder, _, file = entry.rpartition("/")
        if folder.endswith("data/constants") and not file.startswith(("tensor_", "model")):
            raise _untrusted(name, f"a pickled object, {file}")
    with zipfile.ZipFile(path) as archive:
        for entry in found.entries:
            if entry.endswith(".json"):
                text = archive.read(entry).decode("utf-8", "replace")
                for size in re.findall(r'"expr_str"\s*:\s*"((?:[^"\\]|\\.)*)"', text):
                    if not _is_arithmetic(size):
                        raise _untrusted(name, f"a symbolic size that is no arithmetic, {size!r}")


def _is_arithmetic(size: str) -> bool:
    """Whether a symbolic size, which sympy evaluates, is made of numbers, names and operators."""
    bare = _SYMBOL.sub("Symbol(s", size)
    known = set(_CALLED.findall(bare)) <= _FUNCTIONS
    return known and "__" not in size and not _PLAIN.sub("", bare)


def _untrusted(name: str, what: str) -> UnknownModelError:
    return UnknownModelError(error_text(repr(name), f"the file has {what}", f"{TRUST}"))


@contextlib.contextmanager
def _only_tensors(trust: bool) -> Iterator[None]:
    """In the block, ``torch.load`` unpickles only tensors and containers, unless ``trust``."""
    before = {key: os.environ.get(key) for key in _FORCED}
    _set({} if trust else _FORCED)
    try:
        yield
    finally:
        _set({} if trust else before)


def _set(values: dict[str, str | None]) -> None:
    for key, value in values.items():
        if value is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = value
