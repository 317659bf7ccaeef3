"""The products of an einsum, as numpy's ``einsum_path`` counts them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod


def products(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    """The MACs of ``einsum(equation, ...)`` for operands of these shapes.

    They are the operations that numpy counts, halved and rounded up. A pair of operands costs the
    product of the sizes of all its labels; half of that, rounded up, if no label is summed. More
    than two operands cost the cheapest order of pairs. No intermediate result may be larger than
    the largest operand or the result.
    """
    terms, result, sizes = _labels(equation, shapes)
    largest = max(prod(sizes[label] for label in term) for term in (*terms, result))
    return (_flops(terms, result, sizes, largest) + 1) // 2


def _labels(
    equation: str, shapes: Sequence[Sequence[int]]
) -> tuple[list[frozenset[str]], frozenset[str], dict[str, int]]:
    """The labels of each operand, the labels of the result, and the size of each label.

    Each axis of an ellipsis has a label of its own, counted from the last axis.
    """
    given, arrow, result = equation.replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    terms: list[list[str]] = []
    for term, shape in zip(given.split(","), shapes, strict=True):
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
