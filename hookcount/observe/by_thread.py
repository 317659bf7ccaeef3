"""A dict that has other items for the threads of a run than for all others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Inside = Callable[[], bool]
"""Whether the present thread works for a run."""


class ByThread(dict[str, Any]):
    """The parameters or the buffers of a module, for the length of a run.

    The threads of the run read and change ``items``. All other threads read and change ``own``, the
    dict of the module. Code in C reads the items of ``own`` in every thread.
    """

    def __init__(self, own: dict[str, Any], items: dict[str, Any], inside: Inside) -> None:
        super().__init__(own)
        self.own = own
        self.of_run = items
        self.inside = inside

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy or a pickle is a plain dict."""
        return dict, (self.copy(),)

    def __ior__(self, other: Any) -> ByThread:  # type: ignore[misc,override]
        self.update(other)
        return self


def _reads(name: str) -> Any:
    read = getattr(dict, name)

    def method(self: ByThread, *args: Any) -> Any:
        return read(self.of_run if self.inside() else self, *args)

    return method


def _writes(name: str) -> Any:
    write = getattr(dict, name)

    def method(self: ByThread, *args: Any, **kwargs: Any) -> Any:
        if self.inside():
            return write(self.of_run, *args, **kwargs)
        write(self.own, *args, **kwargs)
        return write(self, *args, **kwargs)

    return method


for _name in (
    *("__getitem__", "__contains__", "__iter__", "__len__", "__reversed__", "__eq__", "__ne__"),
    *("__or__", "__ror__", "__repr__", "get", "keys", "values", "items", "copy"),
):
    setattr(ByThread, _name, _reads(_name))
for _name in ("__setitem__", "__delitem__", "pop", "popitem", "clear", "update", "setdefault"):
    setattr(ByThread, _name, _writes(_name))
