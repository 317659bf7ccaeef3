"""The modules from which a graph was made: a forward that runs as one graph still has their names.

Such a graph comes from ``torch.export`` or from TorchScript. ``Original`` stands for one module of
the source model, at one path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from torch import nn

from ..core.trace import Place


class Original(nn.Module):
    """A module that is no longer there. ``original_name`` is the name of its class."""

    def __init__(self, original_name: str) -> None:
        super().__init__()
        self.original_name = original_name


def with_originals(places: Iterable[Place], originals: Mapping[str, Original]) -> list[Place]:
    """The places of a tree, with those of ``originals``, by path. Parents come first.

    A place that is there already gets the type of its original. If others come in, the places below
    one module are in the order of ``originals``: that of the first calls.
    """
    found = {place.path: place for place in places}
    all_there = found.keys() >= originals.keys()
    root = next(iter(found))
    order: dict[str, int] = {}
    for path, original in originals.items():
        name = original.original_name
        place = found.get(path) or Place(path, name, id(original), (), True, False)
        found[path] = place._replace(type=name)
        for above in _up(path):
            order.setdefault(above, len(order))
    if all_there:
        return list(found.values())
    for path in [above for each in originals for above in _up(each)]:
        # containers are not called, and may be in no tree
        found.setdefault(path, Place(path, "", -len(found), (), False, False))
    below: dict[str, list[Place]] = {}
    for place in sorted(found.values(), key=lambda each: order.get(each.path, len(order))):
        if place.path != root:
            below.setdefault(place.path.rpartition(".")[0], []).append(place)
    return list(_preorder(found[root], below))


def _up(path: str) -> Iterator[str]:
    """A path, and the paths above it."""
    yield path
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _preorder(place: Place, below: Mapping[str, list[Place]]) -> Iterator[Place]:
    children = below.get(place.path, [])
    yield place._replace(leaf=place.leaf and not children)
    for child in children:
        yield from _preorder(child, below)
