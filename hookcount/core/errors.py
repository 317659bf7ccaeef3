"""Every error and warning hookcount raises, and the one place where their texts are put together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class HookcountError(Exception):
    """The base of all errors of hookcount's own; a model's own exceptions are passed on as they are."""


class ModelError(HookcountError, TypeError):
    """What was given is not a model that can be counted, or cannot be found."""


class UnknownModelError(ModelError, LookupError):
    """The name itself is wrong: nothing that can be built is called so."""


class InputError(HookcountError, ValueError):
    """The arguments do not fit the model's ``forward``, or an option has no such value."""


class DataNeededError(HookcountError):
    """A shapes-only run came to code that needs values, and there are none.

    It is no ``RuntimeError``: a forward that catches those would silently take another path.
    """


class FormulaError(HookcountError, RuntimeError):
    """A formula raised, or returned something other than ``Ops``."""


class RegistrationError(HookcountError, ValueError):
    """A target cannot be registered, is registered already, or is not registered."""


class UncountedError(HookcountError, RuntimeError):
    """Raised by ``Report.require_complete()`` when something that ran has no formula."""


class OutputError(HookcountError, OSError):
    """A report could not be written; an ``OSError`` too, with its ``errno`` and ``filename``."""


class UncountedWarning(UserWarning):
    """Something that ran has no formula: the counts are a lower bound."""


def place(path: str, type_name: str = "") -> str:
    """How every message names a module: ``'layer1.0.conv' (Conv2d)``; the root is ``the model``."""
    name = repr(path) if path else "the model itself"
    return f"{name} ({type_name})" if type_name else name


def tell(path: str, what: str, fix: str) -> str:
    """One shape for every error text: where, what happened, what to do."""
    return f"{path}: {what}\n  To fix it: {fix}"


def near(name: str, names: Iterable[str], at_most: int = 4) -> list[str]:
    """The names that were perhaps meant.

    >>> near("resnet5O", ["alexnet", "resnet18", "resnet50"])
    ['resnet50', 'resnet18']
    """
    meant, known = name.lower(), {each.lower(): each for each in sorted(names)}
    close = difflib.get_close_matches(meant, known, at_most, 0.7)
    return [
        known[each]
        for each in close or [each for each in known if meant and meant in each][:at_most]
    ]


def note(error: BaseException, text: str) -> None:
    """Append a line to an exception that is not ours (PEP 678), so that it travels on unchanged in type and args."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:  # Python 3.10: same attribute, which tools such as pytest show already
        notes: list[Any] = getattr(error, "__notes__", [])
        vars(error)["__notes__"] = [*notes, text]
