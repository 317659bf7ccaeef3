"""Which thread waits for which others, so that threads that wait for each other are found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident

Threads = Callable[[], set[int]]
"""The threads that one waits for now. It is asked again, since a thread may be slow to wake up."""

_waits: dict[int, Threads] = {}
"""By a thread, the threads that it waits for."""


@contextmanager
def waiting(threads: Threads) -> Iterator[bool]:
    """This thread waits for others in the block.

    The block gets whether one of these waits for this thread, directly or not. Such a wait would
    not end.
    """
    own = get_ident()
    _waits[own] = threads
    try:
        yield _leads_to(own)
    finally:
        _waits.pop(own, None)


def _leads_to(own: int) -> bool:
    waits = _waits.copy()
    seen: set[int] = set()
    ahead = waits[own]()
    while ahead:
        if own in ahead:
            return True
        seen |= ahead
        further = [waits[thread]() for thread in ahead if thread in waits]
        ahead = set().union(*further) - seen
    return False
