"""Writing a file completely, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from uuid import uuid4

from ..core.errors import InputError, OutputError

IN_A_FOLDER = "give a file in a folder that exists and can be written to"


def text_or_file(text: str, path: str | os.PathLike[str] | None) -> str | None:
    """Write the text to ``path`` and return None. If ``path`` is None, return the text.

    Raises ``OutputError`` if the file cannot be written, and ``InputError`` if ``path`` is no path.
    """
    if path is None:
        return text
    to_file(text, path)
    return None


def to_file(content: str | bytes, path: str | os.PathLike[str]) -> None:
    """Write the content to ``path``.

    Raises ``OutputError`` if the file cannot be written, and ``InputError`` if ``path`` is no path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"{path!r} is no path. To fix it: give a text or a pathlib.Path.")
    try:
        write(Path(path), content)
    except OSError as error:
        raise refused(Path(path), error, IN_A_FOLDER) from error


def write(path: Path, content: str | bytes) -> None:
    """Write a text (as UTF-8) or bytes to a file in one step. A reader never sees half of it.

    Raises ``OSError``; an old file then stays unchanged.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a pipe; a folder raises
        path.write_bytes(data)
        return
    if path.exists():
        with path.open("ab"):  # raises for a read-only file, which os.replace would replace
            pass
    beside = path.parent / f".hookcount-{uuid4().hex}"
    try:
        with beside.open("xb") as file:
            if path.exists():
                shutil.copymode(path, beside)
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def refused(path: Path, error: OSError, fix: str) -> OutputError:
    """The error for a file that cannot be written."""
    what = f"cannot write the file: {error.strerror}\n  To fix it: {fix}"
    return OutputError(error.errno, what, str(path))
