"""Pieces: what a trace's charges are by themselves, before it is asked what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from ...core.ops import KINDS, NOTHING, Ops
from ...core.trace import Call, ModuleRun, Trace, leaves, sizes
from ...formulas.arithmetic import matmul
from ...formulas.multihead import projections
from ...formulas.normalization import standardization
from ...pricing.price import Charge, charges
from ...pricing.priced import Priced
from ...rules.registry import Kind, Registry
from ...rules.resolver import Resolver
from .operands import Followed, op_name

Sort = Literal[
    "attention",  # the two products of an attention, fused or of a module that is one
    "projection",  # the projections of such a module
    "feed",  # the linear layers of a fused encoder layer
    "weight",  # a product with a weight: a linear layer, wherever it stands
    "activations",  # a product of two activations
    "convolution",
    "norm",
    "sampling",  # bilinear samples
    "rest",  # no contraction
    "unclear",  # a contraction, and ``why`` it is none of these
]

_SORT_OF_KIND: dict[Kind | None, Sort] = {
    "attention": "attention",
    "convolution": "convolution",
    "norm": "norm",
    "linear": "weight",
    "sampling": "sampling",
}
_TWO_OPERANDS = ("product", "distance")
"""Kinds of contractions whose operands tell what they are for."""

ENCODER_LAYER = "_transformer_encoder_layer_fwd"
_FUSED_HEADS = ("_native_multi_head_attention", "_triton_multi_head_attention")
_OPEN = "it is priced as one, by a formula that does not say what its products are"


class Piece(NamedTuple):
    """Work of one sort at one path. Of a contraction the MACs alone: what is added or scaled with it is ``rest``.

    ``path``: where it was charged; ``at``: where it ran, beneath it if a formula paid for a whole subtree. ``run``: the index of
    the run it happened in, -1 outside of every module. ``call``: what its product was given and gave.
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
    """The kind of an op or a module, as its entry says it: the user's before hookcount's own."""

    def __init__(self, registry: Registry) -> None:
        self._resolver = Resolver(registry)

    def of(self, call: Call) -> Kind | None:
        """The kind of a call's target; None if nobody says it."""
        if call.module is not None:
            return self._resolver.kind_of_module(call.module)
        return self._resolver.kind_of_op(call.target)


def pieces(priced: Priced, kinds: Kinds) -> Iterator[Piece]:
    """Each charge of a trace, cut where it is several things; they sum to what was charged."""
    yield from _Cutter(priced, kinds).pieces()


class _Cutter:
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

    # -- an op -----------------------------------------------------------------------------------------------------

    def _op(self, charge: Charge, ops: Ops, call: Call, run: int) -> Iterator[Piece]:
        kind, name = self._kinds.of(call), op_name(call)
        if kind == "multihead" and ops.macs:
            yield from _cut(charge, ops, run, call, _fused_parts(name, call, charge.calls))
            return
        sort, why = self._sort(kind, call, ops, run)
        yield from _whole(charge, sort, ops, run, call, why)

    def _sort(self, kind: Kind | None, call: Call, ops: Ops, run: int) -> tuple[Sort, str]:
        sort = _SORT_OF_KIND.get(kind)
        if not ops.macs:
            return (
                ("norm", "")
                if sort == "norm"
                else ("sampling", "")
                if sort == "sampling"
                else ("rest", "")
            )
        if kind == "recurrent":
            return "unclear", "gates of a recurrent layer"
        if kind in _TWO_OPERANDS:
            if run < 0:
                return "unclear", "outside of every module"
            operands = self._followed.of(run).of(call)
            if operands == "unclear":
                return (
                    "unclear",
                    "its shapes do not tell a weight from an activation: count at another size",
                )
            return operands, ""
        return (sort, "") if sort is not None else ("unclear", _OPEN)

    # -- a module --------------------------------------------------------------------------------------------------

    def _module(self, charge: Charge, ops: Ops, call: Call, run: int) -> Iterator[Piece]:
        kind = self._kinds.of(call)
        sort = "weight" if kind == "product" else _SORT_OF_KIND.get(kind)
        if sort is not None:
            yield from _whole(charge, sort, ops, run, call)
        elif not ops.macs:
            yield from _whole(charge, "rest", ops, run, call)
        elif kind == "recurrent":
            yield from _whole(charge, "unclear", ops, run, call, "gates of a recurrent layer")
        else:
            yield from self._opened(charge, ops, run, call, kind == "multihead")

    def _opened(
        self, charge: Charge, ops: Ops, run: int, call: Call, heads: bool
    ) -> Iterator[Piece]:
        """A module that its formula paid for, cut by the ops that it ran; whole where these do not add up to the same."""
        below = (
            [self._trace.runs[run]._replace(call=None, invisible=False, parent=None)]
            if run >= 0
            else []
        )
        inside = _inside(charge, self._trace.runs, run) if below else []
        found: list[Piece] = []
        for each in charges(
            Trace((), (*below, *inside), (), self._trace.run),
            self._priced.resolver,
            self._priced.prices,
        ):
            if each.ops and each.ops.macs and each.call is not None:
                where = (
                    run
                    if each.path == charge.path
                    else self._run_of.get((each.path, id(each.call)), run)
                )
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
    """What ran beneath a run, if its formula paid for that too."""
    if charge.entry is None or charge.entry.covers != "subtree":
        return []
    below, found = {run}, []
    for index, each in enumerate(runs[run + 1 :], run + 1):
        if each.parent in below:
            below.add(index)
            found.append(each._replace(parent=None))
    return found


def _of_heads(piece: Piece) -> Piece:
    """In multi-head attention a product with a weight is a projection, any other is one of the two, which are batched."""
    flat = piece.call is not None and all(len(each.shape) == 2 for each in leaves(piece.call.out))
    weighed = piece.sort in ("weight", "projection") or (piece.sort == "unclear" and flat)
    return piece._replace(sort="projection" if weighed else "attention", why="")


def _whole(
    charge: Charge, sort: Sort, ops: Ops, run: int, call: Call, why: str = ""
) -> Iterator[Piece]:
    if sort in ("norm", "sampling", "rest"):
        yield Piece(charge.path, charge.path, charge.target, sort, ops, run, call)
    else:
        yield Piece(
            charge.path, charge.path, charge.target, sort, Ops(macs=ops.macs), run, call, why
        )
        yield from _rest(charge, ops, run, call)


def _rest(charge: Charge, ops: Ops, run: int, call: Call) -> Iterator[Piece]:
    rest = Ops(0, ops.adds, ops.muls, ops.compares, ops.specials)
    if rest:
        yield Piece(charge.path, charge.path, charge.target, "rest", rest, run, call)


# -- fused layers ----------------------------------------------------------------------------------------------------------


def _cut(charge: Charge, ops: Ops, run: int, call: Call, parts: dict[Sort, Ops]) -> Iterator[Piece]:
    """A fused op cut into parts that its arithmetic tells, if they are what was charged."""
    if sum(part.macs for part in parts.values()) != ops.macs:
        yield from _whole(charge, "unclear", ops, run, call, _OPEN)
        return
    norms = parts.pop("norm", NOTHING)
    for sort, part in parts.items():
        yield Piece(charge.path, charge.path, charge.target, sort, part, run, call)
    left = [getattr(ops, kind) - getattr(norms, kind) for kind in KINDS]
    if norms and min(left) >= 0:
        yield Piece(charge.path, charge.path, charge.target, "norm", norms, run, call)
        ops = Ops(*left)
    yield from _rest(charge, ops, run, call)


def _fused_parts(name: str, call: Call, times: int) -> dict[Sort, Ops]:
    given = sizes(call.args)
    if name == ENCODER_LAYER:
        return {sort: part * times for sort, part in _encoder_layer(*given).items()}
    if name in _FUSED_HEADS:
        return {sort: part * times for sort, part in _heads(*given[:5]).items()}
    return {}


def _heads(query: Any, key: Any, value: Any, embed: int, heads: int) -> dict[Sort, Ops]:
    """The projections of q [B, L, E], k and v [B, S, E] and of the result; per head a product to L x S scores and one back."""
    batch, queries = query[:2]
    four = projections(batch * queries, batch * key[1], embed, embed, embed, biased=False)
    return {
        "projection": four,
        "attention": matmul(queries, embed // heads, key[1], batch * heads) * 2,
    }


def _encoder_layer(src: Any, embed: int, heads: int, *rest: Any) -> dict[Sort, Ops]:
    """[B, L, E], or nested: attention of itself, two norms, two linear layers by way of the width of the first one's weight."""
    norm_weight, norm_bias, inner = rest[7], rest[8], rest[11][0]
    batch = src[0] if len(src) == 3 else 1
    rows = src[:-1].numel()
    itself = (batch, rows // batch if batch else 0, embed)
    norm = standardization(
        rows, embed, weighted=norm_weight is not None, biased=norm_bias is not None
    )
    return {
        **_heads(itself, itself, itself, embed, heads),
        "feed": matmul(rows, embed, inner) * 2,
        "norm": norm * 2,
    }
