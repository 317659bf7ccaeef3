"""``Blocks``: the modules that attend, the modules around them, and the layers of feed-forwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from ...core.trace import Call, Trace, leaves
from .operands import factors, op_name
from .pairs import Pair, Pairs, Site, site_of
from .paths import parent, upwards, with_parents, within
from .pieces import Kinds, Piece


@dataclass(frozen=True)
class Attention:
    """The modules of one attention, by their paths.

    ``owner``: the module that runs the products.
    ``scope``: the module that holds the projections. It is the owner or a module above.
    ``block``: the module above the scope, if it also holds an activation function. It is empty if
    there is no such module besides the model itself.
    """

    owner: str
    scope: str
    block: str


class Blocks:
    """The attentions of a trace, and the linear layers around its activation functions.

    ``owners``: paths of modules that attend, in the order in which they first ran. Such a module
    runs a fused attention. Or it runs a product of two activations, one of which is as large as a
    softmax output or as another such product. Or it runs bilinear sampling and a softmax.

    The work of a module without parameters, such as a softmax module, counts for its caller.

    ``attentions``: the modules of each owner's attention. ``blocks``: paths of the smallest blocks.
    ``sites``: all products with a weight that ran in a module. ``types``: the type by path.
    """

    def __init__(self, trace: Trace, pieces: Iterable[Piece], kinds: Kinds) -> None:
        self._kinds = kinds
        self.types = {place.path: place.type for place in trace.places}
        self.first: dict[str, int] = {}
        """By path, the index of its first forward run."""
        for index, run in enumerate(trace.runs):
            if run.phase == "forward":
                self.first.setdefault(run.path, index)
                self.types.setdefault(run.path, run.type)
        self._runs = trace.runs
        self._holding = with_parents(
            place.path
            for place in trace.places
            if any(not fact.is_buffer for fact in place.tensors)
        )
        self._active: dict[str, list[Call]] = {}
        """By path, the calls of activation functions."""
        found = list(pieces)
        self.sites = [
            site_of(piece) for piece in found if piece.sort == "weight" and piece.run >= 0
        ]
        directly: dict[str, list[Site]] = {}
        for each in self.sites:
            for top in {each.path, parent(each.path)}:
                directly.setdefault(top, []).append(each)
        self._beneath = Counter(top for each in self.sites for top in upwards(each.path))
        """By path, the number of linear layers there and beneath."""
        self._pairs: dict[str, Pair] = {}
        self.owners = self._owners(found)
        self._pairing = Pairs(directly, self._active, self._holding, self.first)
        self.attentions = [self._attention(owner) for owner in self.owners]
        blocks = {each.block for each in self.attentions} - {""}
        self.blocks = {
            top
            for top in blocks
            if not any(other != top and within(other, top) for other in blocks)
        }

    # -- attention ---------------------------------------------------------------------------------

    def unit(self, run: int) -> str:
        """The path of the module that a run's work counts for.

        It is the run's own module, or else its nearest caller, that holds parameters. If none holds
        any, it is the outermost caller.
        """
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
            if run.phase != "forward":
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
        """The attention of an owner. Its scope is found by going upwards from the owner.

        A module above belongs to the scope if it adds no activation function and no other
        attention. Of its linear layers, at most one may run after the owner. So projections may
        be beside their owner, and a feed-forward, which has an activation function, is outside.
        The model itself belongs to the scope only if no linear layer was found before.
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
        """Whether an activation function runs in ``top`` or beneath, but not beneath ``but``."""
        out = list(but)
        active = [path for path in self._active if within(path, top)]
        return any(not any(within(path, each) for each in out) for path in active)

    # -- feed-forwards -----------------------------------------------------------------------------

    def pair(self, top: str) -> Pair:
        """The linear layers around an activation function that runs directly in ``top``.

        The layers before it are those with an output as large as its input. The output may also be
        twice as large, if half of it is a gate. The layers after it are those with an input as
        large as its output.

        The pair is clear if one or two layers are before and one other is after. The output of the
        last must have the width of the input of the first.
        """
        found = self._pairs.get(top)
        if found is None:
            found = self._pairs[top] = self._pairing.of(top)
        return found

    def at_every_position(self, site: Site, top: str) -> bool:
        """Whether a layer works on all of the input of ``top`` and of the module above.

        Its input is then as large as theirs. A mean over positions is smaller.
        """
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

    def beside(self, site: str, owner: str) -> bool:
        """Whether a layer has other layers and an activation function beside it.

        They must be in the same child of the owner as the layer.
        """
        if site == owner or not within(site, owner):
            return False
        child = site[len(owner) :].lstrip(".").partition(".")[0]
        top = f"{owner}.{child}" if owner else child
        return self._beneath[top] > 1 and self.is_active(top)


def _attends(products: list[Call], soft: list[Call]) -> bool:
    """Whether a product has an operand as large as a softmax output or as another product's result.

    ``soft``: the calls of softmax.
    """
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
