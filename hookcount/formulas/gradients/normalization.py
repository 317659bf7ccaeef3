"""The gradients of normalizations."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size

from ...core.ops import Ops
from ..builtin import formula


def _standardization_backward(elements: int, mask: Sequence[bool], *, weighted: bool) -> Ops:
    """Gradients of y = x^ * weight + bias, x^ = (x - mean) * rstd, where x^ is made again: an add and a mul per element.

    dx = rstd * (g w - mean(g w) - x^ * mean(g w x^)): g w, g w x^, its two sums, x^ times the mean, two subtractions, rstd.
    dweight = sum(g x^): a mul and an add; dbias = sum(g): an add. What is per row or per channel is left out.
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
    """dx, dweight, dbias = gradients of a batch norm: in eval mode dx is the gradient times the folded scale."""
    elements = prod(grad_out)
    if train:
        return _standardization_backward(elements, output_mask, weighted=False)
    rest = _standardization_backward(elements, (False, *output_mask[1:]), weighted=False)
    return rest + Ops(muls=elements) if output_mask[0] else rest


@formula("aten::batch_norm_backward", kind="gradient")
def batch_norm_backward_with_reserve(
    grad_out: Size, update: bool, output_mask: Sequence[bool]
) -> Ops:
    """dx, dweight, dbias = gradients of a batch norm, ``update`` being its training mode."""
    return batch_norm_backward(grad_out, update, output_mask)


@formula("aten::cudnn_batch_norm_backward", kind="gradient")
@formula("aten::miopen_batch_norm_backward", kind="gradient")
def vendor_batch_norm_backward(grad_output: Size) -> Ops:
    """dx, dweight, dbias = gradients of a batch norm in training, always all three."""
    return _standardization_backward(prod(grad_output), (True, True, True), weighted=False)


@formula("aten::native_layer_norm_backward", kind="gradient")
def layer_norm_backward(grad_out: Size, weight: Any, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight, dbias = gradients of a layer norm."""
    return _standardization_backward(prod(grad_out), output_mask, weighted=weight is not None)


@formula("aten::native_group_norm_backward", kind="gradient")
def group_norm_backward(grad_out: Size, weight: Any, output_mask: Sequence[bool]) -> Ops:
    """dx, dweight, dbias = gradients of a group norm."""
    return _standardization_backward(prod(grad_out), output_mask, weighted=weight is not None)
