"""Quantized ops of oneDNN. Arguments name the last steps of an op, such as relu.

The weight is a tensor in a layout of oneDNN's own. Rescaling of the result is not counted.
"""

from __future__ import annotations

from math import prod

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


def _finished(product: Ops, bias: Size | None, out: Size, *last_steps: str | None) -> Ops:
    """A product, its bias, and its last steps by name. Raises ``KeyError`` for an unknown step."""
    ops = product if bias is None else product + bias_adds(prod(out))
    return sum((_LAST_STEPS[step or ""] * prod(out) for step in last_steps), ops)


def _product(qx: Size, out: Size) -> Ops:
    return matmul(prod(qx[:-1]), qx[-1], out[-1])


@formula("onednn::qlinear_pointwise", kind="linear")
def qlinear(qx: Size, bias: Size | None, post_op_name: str, out: Size) -> Ops:
    """[*, n] = post_op([*, k] @ int8 [n, k]^T + [n]): the sum of its parts."""
    return _finished(_product(qx, out), bias, out, post_op_name)


@formula("onednn::qlinear_pointwise.binary", kind="linear")
@formula("onednn::qlinear_pointwise.binary_tensor", kind="linear")
def qlinear_binary(
    qx: Size, bias: Size | None, binary_post_op: str, unary_post_op: str, out: Size
) -> Ops:
    """[*, n] = unary([*, k] @ int8 [n, k]^T + [n] + other): the sum of its parts."""
    return _finished(_product(qx, out), bias, out, binary_post_op, unary_post_op)


def _convolution(qx: Size, qw: Size, groups: int, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], int8 weight): Ci/g * prod(K) per output.

    In every layout the weight's last axes are those of the kernel. Its channels may be anywhere.
    """
    kernel = prod(qw[len(qw) - (len(out) - 2) :])
    return Ops(macs=prod(out) * (qx[1] // groups) * kernel)


@formula("onednn::qconv1d_pointwise", kind="convolution")
@formula("onednn::qconv2d_pointwise", kind="convolution")
@formula("onednn::qconv3d_pointwise", kind="convolution")
@formula("onednn::qconv_pointwise", kind="convolution")
def qconv(qx: Size, qw: Size, bias: Size | None, groups: int, attr: str, out: Size) -> Ops:
    """[N, Co, *O] = attr(conv([N, Ci, *I], int8 [Co, Ci/g, *K], [Co])): the sum of its parts."""
    return _finished(_convolution(qx, qw, groups, out), bias, out, attr)


@formula("onednn::qconv2d_pointwise.binary", kind="convolution")
@formula("onednn::qconv2d_pointwise.binary_tensor", kind="convolution")
def qconv_binary(
    qx: Size,
    qw: Size,
    bias: Size | None,
    groups: int,
    binary_attr: str,
    unary_attr: str | None,
    out: Size,
) -> Ops:
    """[N, Co, *O] = unary(conv([N, Ci, *I], int8 [Co, Ci/g, *K], [Co]) + qaccum): its parts."""
    return _finished(_convolution(qx, qw, groups, out), bias, out, binary_attr, unary_attr)
