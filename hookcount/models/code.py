"""Models from Python code: ``package.module:factory`` and ``path/to/file.py:factory``."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from torch import nn

from ..core.errors import ModelError, UnknownModelError, error_text, near, said
from .paths import is_file

HOW = (
    "a torchvision name, timm:NAME, ultralytics:NAME, hf:path/to/config.json, "
    "package.module:factory, path/to/file.py:factory or path/to/file.pt2"
)
"""The names that hookcount can build, for error messages."""
_MEND = "correct the code, which raises this wherever it is imported"


def unknown(name: str, part: str, what: str, known: Iterable[str], fix: str) -> UnknownModelError:
    """The error for an unknown ``part`` of a name. It suggests similar names among ``known``."""
    close = near(part, known)
    meant = f"; did you mean {', '.join(close)}?" if close else ""
    return UnknownModelError(error_text(repr(name), what + meant, fix))


def build(name: str, source: str, attribute: str) -> nn.Module:
    """The model that ``attribute`` of ``source`` returns or is.

    ``name`` is the whole name, for errors.
    Raises ``UnknownModelError`` if the attribute does not exist or builds nothing, ``ModelError``
    if it fails or returns no model.
    """
    return _called(name, _found(name, source, attribute, "a factory"))


def load(name: str, what: str) -> object:
    """The object called ``package.module:NAME`` or ``path/to/file.py:NAME``.

    ``what`` names the expected kind of object, for errors. Raises ``UnknownModelError`` if there is
    no such object, ``ModelError`` if the import fails.
    """
    source, _, attribute = name.rpartition(":")
    return _found(name, source, attribute, what)


def _found(name: str, source: str, attribute: str, what: str) -> object:
    if source.endswith(".py"):
        with importing_beside(Path(source)):
            return _attribute(name, _file(name, Path(source)), attribute, what)
    return _attribute(name, _module(name, source), attribute, what)


@contextlib.contextmanager
def importing_beside(path: Path) -> Iterator[None]:
    """In the block, modules beside the file can be imported, as if it were run as a script."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _file(name: str, path: Path) -> ModuleType:
    if not is_file(path):
        raise UnknownModelError(
            error_text(repr(name), f"there is no file {path}", "give the path of a Python file")
        )
    # a title of its own, so that no other module is replaced in sys.modules
    title = path.stem if path.stem not in sys.modules else f"_hookcount_{path.stem}"
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise UnknownModelError(
            error_text(repr(name), f"{path} is not a Python file", "give the path of a Python file")
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # dataclasses and pickle look the module up there
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[title]
        raise _failed(name, f"importing {path}", error, _MEND) from error
    return module


def _module(name: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name and (source == error.name or source.startswith(f"{error.name}.")):
            fix = f"install the module, or run where it can be imported; or give {HOW}"
            raise UnknownModelError(
                error_text(repr(name), f"there is no module {error.name}", fix)
            ) from error
        raise _failed(name, f"importing {source}", error, _MEND) from error
    except BaseException as error:
        raise _failed(name, f"importing {source}", error, _MEND) from error


def _attribute(name: str, module: ModuleType, attribute: str, what: str) -> object:
    found: object = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            known = [
                each
                for each, value in vars(found).items()
                if callable(value) and not each.startswith("_")
            ]
            where = getattr(found, "__name__", repr(found))
            raise unknown(name, part, f"{where} has no {part!r}", known, f"give {what} in {where}")
        found = getattr(found, part)
    return found


def _called(name: str, found: object) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        fix = "name a function without parameters that returns the model"
        raise UnknownModelError(
            error_text(repr(name), f"an object of type {type(found).__name__} builds nothing", fix)
        )
    try:
        model = found()
    except BaseException as error:
        fix = "name a function that builds the model and needs no arguments"
        raise _failed(name, "calling it without arguments", error, fix) from error
    if not isinstance(model, nn.Module):
        what = f"it returned an object of type {type(model).__name__}"
        raise ModelError(error_text(repr(name), what, "let it return an nn.Module"))
    return model


def _failed(name: str, doing: str, error: BaseException, fix: str) -> ModelError:
    """The error for an exception of user code. The user's own interrupt is raised again."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    return ModelError(error_text(repr(name), f"{doing} raised {said(error)}", fix))
