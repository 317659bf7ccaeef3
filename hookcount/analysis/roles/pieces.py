"""``Piece``: work of one sort. Splits charges into pieces, from which roles are assigned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ...core.ops import KINDS, Ops
from ...core.trace import Call, ModuleRun, Trace, leaves
from ...pricing.price import FORWARD, Charge, charges
from ...pricing.priced import Priced
from ...rules.registry import Kind, Registry, target_name
from ...rules.resolver import Resolver
from .fused import Parts, fused_parts
from .operands import Followed, op_name

Sort = Literal[
    "attention",  # the two products of a fused attention, or of a module that is an attention
    "projection",  # the projections of a module that is an attention
    "feed",  # the feed-forward of a fused encoder layer
    "weight",  # a product with a weight: a linear layer, wherever it is
    "activations",  # a product of two activations
    "convolution",
    "norm",
    "sampling",  # bilinear samples
    "rest",  # work that is not a contraction
    "unclear",  # a contraction of another sort; ``why`` gives the reason
]
"""What a piece of work is, before its purpose is known."""

_SORT_OF_KIND: dict[Kind | None, Sort] = {
    "attention": "attention",
    "convolution": "convolution",
    "norm": "norm",
    "linear": "weight",
    "sampling": "sampling",
}
"""The sort of work of each kind. Other kinds are cut, or decided by their operands."""
_TWO_OPERANDS = ("product", "distance")
"""Kinds of contractions whose operands decide the sort: two activations, or one and a weight."""

_OPEN = "it is priced as one, and its formula does not give the purpose of its products"
_GATES = "gates of a recurrent layer"


class Piece(NamedTuple):
    """Work of one sort at one path. A contraction has only its MACs here: the rest is ``rest``.

    ``path``: the path that the work was charged to.
    ``at``: the path where it ran. It is beneath ``path`` if a formula paid for a whole subtree.
    ``run``: the index of the module's run, or -1 outside of every module.
    ``call``: the call with the arguments and the output of the work.
    ``why``: the reason, if ``sort`` is ``unclear``. Else it is empty.
    """

    path: str
    at: str
    target: str
    sort: Sort
    ops: Ops
    run: int
    call: Call | None
    why: str = ""


class Kinds:
    """The kind of an op or a module. The user's entries come before hookcount's own."""

    def __init__(self, registry: Registry) -> None:
        self._resolver = Resolver(registry)

    def of(self, call: Call) -> Kind | None:
        """The kind of a call's target. None if no entry gives one."""
        if call.module is not None:
            return self._resolver.kind_of_module(call.module)
        return self._resolver.kind_of_op(call.target)

    def of_forward(self, call: Call) -> Kind | None:
        """The kind of the op whose gradient a call computes. Of any other call, its own kind.

        The name shows it: ``native_layer_norm_backward``, ``embedding_dense_backward``.
        """
        kind = self.of(call)
        name, backward, _ = target_name(call.target).partition("_backward")
        if kind not in (None, "gradient") or not backward:
            return kind
        for each in (name, name.rpartition("_")[0]):
            known = self._resolver.kind_of_op(each) if each else None
            if known is not None:
                return known
        return kind


def pieces(priced: Priced, kinds: Kinds) -> Iterator[Piece]:
    """The charges of a trace, cut where they hold several sorts of work.

    The pieces sum to the charges.
    """
    yield from _Cutter(priced, kinds).pieces()


class _Cutter:
    """Cuts the charges of one priced trace into pieces."""

    def __init__(self, priced: Priced, kinds: Kinds) -> None:
        self._priced = priced
        self._trace = trace = priced.trace
        self._kinds = kinds
        self._followed = Followed(trace)
        self._run_of: dict[tuple[str, int], int] = {}
        for index, run in enumerate(trace.runs):
            for call in (run.call, *(op.call for op in run.ops)):
                self._run_of.setdefault((run.path, id(call)), index)

    def pieces(self) -> Iterator[Piece]:
        for charge in self._priced.charges():
            if charge.ops and charge.call is not None:
                run = self._run_of.get((charge.path, id(charge.call)), -1)
                yield from (self._module if charge.by == "module" else self._op)(
                    charge, charge.ops, charge.call, run
                )

    # -- an op -------------------------------------------------------------------------------------

    def _op(self, charge: Charge, ops: Ops, call: Call, run: int) -> Iterator[Piece]:
        kind, name = self._kinds.of(call), op_name(call)
        if kind == "multihead" and ops.macs:
            yield from _cut(charge, ops, run, call, fused_parts(name, call, charge.calls))
            return
        sort, why = self._sort(kind, call, ops, run)
        yield from _whole(charge, sort, ops, run, call, why)

    def _sort(self, kind: Kind | None, call: Call, ops: Ops, run: int) -> tuple[Sort, str]:
        """The sort of an op's work, and the reason if it is ``unclear``."""
        sort = _SORT_OF_KIND.get(kind)
        if not ops.macs:
            return (sort if sort in ("norm", "sampling") else "rest"), ""
        if kind == "recurrent":
            return "unclear", _GATES
        if kind in _TWO_OPERANDS:
            if run < 0:
                return "unclear", "outside of every module"
            operands = self._followed.of(run).of(call)
            if operands == "unclear":
                why = "its shapes do not tell a weight from an activation: count at another size"
                return "unclear", why
            return operands, ""
        return (sort, "") if sort is not None else ("unclear", _OPEN)

    # -- a module ----------------------------------------------------------------------------------

    def _module(self, charge: Charge, ops: Ops, call: Call, run: int) -> Iterator[Piece]:
        kind = self._kinds.of(call)
        sort = "weight" if kind == "product" else _SORT_OF_KIND.get(kind)
        if sort is not None:
            yield from _whole(charge, sort, ops, run, call)
        elif not ops.macs:
            yield from _whole(charge, "rest", ops, run, call)
        elif kind == "recurrent":
            yield from _whole(charge, "unclear", ops, run, call, _GATES)
        else:
            yield from self._opened(charge, ops, run, call, kind == "multihead")

    def _opened(
        self, charge: Charge, ops: Ops, run: int, call: Call, heads: bool
    ) -> Iterator[Piece]:
        """A module that its formula paid for, cut by the ops that it ran.

        It stays whole if the MACs of the ops do not sum to those of the formula.
        An equal call of another phase may stand for it.
        ``heads``: whether the module is a multi-head attention.
        """
        ran: list[ModuleRun] = []
        if run >= 0:
            itself = self._trace.runs[run]._replace(call=None, unseen=None, parent=None)
            ran = [itself, *_inside(charge, self._trace.runs, run)]
        forward = tuple([each._replace(phase="forward") for each in ran])
        trace = Trace((), forward, (), self._trace.run)
        found: list[Piece] = []
        priced = self._priced
        for each in charges(trace, priced.resolver, priced.prices, FORWARD):
            if each.ops and each.ops.macs and each.call is not None:
                here = each.path == charge.path
                where = run if here else self._run_of.get((each.path, id(each.call)), run)
                found += (self._module if each.by == "module" else self._op)(
                    each, each.ops, each.call, where
                )
        parts = [_of_heads(each) if heads else each for each in found if each.ops.macs]
        if sum(each.ops.macs for each in parts) == ops.macs:
            yield from (each._replace(path=charge.path, target=charge.target) for each in parts)
            yield from _rest(charge, ops, run, call)
        else:
            yield from _whole(charge, "unclear", ops, run, call, _OPEN)


def _inside(charge: Charge, runs: tuple[ModuleRun, ...], run: int) -> list[ModuleRun]:
    """The runs beneath a run, if its formula paid for these too. None of them has a parent."""
    if charge.entry is None or charge.entry.covers != "subtree":
        return []
    below, found = {run}, []
    for index, each in enumerate(runs[run + 1 :], run + 1):
        if each.parent in below:
            below.add(index)
            found.append(each._replace(parent=None))
    return found


def _of_heads(piece: Piece) -> Piece:
    """A product of a multi-head attention as a projection, or as one of its two products.

    A product with a weight is a projection. If shapes leave that open, the rank decides: the
    two products of an attention are batched.
    """
    flat = piece.call is not None and all(len(each.shape) == 2 for each in leaves(piece.call.out))
    weighed = piece.sort in ("weight", "projection") or (piece.sort == "unclear" and flat)
    return piece._replace(sort="projection" if weighed else "attention", why="")


def _whole(
    charge: Charge, sort: Sort, ops: Ops, run: int, call: Call, why: str = ""
) -> Iterator[Piece]:
    """A charge as one piece, and a piece for the rest if it is a contraction."""
    path, target = charge.path, charge.target
    if sort in ("norm", "sampling", "rest"):
        yield Piece(path, path, target, sort, ops, run, call)
    else:
        yield Piece(path, path, target, sort, Ops(macs=ops.macs), run, call, why)
        yield from _rest(charge, ops, run, call)


def _rest(charge: Charge, ops: Ops, run: int, call: Call) -> Iterator[Piece]:
    """The operations of a charge that are not MACs, if there are any."""
    rest = Ops(0, ops.adds, ops.muls, ops.compares, ops.specials)
    if rest:
        yield Piece(charge.path, charge.path, charge.target, "rest", rest, run, call)


def _cut(charge: Charge, ops: Ops, run: int, call: Call, parts: Parts | None) -> Iterator[Piece]:
    """A fused op, cut into its parts if their MACs sum to the charge. Else it stays whole."""
    if parts is None or parts.macs != ops.macs:
        yield from _whole(charge, "unclear", ops, run, call, _OPEN)
        return
    path, target = charge.path, charge.target
    by_sort: tuple[tuple[Sort, Ops], ...] = (
        ("projection", parts.projection),
        ("attention", parts.attention),
        ("feed", parts.feed),
    )
    for sort, part in by_sort:
        if part:
            yield Piece(path, path, target, sort, part, run, call)
    left = [getattr(ops, kind) - getattr(parts.norm, kind) for kind in KINDS]
    if parts.norm and min(left) >= 0:
        yield Piece(path, path, target, "norm", parts.norm, run, call)
        ops = Ops(*left)
    yield from _rest(charge, ops, run, call)
