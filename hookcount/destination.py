"""Where a result is written: a file, which is replaced whole, or stdout."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from .errors import OutputError

_ASCII = str.maketrans({"├": "|", "└": "`", "│": "|", "─": "-", "…": "~"})


class Destination:
    """``output`` is a path, or None for stdout. A file is touched only once there is a result for it."""

    def __init__(self, output: str | None) -> None:
        self.path = None if output is None else Path(output).resolve()

    def check(self) -> None:
        """Say before the work, not after it, that there is nowhere to write. Raises ``OutputError``."""
        path = self.path
        if path is None:
            return
        try:
            if path.exists():
                with path.open("ab"):  # a folder refuses it, and a file keeps what it has
                    return
            with tempfile.TemporaryFile(dir=path.parent):
                return
        except OSError as error:
            raise _refused(path, error, "give a file in a folder that exists and can be written to") from error

    def write(self, text: str) -> None:
        """Write it; what the file no longer takes goes to stdout, and ``OutputError`` says so."""
        if self.path is None:
            _print(text)
            return
        try:
            _replace(self.path, text)
        except OSError as error:
            _print(text)
            raise _refused(self.path, error, "take the result from stdout, where it is instead") from error


def _refused(path: Path, error: OSError, fix: str) -> OutputError:
    return OutputError(error.errno, f"cannot write it: {error.strerror}\n  To fix it: {fix}", str(path))


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text)
    sys.stdout.flush()


def _replace(path: Path, text: str) -> None:
    if path.exists() and not path.is_file():  # a device or a pipe
        path.write_text(text, encoding="utf-8")
        return
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
