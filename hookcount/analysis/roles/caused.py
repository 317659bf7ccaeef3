"""``Caused``: the roles of a training step's other work. It follows the forward that caused it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ...core.ops import Ops
from ...core.trace import OUTSIDE, Call, leaves
from ...pricing.price import BACKWARD, OPTIMIZER, RECOMPUTE, Charge
from ...pricing.priced import Priced
from ...rules.registry import Kind
from .operands import factors
from .paths import upwards
from .pieces import Kinds, Piece, Sort, pieces
from .roles import EMBEDDINGS, OTHER, PRODUCTS, PROJECTIONS, REST, Role, Share

_UNCLEAR = "the forward of its module has several roles, and shapes do not show which one caused it"
_NEW = "the forward of its module has no contraction"
_SORTS: Mapping[Kind | None, Sort] = {"norm": "norm", "sampling": "sampling"}
"""The sort of work that is no contraction, by the kind of the forward's op."""


class Caused:
    """The roles of backward passes, of forwards that run again, and of optimizers.

    ``forward``: the pieces of the forward with their roles. ``role``: the role of a piece, by the
    rules for the forward. ``first``: by path, the index of its first run. ``held``: by path, the
    role of its parameters.
    """

    def __init__(
        self,
        whole: Priced,
        kinds: Kinds,
        forward: Sequence[tuple[Piece, Role]],
        role: Callable[[Piece], Role],
        first: Mapping[str, int],
        held: Mapping[str, str],
    ) -> None:
        self._whole = whole
        self._kinds = kinds
        self._role = role
        self._first = first
        self._held = held
        self._known: dict[tuple[str, int, Sort], Role] = {}
        """The role of a piece of the forward: by its path, its call and its sort."""
        self._at: dict[tuple[str, bool], dict[Role, None]] = {}
        """The roles of contractions by path, and by whether they are convolutions."""
        self._by_sizes: dict[tuple[str, tuple[int, ...]], dict[Role, None]] = {}
        """The roles of contractions by path, and by the sizes of their operands and result."""
        for piece, found in forward:
            self._known.setdefault((piece.at, id(piece.call), piece.sort), found)
            if piece.ops.macs and piece.call is not None:
                convolves = piece.sort == "convolution"
                self._at.setdefault((piece.at, convolves), {})[found] = None
                self._by_sizes.setdefault((piece.at, _sizes(piece.call)), {})[found] = None

    def shares(self) -> Iterator[Share]:
        """All work of the phases that are priced, other than the forward's."""
        phases = self._whole.phases
        if phases >= RECOMPUTE:
            yield from self._again()
        if phases >= BACKWARD:
            for charge in self._whole.within(BACKWARD).charges():
                if charge.ops and charge.call is not None:
                    yield from self._backward(charge, charge.ops, charge.call)
        if phases >= OPTIMIZER:
            yield from self._updates()

    def _again(self) -> Iterator[Share]:
        """Forwards that run again have the roles of the forward."""
        for piece in pieces(self._whole.within(RECOMPUTE), self._kinds):
            role = self._known.get((piece.at, id(piece.call), piece.sort))
            if role is None and piece.at in self._first:
                role = self._role(piece)
            if role is None:
                role = (OTHER, _NEW) if piece.ops.macs else (REST, "")
            yield Share(role[0], piece.path, piece.target, piece.ops, role[1])

    def _backward(self, charge: Charge, ops: Ops, call: Call) -> Iterator[Share]:
        """A contraction of a backward pass has its MACs only, as in the forward."""
        path, target, kind = charge.path, charge.target, self._kinds.of_forward(call)
        if ops.macs:
            role, why = self._of_contraction(path, call, kind)
            yield Share(role, path, target, Ops(macs=ops.macs), why)
        rest = Ops(0, ops.adds, ops.muls, ops.compares, ops.specials)
        if rest:
            sort = _SORTS.get(kind, "rest")
            piece = Piece(path, path, target, sort, rest, self._first.get(path, -1), call)
            role = EMBEDDINGS if kind == "embedding" else self._role(piece)[0]
            yield Share(role, path, target, rest, "")

    def _of_contraction(self, path: str, call: Call, kind: Kind | None) -> Role:
        if path == OUTSIDE:
            return OTHER, "outside of every module"
        if kind == "attention":
            return PRODUCTS, ""
        # a formula may have paid for the module together with one above
        found = ((at, self._roles_at(at, kind)) for at in upwards(path))
        at, roles = next(((at, roles) for at, roles in found if roles), ("", []))
        if not roles:
            return OTHER, _NEW
        if len(roles) > 1:
            roles = list(self._by_sizes.get((at, _sizes(call)), roles))
        if len(roles) > 1 and {role for role, _ in roles} <= {PROJECTIONS, PRODUCTS}:
            # the products of an attention are batched
            batched = any(len(each.shape) > 2 for each in leaves(call.out))
            return PRODUCTS if batched else PROJECTIONS, ""
        return roles[0] if len(roles) == 1 else (OTHER, _UNCLEAR)

    def _roles_at(self, path: str, kind: Kind | None) -> list[Role]:
        """The roles that a path has in the forward: of convolutions if the work is one's."""
        convolves = kind == "convolution"
        return list(self._at.get((path, convolves), self._at.get((path, not convolves), ())))

    def _updates(self) -> Iterator[Share]:
        """The update of a parameter has the role of the parameter."""
        for charge in self._whole.within(OPTIMIZER).charges():
            if charge.ops:
                role = self._held.get(charge.path, REST)
                yield Share(role, charge.path, charge.target, charge.ops, "")


def _sizes(call: Call) -> tuple[int, ...]:
    """The elements of both operands of a contraction, and of its result, in order of size.

    They are equal for a product and for the two products of its gradients.
    """
    found = [each.numel() for each in factors(call)]
    weight = getattr(call.module, "weight", None)
    if weight is not None:
        found = [*found[:1], weight.numel()]
    made = [spec.shape.numel() for spec in leaves(call.out)]
    several = len(made) > 1  # all gradients of a convolution are in one call
    return tuple(sorted(found[:3] if several else [*found[:2], *made]))
