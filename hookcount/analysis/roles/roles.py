"""Roles: what a model's work is for. The rules by which it is told stand in ``Split``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ...core.errors import place
from ...core.ops import NOTHING, Ops
from ...core.trace import Call, Trace, leaves
from ...pricing.priced import Priced
from .blocks import Blocks, Site, parent, site_of, upwards, within
from .operands import factors
from .pieces import ENCODER_LAYER, Kinds, Piece, pieces

PROJECTIONS, PRODUCTS, FEED = "attention projections", "attention products", "feed-forward"
CONVOLUTION, NORMS, EMBEDDINGS, HEAD = "convolution", "norms", "embeddings", "head"
OTHER, REST = "other contractions", "elementwise/other"
ROLES = (PROJECTIONS, PRODUCTS, FEED, CONVOLUTION, NORMS, EMBEDDINGS, HEAD, OTHER, REST)


class Share(NamedTuple):
    """Work in one role at one path; ``why`` it is in ``"other contractions"``, if it is."""

    role: str
    path: str
    target: str
    ops: Ops
    why: str


@dataclass(frozen=True)
class Split:
    """All work of a report by role. The shares sum to its total, the parameters to its parameters.

    A contraction counts with its MACs alone; biases, scaling, masks, softmax, activation functions and sums stand in
    ``elementwise/other``, whether they ran by themselves or inside a fused op. What is told by shapes and by the calls that were
    made comes first, names come last:

    *attention products*: fused attention, and products of two activations in a module that attends: in which one of them takes
    something as large as what a softmax gave, or another of them (what a module without parameters runs counts for its caller).
    Also the bilinear samples of deformable attention, which has no MACs. Whether an operand is a weight is followed through the
    shapes of the module's ops.

    *attention projections*: linear layers, bare weights and pointwise convolutions in that module; also in the modules above it
    that have no activation function and no other attention, but at most one linear layer that runs after it: not up to the
    model itself. In a module that attends and also has an activation function: all but the feed-forward (below), and but several
    layers in a child with an activation function; where shapes do not tell them apart, by its class name (``attention``,
    ``attn``: projections), else they are *other contractions*.

    *feed-forward*: the other linear layers of a block, which is the smallest module that holds an attention with its
    projections and an activation function, and is not the whole model; a router and adaptive norms too. Anywhere: one or two
    layers in one module whose output an activation function there takes, and the one that takes what it gives and gives back the
    first width, if they work on all that the module was given, not on a mean of it. (A model that does not attend is no such
    module itself.)

    *convolution*: all, but for pointwise ones in attention and patch embeddings. *Norms*: normalization layers and ops, and
    what modules with ``norm`` in their class name and no linear layer beneath run themselves.

    *embeddings*: look-ups; in a model that attends, convolutions of its own input whose kernel is their stride, and linear layers
    outside of blocks that run before the first attention of the module above; what a class with ``embed`` in its name
    runs, and layers directly in one.

    *head*: linear layers outside of blocks that run after the last attention, or whose output has the size and width of one of
    the model's; in a model that does not attend, a linear layer that is its last contraction.

    *other contractions*: every other, by path with the reason in ``rest``. *elementwise/other*: what is no contraction.

    A parameter is in the role of the module that holds it, counted once, where it is met first; one in no such module is an
    embedding if ``embed`` is in its name, and else *elementwise/other*.
    """

    shares: tuple[Share, ...]
    params: dict[str, int]

    def ops(self, role: str) -> Ops:
        """The work in a role."""
        return sum((share.ops for share in self.shares if share.role == role), NOTHING)

    @property
    def rest(self) -> tuple[str, ...]:
        """Each of the other contractions: where, how many MACs, why it has no role."""
        found: dict[tuple[str, str, str], int] = {}
        for share in self.shares:
            if share.role == OTHER:
                key = share.path, share.target, share.why
                found[key] = found.get(key, 0) + share.ops.macs
        return tuple(
            f"{place(path, target)}: {macs:,} MACs: {why}"
            for (path, target, why), macs in found.items()
        )


def split(priced: Priced) -> Split:
    """The work of a priced trace by role."""
    kinds = Kinds(priced.registry)
    found = list(pieces(priced, kinds))
    rules = _Rules(priced.trace, found, kinds)
    shares = [
        Share(role, piece.path, piece.target, piece.ops, why)
        for piece in found
        for role, why in [rules.role(piece)]
    ]
    return Split(tuple(shares), rules.params(found))


class _Rules:
    def __init__(self, trace: Trace, found: list[Piece], kinds: Kinds) -> None:
        self._trace = trace
        self._kinds = kinds
        self._blocks = Blocks(trace, found, kinds)
        self._owners = frozenset(self._blocks.owners)
        self._scopes = {each.scope: each.owner for each in self._blocks.attentions}
        first = self._blocks.first
        self._last_attention = max((first[owner] for owner in self._owners), default=-1)
        contractions = [first.get(piece.at, -1) for piece in found if piece.ops.macs]
        self._last_contraction = max(contractions, default=-1)
        root = [run.call for run in trace.runs if run.path == "" and run.call is not None]
        self._inputs = {spec.shape for call in root for spec in leaves((call.args, call.kwargs))}
        outputs = [spec.shape for call in root for spec in leaves(call.out)]
        self._outputs = {(shape.numel(), shape[-1]) for shape in outputs if len(shape)}
        self._looks_up = {
            run.path for run in trace.runs for op in run.ops if kinds.of(op.call) == "embedding"
        }
        self._ran = {each.key: each.path for each in trace.places if each.path in first}
        self._attending = upwards(self._owners) if self._owners else set()
        self._holding_linear = upwards(site.path for site in self._blocks.sites)
        direct = {
            site
            for site in self._blocks.sites
            if "." not in site.path and site not in self._blocks.pair("")
        }
        convolves = any(piece.sort == "convolution" for piece in found)
        self._is_crowded = bool(self._looks_up) or convolves or len(direct) > 4
        """Whether the model has more, directly in itself, than an attention's four projections."""

    # -- pieces ----------------------------------------------------------------------------------------------------

    def role(self, piece: Piece) -> tuple[str, str]:
        """The role of a piece, and why it has none."""
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
            attends = piece.run >= 0 and self._blocks.unit(piece.run) in self._owners
            return (
                (PRODUCTS, "")
                if attends
                else (OTHER, "a product of two activations that is no attention")
            )
        return self._of_convolution(piece) if sort == "convolution" else self._of_linear(piece)

    def _of_no_contraction(self, piece: Piece) -> str:
        name = self._blocks.types.get(piece.at, "").lower()
        if (
            piece.sort == "sampling"
            and piece.run >= 0
            and self._blocks.unit(piece.run) in self._owners
        ):
            return PRODUCTS
        if piece.sort == "norm":
            return NORMS
        if piece.call is not None and self._kinds.of(piece.call) == "embedding":
            return EMBEDDINGS
        if "norm" in name and piece.at not in self._holding_linear:
            return NORMS
        return (
            EMBEDDINGS if "embed" in name and piece.at and piece.at not in self._attending else REST
        )

    def _of_convolution(self, piece: Piece) -> tuple[str, str]:
        assert piece.call is not None
        kernel, stride, groups = _geometry(piece.call)
        if kernel and set(kernel) == {1} and groups == 1 and self._scope(piece.at) is not None:
            return PROJECTIONS, ""
        taken = next(iter(factors(piece.call)), None)
        if (
            self._owners
            and kernel == stride
            and max(kernel, default=0) > 1
            and taken in self._inputs
        ):
            return EMBEDDINGS, ""
        return CONVOLUTION, ""

    def _of_linear(self, piece: Piece) -> tuple[str, str]:
        path, site = piece.at, site_of(piece)
        scope = self._scope(path)
        if scope is not None:
            return self._in_attention(site, self._scopes[scope], scope)
        if not self._blocks.blocks.isdisjoint(_upwards(path)):
            return FEED, ""
        if any(self._is_feed_forward(site, top) for top in {path, parent(path)}):
            return FEED, ""
        return self._outside(site)

    def _in_attention(self, site: Site, owner: str, scope: str) -> tuple[str, str]:
        if any(
            self._is_of_pair(site, top)
            for top in (site.path, parent(site.path))
            if within(top, owner)
        ):
            return FEED, ""
        if self._blocks.beside(site.path, owner):
            return OTHER, "in a child of the module that attends, beside an activation function"
        direct = site.path == owner or parent(site.path) == owner
        named = any(
            word in self._blocks.types.get(owner, "").lower() for word in ("attention", "attn")
        )
        if (
            direct
            and not named
            and site in self._blocks.pair(owner)
            and not self._blocks.pair(owner).clear
        ):
            return (
                OTHER,
                "its module attends and has an activation function: shapes do not tell what the layer is for",
            )
        if scope == "" and self._is_crowded:
            return OTHER, "the model itself attends: its layers are not told apart"
        return PROJECTIONS, ""

    def _outside(self, site: Site) -> tuple[str, str]:
        """Of a linear layer outside of every block."""
        path = site.path
        first = self._blocks.first.get(path, -1)
        made = (site.elements[1], site.widths[1]) in self._outputs
        if not self._owners:
            last = first == self._last_contraction or (made and path == "")
            return (HEAD, "") if last else (OTHER, "a linear layer of a model that does not attend")
        if path not in self._attending:
            above = next(top for top in _upwards(path) if top in self._attending)
            if first < min(
                self._blocks.first[owner] for owner in self._owners if within(owner, above)
            ):
                return EMBEDDINGS, ""
            if first > self._last_attention:
                return HEAD, ""
        elif made:
            return HEAD, ""
        return OTHER, "a linear layer outside of every block"

    # -- places ----------------------------------------------------------------------------------------------------

    def _scope(self, path: str) -> str | None:
        """The scope of the attention that a path is in: the smallest."""
        return next((top for top in _upwards(path) if top in self._scopes), None)

    def _is_of_pair(self, site: Site, top: str) -> bool:
        pair = self._blocks.pair(top)
        return pair.clear and site in pair

    def _is_feed_forward(self, site: Site, top: str) -> bool:
        """Outside of a block: a pair that works on all positions; the model itself, if it does not attend, is none."""
        pair = self._blocks.pair(top)
        if not pair.clear or site not in pair or not (top or self._owners):
            return False
        return all(self._blocks.at_every_position(each, top) for each in pair.before)

    def _embeds(self, path: str) -> bool:
        """Whether the class at a path, or that right above it, is called an embedding; none that attends, nor the model."""
        tops = [top for top in (path, parent(path)) if top and top not in self._attending]
        return any("embed" in self._blocks.types.get(top, "").lower() for top in tops)

    # -- parameters ------------------------------------------------------------------------------------------------

    def params(self, found: list[Piece]) -> dict[str, int]:
        """Parameters by role."""
        roles: dict[str, set[str]] = {}
        fused = set()
        for piece in found:
            role = self.role(piece)[0]
            if piece.sort not in ("rest", "attention", "activations", "sampling") or role in (
                NORMS,
                EMBEDDINGS,
            ):
                roles.setdefault(piece.at, set()).add(role)
            if ENCODER_LAYER in piece.target:
                fused.add(piece.at)
        counted: dict[str, int] = {}
        met: set[int] = set()
        for each in self._trace.places:
            role = self._role_of_params(each.path, each.type, each.key, roles, fused)
            for fact in each.tensors:
                if not fact.is_buffer and fact.key not in met:
                    met.add(fact.key)
                    mine = EMBEDDINGS if role == REST and "embed" in fact.name.lower() else role
                    counted[mine] = counted.get(mine, 0) + fact.elements
        return counted

    def _role_of_params(
        self, path: str, kind: str, key: int, roles: dict[str, set[str]], fused: set[str]
    ) -> str:
        path = self._ran.get(key, path)  # of the places of a shared module, one that ran
        while (
            path not in roles
            and path not in self._blocks.first
            and path
            and "embed" not in kind.lower()
        ):
            path = parent(path)  # a layer whose weights its module took itself
        if path not in roles and (path in self._looks_up or "embed" in kind.lower()):
            return EMBEDDINGS
        if path in fused:
            return {"LayerNorm": NORMS, "Linear": FEED, "TransformerEncoderLayer": REST}.get(
                kind, PROJECTIONS
            )
        mine = roles.get(path, set())
        return next(iter(mine)) if len(mine) == 1 else REST


def _geometry(call: Call) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Kernel, stride and groups of a convolution; nothing where its call does not tell them."""
    module: Any = call.module
    if module is not None:
        weight = getattr(module, "weight", None)
        if weight is None or not hasattr(module, "stride"):
            return (), (0,), 1
        return tuple(weight.shape[2:]), tuple(module.stride), int(getattr(module, "groups", 1))
    shapes = factors(call)
    if len(shapes) < 2 or len(call.args) < 4 or not isinstance(call.args[3], (tuple, list)):
        return (), (0,), 1
    groups = call.args[8] if len(call.args) > 8 and isinstance(call.args[8], int) else 1
    return tuple(shapes[1][2:]), tuple(call.args[3]), groups


def _upwards(path: str) -> list[str]:
    found = [path]
    while path:
        path = parent(path)
        found.append(path)
    return found
