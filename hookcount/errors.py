"""Every error and warning hookcount raises, and the one place where their texts are put together."""

from __future__ import annotations

from typing import Any


class HookcountError(Exception):
    """The base of all errors of hookcount's own; a model's own exceptions are passed on as they are."""


class ModelError(HookcountError):
    """What was given is not a model that can be counted, or cannot be found."""


class UnknownModelError(ModelError):
    """The name itself is wrong: nothing that can be built is called so."""


class InputError(HookcountError):
    """The arguments do not fit the model's ``forward``, or an option has no such value."""


class DataNeededError(HookcountError):
    """A shapes-only run came to where the code needs values, and there are none."""


class FormulaError(HookcountError):
    """A formula raised, or returned something other than ``Ops``."""


class RegistrationError(HookcountError):
    """A target cannot be registered, is registered already, or is not registered."""


class UncountedError(HookcountError):
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


def note(error: BaseException, text: str) -> None:
    """Append a line to an exception that is not ours (PEP 678), so that it travels on unchanged in type and args."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:  # Python 3.10: same attribute, which tools such as pytest show already
        notes: list[Any] = getattr(error, "__notes__", [])
        vars(error)["__notes__"] = [*notes, text]
