"""Where a result is written: a file, which is replaced whole, or stdout."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ..tables.files import IN_A_FOLDER, refused, write

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
            raise refused(path, error, IN_A_FOLDER) from error

    def write(self, text: str) -> None:
        """Write it. Where the file does not take it any more, it goes to stdout and ``OutputError`` says so."""
        if self.path is None:
            _print(text)
            return
        try:
            write(self.path, text)
        except OSError as error:
            _print(text)
            raise refused(
                self.path, error, "take the result from stdout, where it is instead"
            ) from error


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text)
    sys.stdout.flush()
