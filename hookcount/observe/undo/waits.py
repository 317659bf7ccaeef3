"""Which thread waits for which others, so that threads that wait for each other are found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import get_ident

_waits: dict[int, frozenset[int]] = {}
"""By a thread, the threads that it waits for."""


@contextmanager
def waiting(threads: Iterable[int]) -> Iterator[bool]:
    """This thread waits for others in the block.

    The block gets whether one of these waits for this thread, directly or not. Such a wait would
    not end.
    """
    own = get_ident()
    _waits[own] = frozenset(threads)
    try:
        yield _leads_to(own)
    finally:
        _waits.pop(own, None)


def _leads_to(own: int) -> bool:
    waits = _waits.copy()
    seen: set[int] = set()
    ahead = set(waits[own])
    while ahead:
        if own in ahead:
            return True
        seen |= ahead
        ahead = {each for thread in ahead for each in waits.get(thread, ())} - seen
    return False
