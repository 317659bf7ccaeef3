"""A line on a terminal while one long step runs."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 2.0
"""Seconds before the line appears."""


@contextmanager
def waiting(
    what: str, console: Console | None = None, patience: float = PATIENCE
) -> Iterator[None]:
    """For the block, a line says ``what`` runs and for how long.

    It appears on the standard error, if that is a terminal and the block takes over ``patience``
    seconds. It is gone after the block.
    """
    if console is None and not (sys.stderr is not None and sys.stderr.isatty()):
        yield
        return
    done = threading.Event()
    line = threading.Thread(target=_show, args=(what, console, patience, done), daemon=True)
    line.start()
    try:
        yield
    finally:
        done.set()
        line.join()


def _show(what: str, console: Console | None, patience: float, done: threading.Event) -> None:
    if hasattr(signal, "pthread_sigmask"):  # an interrupt is for the main thread, also in a sleep
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if done.wait(patience):
        return
    from rich.console import Console
    from rich.errors import LiveError
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    line = Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    line.add_task(escape(what), total=None)
    line.tasks[0].start_time = line.get_time() - patience
    try:
        with line:
            done.wait()
    except LiveError:  # another line is active
        return
