"""oneDNN's quantized ops, whose weight is a tensor in a layout of its own and whose last step is named in the arguments."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Size

from ...core.ops import NOTHING, Ops
from ..arithmetic import bias as bias_adds
from ..arithmetic import matmul
from ..builtin import formula

_LAST_STEPS = {
    "": NOTHING,
    "none": NOTHING,
    "relu": Ops(compares=1),
    "sum": Ops(adds=1),
    "add": Ops(adds=1),
}


def _finished(product: Ops, bias: Any, out: Size, *last_steps: str | None) -> Ops:
    """A product, its bias, and the named last steps, of which relu, sum and add are known; rescaling is left out."""
    ops = product if bias is None else product + bias_adds(prod(out))
    return sum((_LAST_STEPS[step or ""] * prod(out) for step in last_steps), ops)


def _product(qx: Size, out: Size) -> Ops:
    return matmul(prod(qx[:-1]), qx[-1], out[-1])


@formula("onednn::qlinear_pointwise", kind="linear")
def qlinear(qx: Size, bias: Any, post_op_name: str, out: Size) -> Ops:
    """[*, n] = post_op([*, k] @ int8 [n, k]^T + [n])."""
    return _finished(_product(qx, out), bias, out, post_op_name)


@formula("onednn::qlinear_pointwise.binary", kind="linear")
@formula("onednn::qlinear_pointwise.binary_tensor", kind="linear")
def qlinear_binary(qx: Size, bias: Any, binary_post_op: str, unary_post_op: str, out: Size) -> Ops:
    """[*, n] = unary([*, k] @ int8 [n, k]^T + [n] + other)."""
    return _finished(_product(qx, out), bias, out, binary_post_op, unary_post_op)


def _convolution(qx: Size, qw: Size, groups: int, out: Size) -> Ops:
    """The kernel's size is the weight's last axes in every layout; its channels are the input's over the groups."""
    kernel = prod(qw[len(qw) - (len(out) - 2) :])
    return Ops(macs=prod(out) * (qx[1] // groups) * kernel)


@formula("onednn::qconv1d_pointwise", kind="convolution")
@formula("onednn::qconv2d_pointwise", kind="convolution")
@formula("onednn::qconv3d_pointwise", kind="convolution")
@formula("onednn::qconv_pointwise", kind="convolution")
def qconv(qx: Size, qw: Size, bias: Any, groups: int, attr: str, out: Size) -> Ops:
    """[N, Co, *O] = attr(conv([N, Ci, *I], int8 [Co, Ci/g, *K], [Co]))."""
    return _finished(_convolution(qx, qw, groups, out), bias, out, attr)


@formula("onednn::qconv2d_pointwise.binary", kind="convolution")
@formula("onednn::qconv2d_pointwise.binary_tensor", kind="convolution")
def qconv_binary(
    qx: Size, qw: Size, bias: Any, groups: int, binary_attr: str, unary_attr: str | None, out: Size
) -> Ops:
    """[N, Co, *O] = unary(conv([N, Ci, *I], int8 [Co, Ci/g, *K], [Co]) + qaccum)."""
    return _finished(_convolution(qx, qw, groups, out), bias, out, binary_attr, unary_attr)
