"""Convolutions: ``nn.Conv*``, ``nn.ConvTranspose*``, the ops that backends run for them, folding.

In the equations N is the batch, Ci are the input channels, Co the output channels, g the groups.
The input has the sizes I, the output the sizes O, the kernel the sizes K.
``arithmetic.convolution`` is the count that all share.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Size, nn
from torch.nn.modules.conv import _ConvNd

from ..core.ops import NOTHING, Ops
from . import arithmetic
from .arithmetic import Scalar
from .builtin import formula, free, observed


def _convolution(
    input: Size, weight: Size, out: Size, *, biased: bool, transposed: bool = False
) -> Ops:
    """[N, Co, *O] = conv or convT of [N, Ci, *I], and an add per output for the bias, if any."""
    ops = arithmetic.convolution(input, weight, out, transposed=transposed)
    return ops + arithmetic.bias(prod(out)) if biased else ops


@formula(nn.Conv1d, kind="convolution")
@formula(nn.Conv2d, kind="convolution")
@formula(nn.Conv3d, kind="convolution")
def convolution_module(module: _ConvNd, input: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I]), batched or not: numel(out) * Ci/g * prod(K), and the bias.

    Padding is free in every ``padding_mode``. Windows that reach into it are counted whole.
    """
    return _convolution(input, module.weight.shape, out, biased=module.bias is not None)


@formula(nn.ConvTranspose1d, kind="convolution")
@formula(nn.ConvTranspose2d, kind="convolution")
@formula(nn.ConvTranspose3d, kind="convolution")
def transposed_convolution_module(module: _ConvNd, input: Size, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I]), batched or not.

    numel(input) * Co/g * prod(K), whatever the stride, and the bias.
    """
    biased = module.bias is not None
    return _convolution(input, module.weight.shape, out, biased=biased, transposed=True)


@formula("aten::convolution", kind="convolution")
@formula("aten::_convolution", kind="convolution")
@formula("aten::convolution_overrideable", kind="convolution")
def convolution(input: Size, weight: Size, bias: Size | None, transposed: bool, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K], [Co]).

    Transposed: convT([N, Ci, *I], [Ci, Co/g, *K], [Co]). The bias is counted in both.
    """
    return _convolution(input, weight, out, biased=bias is not None, transposed=transposed)


@formula("aten::mkldnn_convolution", kind="convolution")
@formula("aten::miopen_convolution", kind="convolution")
@formula("aten::miopen_depthwise_convolution", kind="convolution")
@formula("aten::_mps_convolution", kind="convolution")
@formula("aten::_nnpack_spatial_convolution", kind="convolution")
def backend_convolution(input: Size, weight: Size, bias: Size | None = None, *, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K], [Co]): ops that take the bias third."""
    return _convolution(input, weight, out, biased=bias is not None)


@formula("aten::conv_depthwise3d", kind="convolution")
@formula("aten::_conv_depthwise2d", kind="convolution")
@formula("aten::_slow_conv2d_forward", kind="convolution")
@formula("aten::thnn_conv2d", kind="convolution")
@formula("aten::slow_conv3d", kind="convolution")
@formula("aten::slow_conv3d_forward", kind="convolution")
@formula("aten::slow_conv_dilated2d", kind="convolution")
@formula("aten::slow_conv_dilated3d", kind="convolution")
def kernel_convolution(
    input: Size,
    weight: Size,
    kernel_size: Sequence[int],
    bias: Size | None = None,
    *,
    out: Size,
) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K], K, [Co]): ops that take the bias fourth."""
    return _convolution(input, weight, out, biased=bias is not None)


@formula("aten::cudnn_convolution", kind="convolution")
def cudnn_convolution(self: Size, weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]); a separate op adds the bias."""
    return _convolution(self, weight, out, biased=False)


@formula("aten::cudnn_convolution_transpose", kind="convolution")
@formula("aten::_mps_convolution_transpose", kind="convolution")
def cudnn_convolution_transpose(self: Size, weight: Size, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K]); a separate op adds the bias."""
    return _convolution(self, weight, out, biased=False, transposed=True)


@formula("aten::miopen_convolution_transpose", kind="convolution")
def miopen_convolution_transpose(self: Size, weight: Size, bias: Size | None, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K], [Co])."""
    return _convolution(self, weight, out, biased=bias is not None, transposed=True)


@formula("aten::slow_conv_transpose2d", kind="convolution")
@formula("aten::slow_conv_transpose3d", kind="convolution")
def slow_conv_transpose(self: Size, weight: Size, bias: Size | None = None, *, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], [Ci, Co/g, *K], [Co])."""
    return _convolution(self, weight, out, biased=bias is not None, transposed=True)


@formula("aten::cudnn_convolution_relu", kind="convolution")
@formula("aten::miopen_convolution_relu", kind="convolution")
def convolution_relu(self: Size, weight: Size, bias: Size | None, out: Size) -> Ops:
    """[N, Co, *O] = relu(conv(...) + bias): the convolution, the bias, and a compare per output."""
    convolved = _convolution(self, weight, out, biased=bias is not None)
    return convolved + Ops(compares=prod(out))


@formula("aten::cudnn_convolution_add_relu", kind="convolution")
@formula("aten::miopen_convolution_add_relu", kind="convolution")
def convolution_add_relu(
    self: Size, weight: Size, alpha: Scalar | None, bias: Size | None, out: Size
) -> Ops:
    """[N, Co, *O] = relu(conv(...) + alpha * z + bias).

    The convolution and the bias; per output an add for z, a compare, and a mul if alpha is not 1.
    """
    scale = prod(out) if alpha not in (None, 1) else 0
    convolved = _convolution(self, weight, out, biased=bias is not None)
    return convolved + Ops(adds=prod(out), muls=scale, compares=prod(out))


@formula("aten::conv_tbc", kind="convolution")
def conv_tbc(weight: Size, out: Size) -> Ops:
    """[T, N, Co] = conv([T', N, Ci], [K, Ci, Co], [Co]): numel(out) * K * Ci, and the bias."""
    return arithmetic.matmul(out[0] * out[1], weight[0] * weight[1], out[2]) + arithmetic.bias(
        prod(out)
    )


@formula("aten::convolution_backward", kind="convolution")
@formula("aten::convolution_backward_overrideable", kind="convolution")
def convolution_backward(
    grad_output: Size, input: Size, weight: Size, transposed: bool, output_mask: Sequence[bool]
) -> Ops:
    """dx, dW, db = gradients of a convolution, each only where ``output_mask`` is true.

    dx and dW contract the same products as the forward, so each costs as many multiply-accumulates.
    db sums the gradient over the batch and all positions.
    """
    product = arithmetic.convolution(input, weight, grad_output, transposed=transposed)
    parts = (product, product, Ops(adds=prod(grad_output) - grad_output[1]))
    return sum((part for part, wanted in zip(parts, output_mask, strict=True) if wanted), NOTHING)


@formula("aten::_slow_conv2d_backward.output_mask", kind="convolution")
@formula("aten::mps_convolution_backward", kind="convolution")
def backend_convolution_backward(
    grad_output: Size, self: Size, weight: Size, output_mask: Sequence[bool]
) -> Ops:
    """dx, dW, db = gradients of a convolution: see ``convolution_backward``."""
    return convolution_backward(grad_output, self, weight, False, output_mask)


@formula("aten::mps_convolution_transpose_backward", kind="convolution")
def mps_convolution_transpose_backward(
    grad_output: Size, self: Size, weight: Size, output_mask: Sequence[bool]
) -> Ops:
    """dx, dW = gradients of a transposed convolution: see ``convolution_backward``."""
    return convolution_backward(grad_output, self, weight, True, (*output_mask, False))


@formula("aten::col2im", kind="convolution")
def col2im(
    output_size: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
    out: Size,
) -> Ops:
    """[N, C, H, W] = col2im([N, C * kh * kw, L]): the values of overlapping windows are summed.

    A position that n windows reach takes n - 1 adds. Copies are free, and padding is dropped.
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
