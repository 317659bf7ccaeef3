"""Whether a path exists. A text that can be no path does not."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Whether there is a file or a folder that can be seen. A name may also be too long for one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether there is a file that can be seen."""
    return exists(path) and path.is_file()
