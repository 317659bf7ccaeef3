"""Copies iterators, since an iterator that was advanced cannot be put back.

A generator (a function with ``yield``) has no copy. It stays shared with the forward.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

ITERATORS: frozenset[type] = frozenset(
    (
        *map(
            type,
            (
                *(iter([]), iter(()), iter(range(0)), iter(range(2**70)), iter(""), iter(b"")),
                *(iter(set()), iter({}), iter({}.values()), iter({}.items()), iter(bytearray())),
                *(reversed([]), reversed({}), reversed({}.values()), reversed({}.items())),
            ),
        ),
        *(reversed, enumerate, zip, map, filter),
        *(kind for kind in vars(itertools).values() if isinstance(kind, type)),
    )
)
"""The types of iterators that can be copied."""
_COUNT = re.compile(r"count\((-?\d+)(?:, (-?\d+))?\)")


def copied(iterator: Any, keep: Callable[[Any], Any]) -> Any:
    """A copy of an iterator at its present position; the iterator itself if it has none.

    ``keep`` is called with each other object that the iterator uses.
    """
    try:
        return _copied(iterator, keep)
    except Exception:  # an iterator over a generator, or over an object without a copy
        return iterator


def _copied(iterator: Any, keep: Callable[[Any], Any]) -> Any:
    if type(iterator) is itertools.count:
        numbers = _COUNT.fullmatch(repr(iterator))  # Python 3.14 has no other way
        if numbers is not None:
            return itertools.count(int(numbers[1]), int(numbers[2] or 1))
    make, given, *state = iterator.__reduce__()
    made = make(*[_part(item, keep) for item in given])
    if state and state[0] is not None:
        made.__setstate__(_state(state[0], keep))
    return made


def _part(item: Any, keep: Callable[[Any], Any]) -> Any:
    """A part of an iterator: another iterator is copied, any other object is shared."""
    if type(item) in ITERATORS:
        return _copied(item, keep)
    if isinstance(item, Iterator):
        raise TypeError("an iterator without a copy")
    keep(item)
    return item


def _state(state: Any, keep: Callable[[Any], Any]) -> Any:
    """The state of an iterator. ``itertools.cycle`` keeps a list of its own in it."""
    if isinstance(state, tuple):
        return tuple([_state(item, keep) for item in state])
    if isinstance(state, list):
        return list(state)
    return _part(state, keep)
