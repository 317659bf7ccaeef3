"""Run work in a process of its own, on one thread."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")


class KilledError(RuntimeError):
    """A signal ended the process before its work was done."""


def apart(work: Callable[..., Iterable[T]], *args: Any) -> Iterator[T]:
    """Run ``work(*args)`` in a fresh process; yield what it yields.

    On Linux the peak memory of a child begins at that of its parent. So ``work`` imports torch
    itself, and the calling process never does.

    Raises:
        KilledError: a signal ended the process.
        RuntimeError: ``work`` raised.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_all, args=(sender, work, args), daemon=True)
    process.start()
    sender.close()
    with contextlib.suppress(EOFError):  # a pipe ends like this
        while True:
            yield receiver.recv()
    process.join()
    code = process.exitcode or 0
    if code < 0:
        raise KilledError(f"killed by {signal.Signals(-code).name}")
    if code:
        raise RuntimeError(f"{work.__module__}.{work.__name__} failed; its traceback is above")


def peak_bytes() -> int:
    """The peak memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _send_all(
    sender: Connection, work: Callable[..., Iterable[Any]], args: tuple[Any, ...]
) -> None:
    os.environ.update(
        OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false"
    )
    import torch

    torch.set_num_threads(1)
    for each in work(*args):
        sender.send(each)
