"""Convolutions: ``nn.Conv*``, ``nn.ConvTranspose*``, the ops that each backend runs them as, and folding."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Size, nn

from ..core.ops import NOTHING, Ops
from . import arithmetic
from .builtin import formula, free, observed


def _convolution(
    input: Size, weight: Size, bias: Any, out: Size, *, transposed: bool = False
) -> Ops:
    ops = arithmetic.convolution(input, weight, out, transposed=transposed)
    return ops if bias is None else ops + arithmetic.bias(prod(out))


@formula(nn.Conv1d, kind="convolution")
@formula(nn.Conv2d, kind="convolution")
@formula(nn.Conv3d, kind="convolution")
def convolution_module(module: nn.Conv2d, input: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I]), batched or not: numel(out) * Ci/g * prod(K), and the bias.

    Padding is free in every ``padding_mode``; windows that reach into it are counted whole.
    """
    return _convolution(input, module.weight.shape, module.bias, out)


@formula(nn.ConvTranspose1d, kind="convolution")
@formula(nn.ConvTranspose2d, kind="convolution")
@formula(nn.ConvTranspose3d, kind="convolution")
def transposed_convolution_module(module: nn.ConvTranspose2d, input: Size, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I]), batched or not: numel(input) * Co/g * prod(K), whatever the stride, and the bias."""
    return _convolution(input, module.weight.shape, module.bias, out, transposed=True)


@formula("aten::convolution", kind="convolution")
@formula("aten::_convolution", kind="convolution")
@formula("aten::convolution_overrideable", kind="convolution")
def convolution(input: Size, weight: Size, bias: Any, transposed: bool, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]); transposed: convT([N, Ci, *I], [Ci, Co/g, *K]). And the bias."""
    return _convolution(input, weight, bias, out, transposed=transposed)


@formula("aten::mkldnn_convolution", kind="convolution")
@formula("aten::miopen_convolution", kind="convolution")
@formula("aten::miopen_depthwise_convolution", kind="convolution")
@formula("aten::_mps_convolution", kind="convolution")
@formula("aten::_nnpack_spatial_convolution", kind="convolution")
def backend_convolution(input: Size, weight: Size, bias: Any = None, *, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K], [Co]), where the backend's op takes the bias third."""
    return _convolution(input, weight, bias, out)


@formula("aten::conv_depthwise3d", kind="convolution")
@formula("aten::_conv_depthwise2d", kind="convolution")
@formula("aten::_slow_conv2d_forward", kind="convolution")
@formula("aten::thnn_conv2d", kind="convolution")
@formula("aten::slow_conv3d", kind="convolution")
@formula("aten::slow_conv3d_forward", kind="convolution")
@formula("aten::slow_conv_dilated2d", kind="convolution")
@formula("aten::slow_conv_dilated3d", kind="convolution")
def kernel_convolution(
    input: Size, weight: Size, kernel_size: Any, bias: Any = None, *, out: Size
) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]), where the op takes the kernel's size third and the bias fourth."""
    return _convolution(input, weight, bias, out)


@formula("aten::cudnn_convolution", kind="convolution")
def cudnn_convolution(self: Size, weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]); the bias is added by an op of its own."""
    return _convolution(self, weight, None, out)


@formula("aten::cudnn_convolution_transpose", kind="convolution")
@formula("aten::_mps_convolution_transpose", kind="convolution")
def cudnn_convolution_transpose(self: Size, weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K]); the bias is added by an op of its own."""
    return _convolution(self, weight, None, out, transposed=True)


@formula("aten::miopen_convolution_transpose", kind="convolution")
def miopen_convolution_transpose(self: Size, weight: Size, bias: Any, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K], [Co])."""
    return _convolution(self, weight, bias, out, transposed=True)


@formula("aten::slow_conv_transpose2d", kind="convolution")
@formula("aten::slow_conv_transpose3d", kind="convolution")
def slow_conv_transpose(self: Size, weight: Size, bias: Any = None, *, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K], [Co])."""
    return _convolution(self, weight, bias, out, transposed=True)


@formula("aten::cudnn_convolution_relu", kind="convolution")
@formula("aten::miopen_convolution_relu", kind="convolution")
def convolution_relu(self: Size, weight: Size, bias: Any, out: Size) -> Ops:
    """[N, Co, *O] = relu(conv(...) + bias): the parts, a compare per output for relu."""
    return _convolution(self, weight, bias, out) + Ops(compares=prod(out))


@formula("aten::cudnn_convolution_add_relu", kind="convolution")
@formula("aten::miopen_convolution_add_relu", kind="convolution")
def convolution_add_relu(self: Size, weight: Size, alpha: Any, bias: Any, out: Size) -> Ops:
    """[N, Co, *O] = relu(conv(...) + alpha * z + bias): an add and a compare per output more, and a mul if alpha is not 1."""
    scale = prod(out) if alpha not in (None, 1) else 0
    return _convolution(self, weight, bias, out) + Ops(
        adds=prod(out), muls=scale, compares=prod(out)
    )


@formula("aten::conv_tbc", kind="convolution")
def conv_tbc(weight: Size, out: Size) -> Ops:
    """[T, N, Co] = conv([T', N, Ci], [K, Ci, Co], [Co]): numel(out) * K * Ci, and the bias."""
    return arithmetic.matmul(out[0] * out[1], weight[0] * weight[1], out[2]) + arithmetic.bias(
        prod(out)
    )


@formula("aten::convolution_backward", kind="convolution")
def convolution_backward(
    grad_output: Size, input: Size, weight: Size, transposed: bool, output_mask: Sequence[bool]
) -> Ops:
    """dx, dW, db = gradients of a convolution, each where ``output_mask`` asks for it.

    dx and dW are contractions over the same products as the forward, so each costs the forward's multiply-accumulates;
    db sums the gradient over the batch and all positions.
    """
    product = arithmetic.convolution(input, weight, grad_output, transposed=transposed)
    parts = (product, product, Ops(adds=prod(grad_output) - grad_output[1]))
    return sum((part for part, wanted in zip(parts, output_mask, strict=True) if wanted), NOTHING)


@formula("aten::col2im", kind="convolution")
def col2im(
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    out: Size,
) -> Ops:
    """[N, C, H, W] = col2im([N, C * kh * kw, L]): where windows overlap, their values are summed; padding is dropped.

    A position that n windows reach takes n - 1 adds, one that a single window reaches is a copy.
    """
    kept = reached = 1
    for size, kernel, spread, pad, step in zip(
        output_size, kernel_size, dilation, padding, stride, strict=True
    ):
        windows = (size + 2 * pad - spread * (kernel - 1) - 1) // step + 1
        positions = [w * step + tap * spread - pad for w in range(windows) for tap in range(kernel)]
        inside = [position for position in positions if 0 <= position < size]
        kept *= len(inside)
        reached *= len(set(inside))
    planes = prod(out[:-2])
    return Ops(adds=planes * (kept - reached))


free(["aten::im2col"])
observed([nn.Fold, nn.Unfold])
