"""The errors and warnings of hookcount, and the functions that build their texts."""

from __future__ import annotations

import difflib
import importlib
import pickle
import types
from collections.abc import Iterable
from contextlib import suppress

from .names import clean


class HookcountError(Exception):
    """The base of hookcount's errors. Exceptions of a model are passed on unchanged."""


class ModelError(HookcountError, TypeError):
    """The given object is no model that can be counted, or the model cannot be built."""


class UnknownModelError(ModelError, LookupError):
    """The given name is not the name of a known model."""


class InputError(HookcountError, ValueError):
    """An argument of a hookcount function, or the value of an option, is not valid."""


class UnknownDeviceError(InputError, LookupError):
    """The given name is not the name of a listed device, or the device at hand is not listed."""


class DataNeededError(HookcountError):
    """In a shapes-only run, the model's code needs tensor values, and there are none.

    This is no ``RuntimeError``: a forward that catches those would silently take another path.
    """


class ItemError(HookcountError):
    """An item of a data set could not be counted or timed. ``result`` has the items before it.

    ``__cause__`` is the exception of the model, of the loader, or of ``inputs``. ``result`` is a
    ``DataSetReport``, or None if there is no item before.
    """

    def __init__(self, text: str, result: object = None) -> None:
        super().__init__(text)
        self.result = result


class FormulaError(HookcountError, RuntimeError):
    """A formula raised an exception, or did not return ``Ops``."""


class RegistrationError(HookcountError, ValueError):
    """A target cannot be registered, is registered already, or is not registered."""


class PickleError(HookcountError, pickle.PicklingError):
    """A formula or a fake of a registry cannot be pickled."""


class UncountedError(HookcountError, RuntimeError):
    """Raised by ``Report.require_complete()`` when something that ran has no formula."""


class OutputError(HookcountError, OSError):
    """A report could not be written. As an ``OSError`` it has ``errno`` and ``filename``."""


class BudgetError(HookcountError, AssertionError):
    """A figure is not within its limit, or is more than in the baseline."""


class UnknownModuleError(InputError, LookupError):
    """A report or a tree has no module at the given path."""


class MissingPackageError(HookcountError, ImportError):
    """A package that a format needs is not installed."""


class UncountedWarning(UserWarning):
    """Something that ran has no formula, so the counts are a lower bound."""


class LeftBehindWarning(UserWarning):
    """Something holds tensors without values that a shapes-only run made."""


def needed(package: str, extra: str, why: str) -> types.ModuleType:
    """A package of an extra of hookcount. Raises ``MissingPackageError`` if it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        what = f"it is not installed, and is needed {why}"
        fix = f"pip install 'hookcount[{extra}]'"
        raise MissingPackageError(error_text(package, what, fix)) from error


def module_at(path: str, type_name: str = "") -> str:
    """Name a module in a message: ``'layer1.0.conv' (Conv2d)``. The root has no path."""
    name = repr(path) if path else "the model itself"
    return f"{name} ({clean(type_name)})" if type_name else name


def said(error: BaseException) -> str:
    """The type and the text of an exception. The text may itself raise."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def notes_of(error: BaseException) -> str:
    """The notes on an exception, each on a line of its own. Empty without notes."""
    return "".join(f"\n  {each}" for each in getattr(error, "__notes__", ()))


def failure(error: HookcountError) -> str:
    """What a table says of an error: its first line, without the advice."""
    return str(error).partition("\n")[0]


def error_text(path: str, what: str, fix: str) -> str:
    """Build an error text: where it happened (``path``), what happened, and how to fix it."""
    return f"{path}: {what}\n  To fix it: {fix}"


def near(name: str, names: Iterable[str], at_most: int = 4) -> list[str]:
    """The names most similar to ``name``, or else those that contain it: at most ``at_most``.

    >>> near("resnet5O", ["alexnet", "resnet18", "resnet50"])
    ['resnet50', 'resnet18']
    """
    meant, by_lower_case = name.lower(), {each.lower(): each for each in sorted(names)}
    close = difflib.get_close_matches(meant, by_lower_case, at_most, 0.7)
    if not close and meant:
        close = [each for each in by_lower_case if meant in each][:at_most]
    return [by_lower_case[each] for each in close]


def note(error: BaseException, text: str) -> None:
    """Append a line to a foreign exception (PEP 678). Its type and arguments stay the same."""
    with suppress(Exception):  # an exception may be of a class that refuses notes
        if hasattr(error, "add_note"):
            error.add_note(text)
        else:  # Python 3.10 lacks add_note, but tools such as pytest show __notes__
            notes: list[str] = getattr(error, "__notes__", [])
            vars(error)["__notes__"] = [*notes, text]
