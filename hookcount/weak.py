"""``Weak``: a reference that keeps nothing alive."""

from __future__ import annotations

import weakref
from typing import Any


class Weak:
    """Gives what it was made of while that lives, else None. A copy or a pickle of it refers to nothing.

    >>> held = {1, 2}
    >>> reference = Weak(held)
    >>> reference() is held
    True
    >>> del held
    >>> reference() is None
    True
    """

    def __init__(self, value: Any = None) -> None:
        self._reference = None if value is None else weakref.ref(value)

    def __call__(self) -> Any:
        return None if self._reference is None else self._reference()

    def __reduce__(self) -> tuple[type[Weak], tuple[()]]:
        return Weak, ()
