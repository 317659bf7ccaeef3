"""The ``_foreach`` ops: element-wise ops on each tensor of a list.

Optimizers and weight averages use them. The operations per element come from ``elementwise`` and
``parametric``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from torch import Size, broadcast_shapes

from ..core.ops import Ops
from . import reduction
from .arithmetic import Operand, Scalar
from .builtin import formula
from .elementwise import FIGURES
from .parametric import LERP, power, quotient, scaled_add, scaled_product, scaled_quotient

Sizes = tuple[Size, ...]
"""The shapes of a list of tensors."""

Operands = Operand | Sequence[Operand]
"""One operand for all tensors of a list, or a list with one for each."""

PLAIN = """
    abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg
    reciprocal rsqrt sigmoid sign sin sinh sqrt tan tanh trunc
"""
"""The ops on one list whose cost depends on no argument."""
WITH_OTHERS = "clamp_max clamp_min maximum minimum mul"
"""Such ops with a second operand."""


def elements(tensors: Sizes) -> int:
    """How many elements the tensors of a list have together.

    The elements of the inputs are counted, since ops in place return nothing.
    """
    return sum(size.numel() for size in tensors)


def _per_element(name: str) -> Callable[..., Ops]:
    def price(self: Sizes) -> Ops:
        return FIGURES[name][0] * elements(self)

    price.__doc__ = f"list of [*] = {name}(list of [*]): {FIGURES[name][1]}, per element."
    return price


def _per_pair(name: str) -> Callable[..., Ops]:
    def price(self: Sizes, other: Operands, /) -> Ops:
        return FIGURES[name][0] * elements(broadcast(self, other))

    price.__doc__ = f"list of [*] = {name}(lists of [*]): {FIGURES[name][1]}, per element."
    return price


for _name in PLAIN.split():
    formula(f"aten::_foreach_{_name}", kind="elementwise")(_per_element(_name))
for _name in WITH_OTHERS.split():
    formula(f"aten::_foreach_{_name}", kind="elementwise")(_per_pair(_name))


def each(values: Operands, count: int) -> tuple[Operand, ...]:
    """One operand per tensor: the members of a list, or ``count`` times the one operand."""
    if isinstance(values, Size) or not isinstance(values, Sequence):
        return (values,) * count
    return tuple(values)


def broadcast(tensors: Sizes, *others: Operands) -> Sizes:
    """The shapes of the results. A list of numbers may meet a list of larger tensors."""
    lists = [each(other, len(tensors)) for other in others]
    return tuple(
        _broadcast(size, *[one for one in members if isinstance(one, Size)])
        for size, *members in zip(tensors, *lists, strict=True)
    )


def _broadcast(*shapes: Size) -> Size:
    return Size(broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def over(figures: list[Ops], tensors: Sizes) -> Ops:
    """The sum over the list: the operations per element times the elements of that tensor."""
    return sum(
        (figure * size.numel() for figure, size in zip(figures, tensors, strict=True)), Ops()
    )


@formula("aten::_foreach_add", kind="elementwise")
@formula("aten::_foreach_sub", kind="elementwise")
def add(self: Sizes, other: Operands, /, *, alpha: Scalar = 1) -> Ops:
    """[*] = [*] + alpha [*], per tensor of the list."""
    figures = [scaled_add(one, alpha) for one in each(other, len(self))]
    return over(figures, broadcast(self, other))


@formula("aten::_foreach_div", kind="elementwise")
def div(self: Sizes, other: Operands, /) -> Ops:
    """[*] = [*] / [*], per tensor of the list."""
    return quotient(None) * elements(broadcast(self, other))


@formula("aten::_foreach_round", kind="elementwise")
def round(self: Sizes) -> Ops:
    """[*] = round([*]), per tensor of the list."""
    return Ops(specials=1) * elements(self)


@formula("aten::_foreach_addcmul", kind="elementwise")
def addcmul(
    self: Sizes,
    tensor1: Sizes,
    tensor2: Sizes,
    *,
    value: Scalar = 1,
    scalars: Operands | None = None,
) -> Ops:
    """[*] = [*] + value [*] [*], per tensor of the list."""
    values = value if scalars is None else scalars
    figures = [scaled_product(one) for one in each(values, len(self))]
    return over(figures, broadcast(self, tensor1, tensor2))


@formula("aten::_foreach_addcdiv", kind="elementwise")
def addcdiv(
    self: Sizes,
    tensor1: Sizes,
    tensor2: Sizes,
    *,
    value: Scalar = 1,
    scalars: Operands | None = None,
) -> Ops:
    """[*] = [*] + value [*] / [*], per tensor of the list."""
    values = value if scalars is None else scalars
    figures = [scaled_quotient(one) for one in each(values, len(self))]
    return over(figures, broadcast(self, tensor1, tensor2))


@formula("aten::_foreach_lerp", kind="elementwise")
def lerp(self: Sizes) -> Ops:
    """[*] = x + w (y - x), per tensor of the list."""
    return LERP * elements(self)


@formula("aten::_foreach_pow", kind="elementwise")
def pow(self: Sizes | Scalar, exponent: Operands) -> Ops:
    """[*] = [*] ^ p, per tensor of the list: see ``parametric.power``.

    Per element it is one pow if the base is a number or the exponent a tensor.
    """
    tensors = cast(Sizes, self if isinstance(self, tuple) else exponent)
    figures = [power(one) for one in each(exponent, len(tensors))]
    return over(figures, broadcast(tensors, exponent))


@formula("aten::_foreach_max", kind="elementwise")
def max(self: Sizes) -> Ops:
    """[] = max([*]), per tensor of the list: n - 1 compares."""
    return sum((reduction.largest(1, size.numel()) for size in self), Ops())


@formula("aten::_foreach_norm", kind="elementwise")
def norm(self: Sizes, ord: float = 2) -> Ops:
    """[] = norm([*]), per tensor of the list."""
    return sum((reduction.norm_of(1, size.numel(), ord) for size in self), Ops())


@formula("aten::_foreach_powsum", kind="elementwise")
def powsum(self: Sizes, ord: float = 2) -> Ops:
    """[] = sum(|[*]| ^ p), per tensor of the list."""
    return sum((reduction.powers_of(1, size.numel(), ord) for size in self), Ops())


@formula("aten::_amp_foreach_non_finite_check_and_unscale", kind="elementwise")
def unscale(self: Sizes) -> Ops:
    """[*] = [*] / scale, per gradient of the list: per element a mul and a test for inf or nan."""
    return Ops(muls=1, compares=1) * elements(self)


@formula("aten::_amp_update_scale", kind="elementwise")
def update_scale() -> Ops:
    """[] = [] * growth or backoff factor: a test and a mul."""
    return Ops(muls=1, compares=1)
