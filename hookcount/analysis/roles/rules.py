"""The rules of ``Split``: which role each piece of work has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from ...core.trace import Call, Trace, leaves
from ...pricing.part import inner, outermost
from ...pricing.price import FORWARD
from ...pricing.priced import Priced
from .blocks import Blocks
from .caused import Caused
from .operands import factors
from .pairs import Site, site_of
from .parameters import Holders
from .paths import parent, upwards, with_parents, within
from .pieces import Kinds, Piece, pieces
from .roles import (
    CONVOLUTION,
    EMBEDDINGS,
    FEED,
    HEAD,
    NORMS,
    OTHER,
    PRODUCTS,
    PROJECTIONS,
    REST,
    Role,
    Share,
    Split,
)


class Found(NamedTuple):
    """The pieces of a forward, each with its role, and the facts that gave the roles.

    ``looks_up``: paths of modules that look rows up in a table. ``role``: the role of a piece.
    """

    pieces: list[tuple[Piece, Role]]
    blocks: Blocks
    kinds: Kinds
    looks_up: set[str]
    role: Callable[[Piece], Role]


def assign(whole: Priced) -> Found:
    """The pieces of the forward of a whole trace, each with its role."""
    kinds = Kinds(whole.registry)
    found = list(pieces(whole.within(FORWARD), kinds))
    rules = _Rules(whole.trace, found, kinds)
    assigned = [(piece, rules.role(piece)) for piece in found]
    return Found(assigned, rules.blocks, kinds, rules.looks_up, rules.role)


def split(priced: Priced) -> Split:
    """The work and the parameters of a priced trace by role.

    The work of a part has the roles that it has in the whole.
    """
    whole, part = outermost(priced)
    found = assign(whole)
    holders = Holders(whole.trace, found.blocks, found.looks_up, found.pieces)
    shares: list[Share] = []
    if whole.phases >= FORWARD:
        shares += [
            Share(role, piece.path, piece.target, piece.ops, why)
            for piece, (role, why) in found.pieces
        ]
    if whole.phases != FORWARD:
        held = holders.role_at(whole.trace.places)
        first = found.blocks.first
        caused = Caused(whole, found.kinds, found.pieces, found.role, first, held)
        shares += caused.shares()
    shares = [each for each in shares if within(each.path, part)]
    places = [place for place in whole.trace.places if within(place.path, part)]
    shares = [each._replace(path=inner(each.path, part)) for each in shares]
    return Split(tuple(shares), holders.parameters(places))


class _Rules:
    """The rules, and the facts about one trace that they use."""

    def __init__(self, trace: Trace, found: list[Piece], kinds: Kinds) -> None:
        self._kinds = kinds
        self.blocks = Blocks(trace, found, kinds)
        self.looks_up = {
            run.path for run in trace.runs for op in run.ops if kinds.of(op.call) == "embedding"
        }
        """Paths of modules that look rows up in a table."""
        self._owners = frozenset(self.blocks.owners)
        self._scopes = {each.scope: each.owner for each in self.blocks.attentions}
        first = self.blocks.first
        self._last_attention = max((first[owner] for owner in self._owners), default=-1)
        contractions = [first.get(piece.at, -1) for piece in found if piece.ops.macs]
        self._last_contraction = max(contractions, default=-1)
        root = [run.call for run in trace.runs if run.path == "" and run.call is not None]
        self._inputs = {spec.shape for call in root for spec in leaves((call.args, call.kwargs))}
        outputs = [spec.shape for call in root for spec in leaves(call.out)]
        self._outputs = {(shape.numel(), shape[-1]) for shape in outputs if len(shape)}
        """Elements and width of each output of the model."""
        self._attending = with_parents(self._owners) if self._owners else set()
        """Paths of modules that attend, and all paths above them."""
        self._holding_linear = with_parents(site.path for site in self.blocks.sites)
        direct = {
            site
            for site in self.blocks.sites
            if "." not in site.path and site not in self.blocks.pair("")
        }
        convolves = any(piece.sort == "convolution" for piece in found)
        self._is_crowded = bool(self.looks_up) or convolves or len(direct) > 4
        """Whether the model itself does more than the four projections of an attention."""

    # -- pieces ------------------------------------------------------------------------------------

    def role(self, piece: Piece) -> Role:
        """The role of a piece, and the reason if it is one of the other contractions."""
        sort = piece.sort
        if sort in ("rest", "norm", "sampling"):
            return self._of_no_contraction(piece), ""
        if sort in ("projection", "attention", "feed"):
            return {"projection": PROJECTIONS, "attention": PRODUCTS, "feed": FEED}[sort], ""
        if sort == "unclear":
            return OTHER, piece.why
        if piece.run < 0:
            return OTHER, "outside of every module"
        if self._embeds(piece.at):
            return EMBEDDINGS, ""
        if sort == "activations":
            if self._attends(piece.run):
                return PRODUCTS, ""
            return OTHER, "a product of two activations that is not part of an attention"
        return self._of_convolution(piece) if sort == "convolution" else self._of_linear(piece)

    def _of_no_contraction(self, piece: Piece) -> str:
        if piece.sort == "sampling" and piece.run >= 0 and self._attends(piece.run):
            return PRODUCTS
        if piece.sort == "norm":
            return NORMS
        if piece.call is not None and self._kinds.of(piece.call) == "embedding":
            return EMBEDDINGS
        name = self.blocks.types.get(piece.at, "").lower()
        if "norm" in name and piece.at not in self._holding_linear:
            return NORMS
        if "embed" in name and piece.at and piece.at not in self._attending:
            return EMBEDDINGS
        return REST

    def _of_convolution(self, piece: Piece) -> Role:
        assert piece.call is not None
        kernel, stride, groups = _geometry(piece.call)
        pointwise = bool(kernel) and set(kernel) == {1} and groups == 1
        if pointwise and self._scope(piece.at) is not None:
            return PROJECTIONS, ""
        patches = kernel == stride and max(kernel, default=0) > 1
        taken = next(iter(factors(piece.call)), None)
        if self._owners and patches and taken in self._inputs:
            return EMBEDDINGS, ""
        return CONVOLUTION, ""

    def _of_linear(self, piece: Piece) -> Role:
        path, site = piece.at, site_of(piece)
        scope = self._scope(path)
        if scope is not None:
            return self._in_attention(site, self._scopes[scope], scope)
        if not self.blocks.blocks.isdisjoint(upwards(path)):
            return FEED, ""
        if any(self._is_feed_forward(site, top) for top in {path, parent(path)}):
            return FEED, ""
        return self._outside(site)

    def _in_attention(self, site: Site, owner: str, scope: str) -> Role:
        """The role of a linear layer in the scope of an attention."""
        tops = [top for top in (site.path, parent(site.path)) if within(top, owner)]
        if any(self._is_of_clear_pair(site, top) for top in tops):
            return FEED, ""
        if self.blocks.beside(site.path, owner):
            return OTHER, "in a child of the module that attends, beside an activation function"
        direct = site.path == owner or parent(site.path) == owner
        name = self.blocks.types.get(owner, "").lower()
        named = any(word in name for word in ("attention", "attn"))
        pair = self.blocks.pair(owner)
        if direct and not named and site in pair and not pair.clear:
            return OTHER, (
                "its module attends and has an activation function: "
                "shapes do not show the purpose of the layer"
            )
        if scope == "" and self._is_crowded:
            return OTHER, "the model itself attends: shapes do not tell its layers apart"
        return PROJECTIONS, ""

    def _outside(self, site: Site) -> Role:
        """The role of a linear layer outside of every block."""
        path = site.path
        first = self.blocks.first.get(path, -1)
        is_output = (site.elements[1], site.widths[1]) in self._outputs
        if not self._owners:
            if first == self._last_contraction or (is_output and path == ""):
                return HEAD, ""
            return OTHER, "a linear layer of a model that does not attend"
        if path in self._attending:
            if is_output:
                return HEAD, ""
        else:
            above = next(top for top in upwards(path) if top in self._attending)
            beneath = [owner for owner in self._owners if within(owner, above)]
            if first < min(self.blocks.first[owner] for owner in beneath):
                return EMBEDDINGS, ""
            if first > self._last_attention:
                return HEAD, ""
        return OTHER, "a linear layer outside of every block"

    # -- places ------------------------------------------------------------------------------------

    def _attends(self, run: int) -> bool:
        """Whether the work of a run counts for a module that attends."""
        return self.blocks.unit(run) in self._owners

    def _scope(self, path: str) -> str | None:
        """The smallest scope of an attention that holds a path, or None."""
        return next((top for top in upwards(path) if top in self._scopes), None)

    def _is_of_clear_pair(self, site: Site, top: str) -> bool:
        pair = self.blocks.pair(top)
        return pair.clear and site in pair

    def _is_feed_forward(self, site: Site, top: str) -> bool:
        """Whether a layer outside of blocks is of a clear pair that works on all positions.

        If the model does not attend, a pair directly in the model itself is not a feed-forward.
        """
        if not self._is_of_clear_pair(site, top) or not (top or self._owners):
            return False
        return all(
            self.blocks.at_every_position(each, top) for each in self.blocks.pair(top).before
        )

    def _embeds(self, path: str) -> bool:
        """Whether the class at a path, or at the path above, has ``embed`` in its name.

        Classes that hold an attention are left out, and so is the model itself.
        """
        tops = [top for top in (path, parent(path)) if top and top not in self._attending]
        return any("embed" in self.blocks.types.get(top, "").lower() for top in tops)


class _Geometry(NamedTuple):
    """What a convolution's call shows of its window. ``kernel`` is empty where it shows nothing."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int


_NO_GEOMETRY = _Geometry((), (0,), 1)


def _geometry(call: Call) -> _Geometry:
    module: object = call.module
    if module is not None:
        weight, stride = getattr(module, "weight", None), getattr(module, "stride", None)
        if not isinstance(weight, torch.Tensor) or stride is None:
            return _NO_GEOMETRY
        return _Geometry(tuple(weight.shape[2:]), tuple(stride), int(getattr(module, "groups", 1)))
    shapes = factors(call)
    if len(shapes) < 2 or len(call.args) < 4 or not isinstance(call.args[3], (tuple, list)):
        return _NO_GEOMETRY
    groups = call.args[8] if len(call.args) > 8 and isinstance(call.args[8], int) else 1
    return _Geometry(tuple(shapes[1][2:]), tuple(call.args[3]), groups)
