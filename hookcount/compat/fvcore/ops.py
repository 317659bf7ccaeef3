"""The formulas of fvcore for the ops of a jit trace, and the ops that fvcore passes over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod

from torch import Size

from ...conventions.fvcore import (
    FVCORE,
    adaptive_avg_pool,
    batch_norm,
    interpolated,
    upsample_nearest,
)
from ...conventions.shared.borrowed import contractions, rule_of
from ...core.ops import Ops
from ...rules.convention import Convention
from ...rules.registry import Registry, target_name
from ..jit.names import aten

FORMULAS = Registry(name="the formulas of fvcore for whole ops", home=f"{__name__}:FORMULAS")
_rule = rule_of(FORMULAS)

_rule("aten::batch_norm")(batch_norm)
_rule("aten::adaptive_avg_pool2d")(adaptive_avg_pool)
_rule("aten::upsample_nearest2d")(upsample_nearest)
_rule("aten::upsample_bilinear2d", "aten::grid_sampler")(interpolated)

contractions(FORMULAS, aten("addmm bmm mm convolution"))

WHOLE = Convention(
    "fvcore, ops whole",
    weights=FVCORE.weights,
    formulas=FORMULAS,
    sees="listed",
    mirrors=FVCORE.mirrors,
)
RESOLVER = WHOLE.resolver(FORMULAS)


@_rule("aten::linear")
def linear(input: Size, weight: Size) -> Ops:
    """[*, n] = linear([*, k], [n, k]): a dot product of length k per output; no bias."""
    return Ops(macs=prod(input) * weight[0])


@_rule("aten::matmul")
def matmul(self: Size, other: Size) -> Ops:
    """[*, m, n] = [*, m, k] x [*, k, n]: n MACs per element of the left operand.

    The left operand counts once, even if it is broadcast over a batch of the right operand. A
    vector on the right is one column.
    """
    return Ops(macs=prod(self) * (other[-1] if len(other) > 1 else 1))


@_rule("aten::layer_norm", "aten::group_norm", "aten::instance_norm")
def norm(input: Size, weight: Size | None) -> Ops:
    """[*] = norm([*], weight): 4 per element, 5 with a weight."""
    return Ops(muls=(4 + (weight is not None)) * prod(input))


@_rule("aten::einsum")
def einsum(equation: str, tensors: Sequence[Size]) -> Ops:
    """out = einsum(equation, tensors), as numpy's ``einsum_path`` counts it, halved and rounded up.

    A pair of operands costs the product of the sizes of all its labels; half of that, rounded up,
    if no label is summed. More than two operands cost the cheapest order of pairs. No intermediate
    result may be larger than the largest operand or the result.
    """
    terms, result, sizes = _labels(equation, tensors)
    largest = max(prod(sizes[label] for label in term) for term in (*terms, result))
    return Ops(macs=(_flops(terms, result, sizes, largest) + 1) // 2)


def _labels(
    equation: str, tensors: Sequence[Size]
) -> tuple[list[frozenset[str]], frozenset[str], dict[str, int]]:
    """The labels of each operand, the labels of the result, and the size of each label.

    Each axis of an ellipsis has a label of its own, counted from the last axis.
    """
    given, arrow, result = equation.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    terms: list[list[str]] = []
    for term, shape in zip(given.split(","), tensors, strict=True):
        before, _, after = term.partition("...")
        hidden = [f"...{place}" for place in range(len(shape) - len(before) - len(after), 0, -1)]
        labels = [*before, *hidden, *after]
        for label, size in zip(labels, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1)) if size else 0
        terms.append(labels)
    named = [label for labels in terms for label in labels]
    broadcast = {label for label in named if label.startswith("...")}
    kept = (
        set(result.replace("...", ""))
        if arrow
        else {label for label in named if named.count(label) == 1}
    )
    if not arrow or "..." in result:
        kept |= broadcast
    return [frozenset(term) for term in terms], frozenset(kept), sizes


def _flops(
    terms: list[frozenset[str]], result: frozenset[str], sizes: dict[str, int], largest: int
) -> int:
    """Multiplications of the cheapest order of pairs, and additions where labels are summed."""
    if len(terms) < 3 or result == frozenset().union(*terms):
        return _at_once(terms, result, sizes)
    orders: list[int] = []
    for pair in combinations(range(len(terms)), 2):
        two = [terms[index] for index in pair]
        rest = [term for index, term in enumerate(terms) if index not in pair]
        made = frozenset().union(*two) & result.union(*rest)
        if prod(sizes[label] for label in made) <= largest:
            orders.append(
                _at_once(two, made, sizes) + _flops([*rest, made], result, sizes, largest)
            )
    return min(orders, default=_at_once(terms, result, sizes))


def _at_once(terms: list[frozenset[str]], result: frozenset[str], sizes: dict[str, int]) -> int:
    """Multiplications and additions if all operands are multiplied in one loop."""
    labels = frozenset().union(*terms)
    return prod(sizes[label] for label in labels) * (max(1, len(terms) - 1) + bool(labels - result))


_VIEWS = aten(
    "chunk expand flatten narrow permute reshape select size slice split split_with_sizes squeeze "
    "t transpose unbind unsqueeze unsqueeze_ view"
)
_COPIES = aten(
    "cat constant_pad_nd contiguous copy_ detach dropout gather index index_put_ masked_fill "
    "nonzero roll stack to type_as"
)
_NEW_TENSORS = aten(
    "arange empty full full_like new_empty new_full new_zeros ones zeros zeros_like"
)
_COMPARISONS_AND_INTEGERS = aten(
    "Int ScalarImplicit __and__ bitwise_not clamp clamp_ eq floor floor_divide ge gt max "
    "relu relu_ remainder"
)
_NOT_IN_A_JIT_TRACE = aten("alias lift_fresh")
"""Ops that a dispatcher sees and for which a jit trace has no node."""

PASSED_OVER = _VIEWS | _COPIES | _NEW_TENSORS | _COMPARISONS_AND_INTEGERS | _NOT_IN_A_JIT_TRACE
"""Ops that have no figure and are not in ``unsupported_ops``."""


def has_rule(op: object) -> bool:
    """Whether fvcore counts an op."""
    return target_name(op).partition(".")[0] in FORMULAS


def short(name: str) -> str:
    """The name of an op in ``by_operator``: without its namespace; ``conv`` for a convolution."""
    return "conv" if name == "aten::_convolution" else name.partition("::")[2]
