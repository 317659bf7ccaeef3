"""Blocks: where a model attends, which modules that attention is made of, and which blocks it stands in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from ...core.trace import Call, Trace, leaves
from .operands import factors, op_name
from .pieces import Kinds, Piece


def parent(path: str) -> str:
    """The path above; that of the model for the model's own."""
    return path.rpartition(".")[0]


def within(path: str, top: str) -> bool:
    """Whether a path is ``top`` or beneath it."""
    return not top or path == top or path.startswith(top + ".")


class Site(NamedTuple):
    """A product with a weight and where it stands; elements and widths of what it took and gave."""

    path: str
    product: int
    """The identity of its call."""
    elements: tuple[int, int]
    widths: tuple[int, int]


@dataclass(frozen=True)
class Pair:
    """The linear layers around an activation function; ``clear`` if shapes and order tell which they are."""

    before: frozenset[Site]
    after: frozenset[Site]
    clear: bool

    def __contains__(self, site: object) -> bool:
        return site in self.before or site in self.after


@dataclass(frozen=True)
class Attention:
    """``owner``: the module that runs the products. ``scope``: the module that holds its projections, the same or above it.
    ``block``: the module above that also holds an activation function; empty if there is none but the model itself.
    """

    owner: str
    scope: str
    block: str


class Blocks:
    """The attentions of a trace.

    An owner is a module that runs a fused attention; a product of activations of which one is as large as what a softmax gave, or
    another product; or bilinear sampling and a softmax. What a module without parameters runs counts for its caller: a module
    for the softmax alone, say.
    """

    def __init__(self, trace: Trace, pieces: Iterable[Piece], kinds: Kinds) -> None:
        self._kinds = kinds
        self.types = {place.path: place.type for place in trace.places}
        self.first: dict[str, int] = {}
        """The index of the first run at a path."""
        for index, run in enumerate(trace.runs):
            if run.phase == "forward":
                self.first.setdefault(run.path, index)
                self.types.setdefault(run.path, run.type)
        self._runs = trace.runs
        self._holding = upwards(
            place.path
            for place in trace.places
            if any(not fact.is_buffer for fact in place.tensors)
        )
        self._active: dict[str, list[Call]] = {}
        """The calls of activation functions at each path."""
        found = list(pieces)
        self.sites = [
            site_of(piece) for piece in found if piece.sort == "weight" and piece.run >= 0
        ]
        self._directly: dict[str, list[Site]] = {}
        for each in self.sites:
            for top in {each.path, parent(each.path)}:
                self._directly.setdefault(top, []).append(each)
        self._beneath = Counter(top for each in self.sites for top in upwards([each.path]))
        """How many linear layers stand at a path or beneath it."""
        self._pairs: dict[str, Pair] = {}
        self.owners = self._owners(found)
        self.attentions = [self._attention(owner) for owner in self.owners]
        blocks = {each.block for each in self.attentions} - {""}
        self.blocks = {
            top
            for top in blocks
            if not any(other != top and within(other, top) for other in blocks)
        }

    # -- attention -------------------------------------------------------------------------------------------------

    def unit(self, run: int) -> str:
        """The nearest module, from a run upwards, that holds parameters; else the outermost caller."""
        return self._runs[self._unit(run)].path

    def _unit(self, run: int) -> int:
        while self._runs[run].path not in self._holding:
            above = self._runs[run].parent
            if above is None:
                break
            run = above
        return run

    def _owners(self, pieces: list[Piece]) -> list[str]:
        may_be = {
            (piece.at, id(piece.call))
            for piece in pieces
            if piece.sort in ("activations", "unclear")
        }
        products: dict[int, list[Call]] = {}
        soft: dict[int, list[Call]] = {}
        sampled: set[int] = set()
        for index, run in enumerate(self._runs):
            if run.phase == "backward":
                continue
            for op in run.ops:
                kind, name = self._kinds.of(op.call), op_name(op.call)
                if (run.path, id(op.call)) in may_be:
                    products.setdefault(self._unit(index), []).append(op.call)
                elif kind == "activation":
                    self._active.setdefault(run.path, []).append(op.call)
                elif kind == "sampling":
                    sampled.add(self._unit(index))
                elif kind == "softmax" and "log" not in name:
                    soft.setdefault(self._unit(index), []).append(op.call)
        found = {index for index, calls in products.items() if _attends(calls, soft.get(index, []))}
        owners = {self._runs[index].path for index in found | (sampled & set(soft))}
        for piece in pieces:
            kernel = (
                piece.sort == "sampling"
                and piece.call is not None
                and piece.call.module is not None
            )
            if piece.run >= 0 and (kernel or piece.sort in ("attention", "projection")):
                owners.add(self.unit(piece.run))
        return sorted(owners, key=lambda path: self.first[path])

    def _attention(self, owner: str) -> Attention:
        """Upwards from the owner, as long as beside it are no activation function, no other attention and at most one linear
        layer that runs behind it (projections may stand beside their owner; a feed-forward has an activation function). Not up
        to the model itself, unless no layer was met before.
        """
        scope, holds = owner, self._beneath[owner] > 0
        while parent(scope) or (scope and not holds):
            above = parent(scope)
            beside = [
                site.path
                for site in self.sites
                if within(site.path, above) and not within(site.path, scope)
            ]
            behind = sum(self.first[path] > self.first[owner] for path in beside)
            other = any(within(each, above) and not within(each, scope) for each in self.owners)
            if other or (holds and behind > 1) or self.is_active(above, but=[scope]):
                break
            scope, holds = above, holds or bool(beside)
        above = parent(scope)
        return Attention(owner, scope, above if self.is_active(above, but=self.owners) else "")

    def is_active(self, top: str, but: Iterable[str] = ()) -> bool:
        """Whether an activation function runs beneath ``top``, left out what is beneath ``but``."""
        out = list(but)
        active = [path for path in self._active if within(path, top)]
        return any(not any(within(path, each) for each in out) for path in active)

    # -- feed-forwards ---------------------------------------------------------------------------------------------

    def pair(self, top: str) -> Pair:
        """The layers directly in ``top`` whose output is as large as what an activation function there takes (or twice, if a
        half is the gate), and the one whose input is as large as what it gives.

        Clear if these are one or two, and another, that gives back the width that they took.
        """
        known = self._pairs.get(top)
        if known is None:
            known = self._pairs[top] = self._pair(top)
        return known

    def _pair(self, top: str) -> Pair:
        sites = self._directly.get(top, [])
        befores: set[Site] = set()
        afters: set[Site] = set()
        for path, calls in self._active.items():
            if path != top and (parent(path) != top or not path or path in self._holding):
                continue
            for call in calls:
                took, gave = factors(call)[0].numel(), next(leaves(call.out)).shape.numel()
                before = {
                    site
                    for site in sites
                    if site.elements[1] in (took, 2 * took) and self._precedes(site.path, path, top)
                }
                after = {
                    site
                    for site in sites
                    if site.elements[0] == gave and self._precedes(path, site.path, top)
                }
                if before and after:
                    befores |= before
                    afters |= after
                returns = {site.widths[0] for site in before} == {site.widths[1] for site in after}
                if len(before) in (1, 2) and len(after) == 1 and not before & after and returns:
                    return Pair(frozenset(before), frozenset(after), True)
        return Pair(frozenset(befores), frozenset(afters), False)

    def at_every_position(self, site: Site, top: str) -> bool:
        """Whether what a layer takes is as large as what ``top`` takes, and the module above: not pooled before."""
        runs = [
            self._runs[self.first[path]]
            for path in {top, parent(top)}
            if path and path in self.first
        ]
        calls = [run.call for run in runs if run.call is not None]
        return all(
            site.elements[0] in {spec.shape.numel() for spec in leaves((each.args, each.kwargs))}
            for each in calls
        )

    def _precedes(self, one: str, other: str, top: str) -> bool:
        """Whether one ran before the other; of what ``top`` runs itself the order is not known."""
        return top in (one, other) or self.first[one] < self.first[other]

    def beside(self, site: str, owner: str) -> bool:
        """Whether a layer stands with others beneath a child of the owner in which an activation function runs."""
        if site == owner or not within(site, owner):
            return False
        child = site[len(owner) :].lstrip(".").partition(".")[0]
        top = f"{owner}.{child}" if owner else child
        return self._beneath[top] > 1 and self.is_active(top)


def _attends(products: list[Call], soft: list[Call]) -> bool:
    """Whether a product takes something as large as what a softmax or another product gave."""
    of_softmax = {_elements(call) for call in soft}
    made = {
        id(call): (_elements(call), {each.numel() for each in factors(call)[:2]})
        for call in products
    }
    by_size = Counter(size for size, _ in made.values())
    return any(
        not taken.isdisjoint(of_softmax) or any(by_size[size] > (size == own) for size in taken)
        for own, taken in made.values()
    )


def _elements(call: Call) -> int:
    return next((prod(spec.shape) for spec in leaves(call.out)), 0)


def upwards(paths: Iterable[str]) -> set[str]:
    """Paths and all that is above them."""
    found: set[str] = {""}
    for path in paths:
        while path not in found:
            found.add(path)
            path = parent(path)
    return found


def site_of(piece: Piece) -> Site:
    """Where the weight of a piece stands."""
    assert piece.call is not None
    taken, given = (
        next(iter(factors(piece.call)), ()),
        next((spec.shape for spec in leaves(piece.call.out)), ()),
    )
    widths = taken[-1] if taken else 1, given[-1] if given else 1
    return Site(piece.at, id(piece.call), (prod(taken), prod(given)), widths)
