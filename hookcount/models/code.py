"""Models out of Python code: ``package.module:factory`` and ``path/to/file.py:factory``."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..core.errors import ModelError, UnknownModelError, near, tell

HOW = "a torchvision name, timm:NAME, hf:path/to/config.json, package.module:factory or path/to/file.py:factory"


def unknown(name: str, part: str, what: str, known: Iterable[str], fix: str) -> UnknownModelError:
    """The error for a ``part`` of a name that is none of ``known``: it suggests near ones."""
    close = near(part, known)
    meant = f"; did you mean {', '.join(close)}?" if close else ""
    return UnknownModelError(tell(repr(name), what + meant, fix))


def build(name: str, source: str, attribute: str) -> nn.Module:
    """What ``attribute`` of ``source`` returns, or is. ``name`` is the whole of it, as the user wrote it."""
    return _called(name, _found(name, source, attribute, "what builds the model"))


def load(name: str, what: str) -> Any:
    """The object called ``package.module:NAME`` or ``path/to/file.py:NAME``, which should be ``what``."""
    source, _, attribute = name.rpartition(":")
    return _found(name, source, attribute, what)


def _found(name: str, source: str, attribute: str, what: str) -> Any:
    if source.endswith(".py"):
        with _importing_beside(Path(source)):
            return _attribute(name, _file(name, Path(source)), attribute, what)
    return _attribute(name, _module(name, source), attribute, what)


@contextlib.contextmanager
def _importing_beside(path: Path) -> Iterator[None]:
    """The file imports its neighbours, as it does when run as a script."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _file(name: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise UnknownModelError(
            tell(repr(name), f"there is no file {path}", "give the path of a Python file")
        )
    title = (
        path.stem if path.stem not in sys.modules else f"_hookcount_{path.stem}"
    )  # never in another module's place
    spec = importlib.util.spec_from_file_location(title, path)
    if spec is None or spec.loader is None:
        raise UnknownModelError(
            tell(repr(name), f"{path} is no Python file", "give the path of a Python file")
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # dataclasses and pickles of the file look for it there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[title]
        raise _failed(name, f"importing {path}", error) from error
    return module


def _module(name: str, source: str) -> ModuleType:
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        if error.name and (source == error.name or source.startswith(f"{error.name}.")):
            fix = f"install it, or start where it can be imported; else give {HOW}"
            raise UnknownModelError(
                tell(repr(name), f"there is no module {error.name}", fix)
            ) from error
        raise _failed(name, f"importing {source}", error) from error
    except (Exception, SystemExit) as error:
        raise _failed(name, f"importing {source}", error) from error


def _attribute(name: str, module: ModuleType, attribute: str, what: str) -> Any:
    found: Any = module
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


def _called(name: str, found: Any) -> nn.Module:
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        fix = "name a function without parameters that returns the model"
        raise UnknownModelError(
            tell(repr(name), f"this is a {type(found).__name__}, which builds nothing", fix)
        )
    try:
        model = found()
    except (Exception, SystemExit) as error:
        raise _failed(name, "calling it without arguments", error) from error
    if not isinstance(model, nn.Module):
        raise ModelError(
            tell(repr(name), f"it returned a {type(model).__name__}", "let it return an nn.Module")
        )
    return model


def _failed(name: str, doing: str, error: BaseException) -> ModelError:
    what = f"{doing} raised {type(error).__name__}: {error}"
    return ModelError(
        tell(repr(name), what, "name a function that builds the model and needs no arguments")
    )
