"""Where a result is written: to stdout, or to a file, which is replaced in one step."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ..tables.encoding import printable
from ..tables.files import IN_A_FOLDER, refused, write


class Destination:
    """``output`` is a path, or None for stdout. The file changes only when a result is written."""

    def __init__(self, output: str | None) -> None:
        self.path = None if output is None else Path(output).resolve()

    def check(self) -> None:
        """Raise ``OutputError`` before the work if the file cannot be written."""
        path = self.path
        if path is None:
            return
        try:
            if path.exists():
                with path.open("ab"):  # raises for a folder, and leaves a file unchanged
                    return
            with tempfile.TemporaryFile(dir=path.parent):
                return
        except OSError as error:
            raise refused(path, error, IN_A_FOLDER) from error

    def write(self, content: str | bytes) -> None:
        """Write the result. Bytes need a file.

        If the file can no longer be written, a text goes to stdout. ``OutputError`` is raised.
        """
        if self.path is None:
            try:
                _print(str(content))
            except BrokenPipeError:
                raise
            except (OSError, AttributeError) as error:  # a full disk, or a closed stdout
                reason = error if isinstance(error, OSError) else OSError(9, "it is closed")
                raise refused(Path("stdout"), reason, "give a stdout, or --output FILE") from error
            return
        try:
            write(self.path, content)
        except OSError as error:
            fix = IN_A_FOLDER
            if isinstance(content, str):
                _print(content)
                fix = "copy the result from stdout, where it was written instead"
            raise refused(self.path, error, fix) from error


def _print(text: str) -> None:
    """Print, in ASCII if stdout cannot encode the text. Python has no stdout if it is closed."""
    sys.stdout.write(printable(text))
    sys.stdout.flush()
