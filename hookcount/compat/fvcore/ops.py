"""What fvcore counts of each op of a jit trace, and which ops it passes over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any

from torch import Size

from ...conventions.fvcore import (
    FVCORE,
    adaptive_avg_pool,
    batch_norm,
    interpolated,
    upsample_nearest,
)
from ...conventions.shared.borrowed import contractions
from ...core.ops import Ops
from ...rules.convention import Convention
from ...rules.registry import Registry, target_name
from ...rules.resolver import Resolver

FORMULAS = Registry(name="the formulas of fvcore for whole ops")

for _whole, _formula in (
    ("aten::batch_norm", batch_norm),
    ("aten::adaptive_avg_pool2d", adaptive_avg_pool),
    ("aten::upsample_nearest2d", upsample_nearest),
    ("aten::upsample_bilinear2d", interpolated),
    ("aten::grid_sampler", interpolated),
):
    FORMULAS.register(_whole, _formula)

contractions(FORMULAS, (f"aten::{name}" for name in ("addmm", "bmm", "mm", "convolution")))

WHOLE = Convention(
    "fvcore, ops whole",
    weights=FVCORE.weights,
    formulas=FORMULAS,
    sees="listed",
    mirrors=FVCORE.mirrors,
)
RESOLVER: Resolver = WHOLE.resolver(FORMULAS)


@FORMULAS.register("aten::linear")
def linear(input: Size, weight: Size, bias: Any = None, *, out: Size) -> Ops:
    """[*, n] = linear([*, k], [n, k]): a dot product of length k per output; no bias."""
    return Ops(macs=prod(input) * weight[0])


@FORMULAS.register("aten::matmul")
def matmul(self: Size, other: Size, *, out: Size) -> Ops:
    """[*, m, n] = [*, m, k] x [*, k, n]: each element of the left meets n columns, once also where it is repeated for a batch
    of the right. A vector on the right is one column.
    """
    return Ops(macs=prod(self) * (other[-1] if len(other) > 1 else 1))


@FORMULAS.register("aten::layer_norm")
def layer_norm(
    input: Size, normalized_shape: Any, weight: Any = None, *rest: Any, out: Size
) -> Ops:
    """4 per element, 5 with a weight."""
    return Ops(muls=(4 + (weight is not None)) * prod(input))


@FORMULAS.register("aten::group_norm")
def group_norm(input: Size, num_groups: int, weight: Any = None, *rest: Any, out: Size) -> Ops:
    """4 per element, 5 with a weight."""
    return Ops(muls=(4 + (weight is not None)) * prod(input))


@FORMULAS.register("aten::instance_norm")
def instance_norm(input: Size, weight: Any = None, *rest: Any, out: Size) -> Ops:
    """4 per element, 5 with a weight."""
    return Ops(muls=(4 + (weight is not None)) * prod(input))


@FORMULAS.register("aten::einsum")
def einsum(equation: str, tensors: Sequence[Size], *, path: Any = None, out: Size) -> Ops:
    """A pair's product: the sizes of all its labels, multiplied; half of that, rounded up, where no label is summed.

    Of more than two operands: by the pairs that take the fewest, none of them larger than the largest operand or the result.
    """
    terms, result, sizes = _labels(equation, tensors)
    largest = max(prod(sizes[label] for label in term) for term in (*terms, result))
    return Ops(macs=(_flops(terms, result, sizes, largest) + 1) // 2)


def _labels(
    equation: str, tensors: Sequence[Size]
) -> tuple[list[frozenset[str]], frozenset[str], dict[str, int]]:
    """The labels of each operand and of the result, and their sizes; an ellipsis is labels of its own."""
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
    """Multiplications, and additions where labels are summed, of the cheapest order."""
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
    labels = frozenset().union(*terms)
    return prod(sizes[label] for label in labels) * (max(1, len(terms) - 1) + bool(labels - result))


PASSED_OVER = frozenset(
    f"aten::{name}"
    for name in (
        # views and shapes
        *(
            "chunk",
            "expand",
            "flatten",
            "narrow",
            "permute",
            "reshape",
            "select",
            "size",
            "slice",
            "split",
            "split_with_sizes",
        ),
        *("squeeze", "t", "transpose", "unbind", "unsqueeze", "unsqueeze_", "view"),
        # copies, gathers, dtypes and devices
        *(
            "cat",
            "constant_pad_nd",
            "contiguous",
            "copy_",
            "detach",
            "dropout",
            "gather",
            "index",
            "index_put_",
            "masked_fill",
        ),
        *("nonzero", "roll", "stack", "to", "type_as"),
        # new tensors
        *(
            "arange",
            "empty",
            "full",
            "full_like",
            "new_empty",
            "new_full",
            "new_zeros",
            "ones",
            "zeros",
            "zeros_like",
        ),
        # comparisons, selections, integers
        *(
            "Int",
            "ScalarImplicit",
            "__and__",
            "bitwise_not",
            "clamp",
            "clamp_",
            "eq",
            "floor",
            "floor_divide",
            "ge",
            "gt",
            "max",
        ),
        *("relu", "relu_", "remainder"),
        # what a dispatcher sees and a jit trace has no node for
        *("alias", "lift_fresh"),
    )
)
"""Ops that are neither counted nor named in ``unsupported_ops``."""


def has_rule(op: Any) -> bool:
    """Whether fvcore counts this op."""
    return target_name(op).partition(".")[0] in FORMULAS


def short(name: str) -> str:
    """The name under which a figure of op ``name`` stands: without its namespace; a convolution is ``conv``."""
    return "conv" if name == "aten::_convolution" else name.partition("::")[2]
