"""Counts the work that a forward hands to other threads.

The thread that counts may start a thread, or give a task to a pool. The task then runs under an
observer of its own, and ``Observer.trace`` adds what that observer saw. A thread that serves the
same model for somebody else runs no such task, so it is not observed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import wraps
from multiprocessing.pool import Pool, ThreadPool
from typing import Any

from .handed import end
from .observer import Observer, observers_here
from .patches import patched

Task = Callable[..., Any]
"""A function that another thread is to run."""

_POOLS = ("concurrent.futures.thread", "multiprocessing.pool", "multiprocessing.dummy")


@contextmanager
def followed(observer: Observer) -> Iterator[None]:
    """For the block, observe the work that the observer's thread hands to other threads."""
    with ExitStack() as undo:
        undo.enter_context(patched(threading.Thread, "start", _start))
        undo.enter_context(patched(ThreadPoolExecutor, "submit", _submit))
        for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
            undo.enter_context(patched(Pool, name, _give))
        try:
            yield
        finally:
            end(observer)


class _Observed:
    """A task that another thread runs under an observer of its own, while the count lasts."""

    def __init__(self, observer: Observer, task: Task) -> None:
        self._observer = observer
        self._handed = observer.hand_over()
        self._task = task

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        stack = observers_here()
        mode = self._observer.mode
        if mode is None or stack:
            return self._task(*args, **kwargs)
        observer = self._observer.beside(self._handed.begins)
        self._handed.begin(observer)
        stack.append(observer)
        try:
            with mode(observer):
                return self._task(*args, **kwargs)
        finally:
            stack.remove(observer)
            self._handed.done()


def observed_by(observer: Observer, task: Task) -> Task:
    """``task`` as a thread without observers runs it, as work of the observer's thread."""
    return _Observed(observer, task)


def _observed(task: Task) -> Task:
    """``task`` as another thread is to run it."""
    found = next((each for each in reversed(observers_here()) if each.listening()), None)
    return task if found is None else observed_by(found, task)


def _start(own: Task) -> Task:
    @wraps(own)
    def start(thread: threading.Thread) -> None:
        if _serves_a_pool(thread) or not observers_here():
            own(thread)
            return
        before, task = vars(thread).get("run"), _observed(thread.run)

        def run() -> None:
            _put_back(thread, before)
            task()

        vars(thread)["run"] = run
        try:
            own(thread)
        except BaseException:
            if vars(thread).get("run") is run:
                _put_back(thread, before)
            raise

    return start


def _put_back(thread: threading.Thread, run: object) -> None:
    if run is None:
        vars(thread).pop("run", None)
    else:
        vars(thread)["run"] = run


def _serves_a_pool(thread: Any) -> bool:
    """Whether a thread runs the tasks of a pool. It may live longer than the count."""
    return getattr(getattr(thread, "_target", None), "__module__", None) in _POOLS


def _submit(own: Task) -> Task:
    @wraps(own)
    def submit(pool: object, fn: Task, /, *args: object, **kwargs: object) -> object:
        return own(pool, _observed(fn), *args, **kwargs)

    return submit


def _give(own: Task) -> Task:
    @wraps(own)
    def give(pool: object, func: Task, *args: object, **kwargs: object) -> object:
        # a pool of processes pickles its tasks
        task = _observed(func) if isinstance(pool, ThreadPool) else func
        return own(pool, task, *args, **kwargs)

    return give
