"""Gradients of normalizations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size

from ...core.ops import Ops
from ..builtin import formula


def _standardization_backward(elements: int, mask: Sequence[bool], *, weighted: bool) -> Ops:
    """Gradients of y = x^ * weight + bias, with x^ = (x - mean) * rstd.

    ``mask`` selects which of dx, dweight and dbias are computed. Per element:

    - x^ is computed again: an add and a mul.
    - dx = rstd * (g w - mean(g w) - x^ * mean(g w x^)). This is the products g w and g w x^,
      their two sums, x^ times a mean, two subtractions, and a product with rstd.
    - dweight = sum(g x^): a mul and an add.
    - dbias = sum(g): an add.

    Work per row or per channel is not counted.
    """
    needs_x, needs_weight, needs_bias = mask
    ops = Ops(adds=elements, muls=elements) if needs_x or needs_weight else Ops()
    if needs_x:
        ops = ops + Ops(adds=4, muls=3 + weighted) * elements
    if needs_weight:
        ops = ops + Ops(adds=1, muls=1) * elements
    return ops + Ops(adds=elements) if needs_bias else ops


@formula("aten::native_batch_norm_backward", kind="gradient")
def batch_norm_backward(grad_out: Size, train: bool, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight, dbias = gradients of batch norm([N, C, *]).

    In eval mode dx is the incoming gradient times the folded scale.
    """
    elements = prod(grad_out)
    if train:
        return _standardization_backward(elements, output_mask, weighted=False)
    rest = _standardization_backward(elements, (False, *output_mask[1:]), weighted=False)
    return rest + Ops(muls=elements) if output_mask[0] else rest


@formula("aten::batch_norm_backward", kind="gradient")
def batch_norm_backward_with_reserve(
    grad_out: Size, update: bool, output_mask: Sequence[bool]
) -> Ops:
    """dx, dweight, dbias = gradients of batch norm([N, C, *]); ``update`` is true in training."""
    return batch_norm_backward(grad_out, update, output_mask)


@formula("aten::cudnn_batch_norm_backward", kind="gradient")
@formula("aten::miopen_batch_norm_backward", kind="gradient")
def vendor_batch_norm_backward(grad_output: Size) -> Ops:
    """dx, dweight, dbias = gradients of batch norm([N, C, *]) in training, always all three."""
    return _standardization_backward(prod(grad_output), (True, True, True), weighted=False)


@formula("aten::native_layer_norm_backward", kind="gradient")
def layer_norm_backward(grad_out: Size, weight: Size | None, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight, dbias = gradients of layer norm([*, n])."""
    return _standardization_backward(prod(grad_out), output_mask, weighted=weight is not None)


@formula("aten::native_group_norm_backward", kind="gradient")
def group_norm_backward(grad_out: Size, weight: Size | None, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight, dbias = gradients of group norm([N, C, *])."""
    return _standardization_backward(prod(grad_out), output_mask, weighted=weight is not None)


@formula("aten::_fused_rms_norm_backward", kind="gradient")
def rms_norm_backward(grad_out: Size, weight: Size | None, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight = gradients of y = x^ * weight, with x^ = x * rstd.

    As ``_standardization_backward``, but no mean is subtracted. Per element:

    - x^ is computed again: a mul.
    - dx = rstd * (g w - x^ * mean(g w x^)). This is the products g w and g w x^, a sum, x^ times a
      mean, a subtraction, and a product with rstd.
    - dweight = sum(g x^): a mul and an add.
    """
    needs_x, needs_weight = output_mask
    each = Ops(muls=1) if needs_x or needs_weight else Ops()
    if needs_x:
        each = each + Ops(adds=2, muls=3 + (weight is not None))
    if needs_weight:
        each = each + Ops(adds=1, muls=1)
    return each * prod(grad_out)


@formula("aten::batch_norm_backward_reduce", kind="gradient")
def batch_norm_backward_reduce(input: Size) -> Ops:
    """2 [C], ... = sums of g and of g (x - mean) over N and *: half of a synchronized layer.

    Per element: a subtraction, a mul and two adds. Weight and bias get these sums.
    """
    return Ops(adds=3, muls=1) * prod(input)


@formula("aten::batch_norm_backward_elemt", kind="gradient")
def batch_norm_backward_elemt(input: Size) -> Ops:
    """[N, C, *] = (g - mean(g) - (x - mean) * a) * b, with a and b per channel: the other half.

    Per element: three subtractions and two muls.
    """
    return Ops(adds=3, muls=2) * prod(input)


@formula("aten::_weight_norm_interface_backward", kind="gradient")
def weight_norm_backward(saved_v: Size, dim: int) -> Ops:
    """dv, dg = gradients of w = v * (g / |v|), with a norm per slice along ``dim``.

    Per slice of n, dg = sum(dw v) / |v|: n muls, n - 1 adds, a division.
    dv = (g / |v|) dw - (g / |v| * dg / |v|) v: 2 n muls, n subtractions, two divisions, a mul.
    """
    elements, slices = prod(saved_v), saved_v[dim]
    return Ops(adds=2 * elements - slices, muls=3 * elements + slices, specials=3 * slices)
