"""Checks the options of a ``Timer``."""

from __future__ import annotations

import math
import numbers

from ..core.errors import InputError, error_text
from ..core.integers import as_int


def whole(name: str, value: object, least: int, fix: str) -> int:
    """A whole number that is at least ``least``. Raises ``InputError`` for anything else."""
    found = as_int(value)
    if type(found) is not int:
        raise _wrong(name, value, "this is no whole number", fix)
    if found < least:
        raise _wrong(name, value, f"the least possible value is {least}", fix)
    return found


def duration(name: str, value: object) -> float:
    """A number of seconds. Raises ``InputError`` for anything else."""
    fix = "give a number of seconds, such as 0.5"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise _wrong(name, value, "this is no number", fix)
    found = float(value)
    if not (0 <= found < math.inf):
        raise _wrong(name, value, "this is no duration", fix)
    return found


def either(name: str, value: object) -> bool:
    """True or False. Raises ``InputError`` for anything else."""
    if type(value) is not bool:
        raise _wrong(name, value, "this is neither True nor False", "give one of the two")
    return value


def _wrong(name: str, value: object, what: str, fix: str) -> InputError:
    return InputError(error_text(f"Timer({name}={value!r})", what, fix))
