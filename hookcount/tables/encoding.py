"""Text for a stream whose encoding lacks some characters, such as cp1252 or ASCII."""

from __future__ import annotations

import sys

_ASCII = str.maketrans({"├": "|", "└": "`", "│": "|", "─": "-", "…": "~"})


def encodable(text: str, encoding: str) -> str:
    """The text, or what ``encoding`` can hold of it.

    Lines of a tree become ASCII, and other characters are shown as Python would write them.

    >>> encodable("├─ α", "cp1252"), encodable("├─ α", "utf-8")
    ('|- \\\\u03b1', '├─ α')
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def printable(text: str) -> str:
    """The text as the standard output can hold it."""
    return encodable(text, getattr(sys.stdout, "encoding", None) or "utf-8")
