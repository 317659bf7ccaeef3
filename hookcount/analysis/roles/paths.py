"""Paths of modules: the path above, the paths upwards, whether one path is beneath another."""

from __future__ import annotations

from collections.abc import Iterable


def parent(path: str) -> str:
    """The path above. That of the model itself, which is empty, is its own parent.

    >>> parent("layers.0.attention"), parent("layers"), parent("")
    ('layers.0', '', '')
    """
    return path.rpartition(".")[0]


def within(path: str, top: str) -> bool:
    """Whether a path is ``top`` or beneath it.

    >>> within("layers.0", "layers"), within("layers2", "layers"), within("layers", "")
    (True, False, True)
    """
    return not top or path == top or path.startswith(top + ".")


def upwards(path: str) -> list[str]:
    """A path and all paths above it, the nearest first. The last is the model itself.

    >>> upwards("layers.0")
    ['layers.0', 'layers', '']
    """
    found = [path]
    while path:
        path = parent(path)
        found.append(path)
    return found


def with_parents(paths: Iterable[str]) -> set[str]:
    """Some paths and all paths above them. The model itself is always among them.

    >>> sorted(with_parents(["layers.0", "layers.1"]))
    ['', 'layers', 'layers.0', 'layers.1']
    """
    found: set[str] = {""}
    for path in paths:
        while path not in found:
            found.add(path)
            path = parent(path)
    return found
