"""``Pairs``: the linear layers before and after activation functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import NamedTuple

from ...core.trace import Call, leaves
from .operands import factors
from .paths import parent
from .pieces import Piece


class Site(NamedTuple):
    """A product with a weight, and the path where it ran.

    ``elements``: the number of elements of its input and of its output. ``widths``: the size of the
    last dimension of its input and of its output.
    """

    path: str
    product: int
    """The ``id()`` of its call."""
    elements: tuple[int, int]
    widths: tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """The linear layers before and after an activation function.

    ``clear``: whether shapes and order show which layers these are.
    """

    before: frozenset[Site]
    after: frozenset[Site]
    clear: bool

    def __contains__(self, site: object) -> bool:
        return site in self.before or site in self.after


class Pairs:
    """Finds the pair of a module, see ``Blocks.pair``.

    ``directly``: by path, the linear layers there and in its children. ``active``: by path, the
    calls of activation functions. ``holding``: the paths that hold parameters. ``first``: by path,
    the index of its first run.
    """

    def __init__(
        self,
        directly: Mapping[str, Sequence[Site]],
        active: Mapping[str, Sequence[Call]],
        holding: set[str],
        first: Mapping[str, int],
    ) -> None:
        self._directly = directly
        self._active = active
        self._first = first
        self._active_in: dict[str, list[str]] = {}
        """By path, where activation functions ran: there, or in a child without parameters."""
        for path in active:
            self._active_in.setdefault(path, []).append(path)
            if path and path not in holding:
                self._active_in.setdefault(parent(path), []).append(path)

    def of(self, top: str) -> Pair:
        """The layers around the activation functions of ``top``."""
        sites = dict.fromkeys(self._directly.get(top, ()))
        runs = {site: self._first[site.path] for site in sites if site.path != top}
        befores = _Sites([(site.elements[1], runs.get(site, -inf), site) for site in sites])
        afters = _Sites([(site.elements[0], -runs.get(site, inf), site) for site in sites])
        for path in self._active_in.get(top, ()):
            then = None if path == top else self._first[path]
            for call in self._active[path]:
                took, gave = factors(call)[0].numel(), next(leaves(call.out)).shape.numel()
                before = befores.first({took, 2 * took}, inf if then is None else then)
                after = afters.first({gave}, inf if then is None else -then)
                if before and after:
                    befores.take(before)
                    afters.take(after)
                if sum(before.values()) in (1, 2) and sum(after.values()) == 1:
                    found = Pair(befores.sites(before), afters.sites(after), True)
                    if _returns(found):
                        return found
        return Pair(befores.sites(befores.taken), afters.sites(afters.taken), False)


class _Sites:
    """Sites by size, those of the least order first. Given are size, order and site."""

    def __init__(self, found: Iterable[tuple[int, float, Site]]) -> None:
        self._orders: dict[int, list[float]] = {}
        self._sites: dict[int, list[Site]] = {}
        for size, order, site in sorted(found, key=lambda each: each[1]):
            self._orders.setdefault(size, []).append(order)
            self._sites.setdefault(size, []).append(site)
        self.taken: dict[int, int] = {}
        """By size, how many sites were taken at most."""

    def first(self, sizes: Iterable[int], order: float) -> dict[int, int]:
        """By size, how many sites are below an order. Sizes without any are left out."""
        found = {size: bisect_left(self._orders.get(size, ()), order) for size in sizes}
        return {size: count for size, count in found.items() if count}

    def take(self, counts: Mapping[int, int]) -> None:
        """Note that these sites were taken."""
        for size, count in counts.items():
            self.taken[size] = max(count, self.taken.get(size, 0))

    def sites(self, counts: Mapping[int, int]) -> frozenset[Site]:
        """So many sites of each size."""
        return frozenset([site for size in counts for site in self._sites[size][: counts[size]]])


def _returns(pair: Pair) -> bool:
    """Whether the last layer has the width of the first one, and is another one."""
    taken = {site.widths[0] for site in pair.before}
    return taken == {site.widths[1] for site in pair.after} and not pair.before & pair.after


def site_of(piece: Piece) -> Site:
    """The site of a piece that is a product with a weight."""
    assert piece.call is not None
    taken: Sequence[int] = next(iter(factors(piece.call)), ())
    given: Sequence[int] = next((spec.shape for spec in leaves(piece.call.out)), ())
    widths = taken[-1] if taken else 1, given[-1] if given else 1
    return Site(piece.at, id(piece.call), (prod(taken), prod(given)), widths)
