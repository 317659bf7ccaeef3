"""A progress bar on a terminal, for work that takes longer than a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds before a bar appears."""


@contextmanager
def progress(
    what: str,
    total: int | None,
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[], None]]:
    """Gives a function that is to be called after each step.

    A bar appears on the standard error, if that is a terminal and the steps take over a second. It
    is gone after the block. ``total``: the number of steps; None if it is not known.
    """
    began, done = clock(), 0
    bar: Progress | None = None
    refused = False
    with ExitStack() as open_bars:

        def step() -> None:
            nonlocal bar, done, refused
            done += 1
            if bar is None and not refused and clock() - began >= PATIENCE:
                bar = _started(open_bars, what, total, console)
                refused = bar is None
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)

        yield step


def _started(
    open_bars: ExitStack, what: str, total: int | None, console: Console | None
) -> Progress | None:
    """A bar on the terminal. None without a terminal, and where another bar is active."""
    from rich.console import Console
    from rich.errors import LiveError
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        return None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
    bar.add_task(what, total=total)
    try:
        open_bars.enter_context(bar)
    except LiveError:
        return None
    return bar
