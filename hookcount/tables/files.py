"""Writing a file whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from ..core.errors import OutputError

IN_A_FOLDER = "give a file in a folder that exists and can be written to"


def text_or_file(text: str, path: str | os.PathLike[str] | None) -> str | None:
    """As pandas does: the text itself without a path, else None and the text is in the file.

    Raises ``OutputError`` where it cannot be written.
    """
    if path is None:
        return text
    try:
        write(Path(path), text)
    except OSError as error:
        raise refused(Path(path), error, IN_A_FOLDER) from error
    return None


def write(path: Path, text: str) -> None:
    """Put ``text`` into a file in one step: nobody sees half of it, and an error leaves the old file as it was.

    Raises ``OSError``.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a pipe; a folder refuses it
        path.write_text(text, encoding="utf-8", newline="")
        return
    if path.exists():
        with path.open("ab"):  # a file that may not be written is not replaced either
            pass
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        if path.exists():
            shutil.copymode(path, beside)
        else:
            os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def refused(path: Path, error: OSError, fix: str) -> OutputError:
    """The error for a path that cannot be written."""
    return OutputError(
        error.errno, f"cannot write it: {error.strerror}\n  To fix it: {fix}", str(path)
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
