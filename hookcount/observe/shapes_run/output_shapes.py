"""Output shapes of the ops that models run most.

torch's own shapes-only implementations of these ops are written in Python. The first of them to run
imports torch's compiler. So hookcount has a rule for each. Where a rule does not apply, torch's
implementation runs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..values import OpArgs, OpKwargs
from . import gradient_shapes as gradient
from .attention_shapes import (
    encoder_layer,
    flash_attention,
    flash_attention_backward,
    multi_head,
)
from .decomposition_shapes import eig, geqrf, lstsq, svd
from .fft_shapes import c2c, c2r, r2c
from .grouped_shapes import grouped_mm
from .histogram_shapes import bin_edges, histogram, histogram_of_counts, histogram_of_edges
from .layer_shapes import (
    addmm,
    avg_pool2d,
    convolution,
    matmul,
    max_pool2d,
)
from .loss_shapes import ctc_loss, gradient_of_second
from .meta_tensors import Made
from .norm_shapes import (
    batch_norm,
    batch_norm_in_eval,
    batch_norm_legit,
    batch_norm_with_update,
    cudnn_batch_norm,
    fused_rms_norm,
    layer_norm,
    native_dropout,
)
from .recurrent_shapes import (
    cudnn_layers,
    cudnn_layers_backward,
    gru_cell,
    gru_cell_backward,
    lstm_cell,
    lstm_cell_backward,
    onednn_layer,
    onednn_layer_backward,
)
from .tensor_shapes import (
    binary,
    cat,
    clone,
    compare,
    masked_fill,
    mean,
    roll,
    softmax,
    unary,
    unsafe_view,
)

_CPU = torch.device("cpu")
_UNARY = """abs cos elu erf exp gelu hardsigmoid hardswish hardtanh leaky_relu log mish neg
reciprocal relu rsqrt sigmoid silu sin softplus sqrt tanh"""
_BINARY = "add sub mul div"
_GRADIENTS = """_ctc_loss_backward fractional_max_pool3d_backward multi_margin_loss_backward
multilabel_margin_loss_backward mse_loss_backward smooth_l1_loss_backward"""
_COMPARE = "eq ne lt le gt ge"
_ELEMENTWISE_GRADIENTS = """gelu hardsigmoid hardswish hardtanh leaky_relu mish sigmoid silu
softplus tanh threshold"""

RULES: dict[str, Callable[..., Made]] = {
    "aten::addmm": addmm,
    "aten::native_batch_norm": batch_norm,
    "aten::_native_batch_norm_legit": batch_norm_legit,
    "aten::_native_batch_norm_legit_no_training": batch_norm_in_eval,
    "aten::_batch_norm_with_update": batch_norm_with_update,
    "aten::native_layer_norm": layer_norm,
    "aten::_softmax": softmax,
    "aten::_safe_softmax": softmax,
    "aten::mean": mean,
    "aten::mm": matmul,
    "aten::bmm": matmul,
    "aten::_grouped_mm": grouped_mm,
    "aten::convolution": convolution,
    "aten::max_pool2d_with_indices": max_pool2d,
    "aten::avg_pool2d": avg_pool2d,
    "aten::roll": roll,
    "aten::clone": clone,
    "aten::_unsafe_view": unsafe_view,
    "aten::masked_fill": masked_fill,
    **{f"aten::{name}": compare for name in _COMPARE.split()},
    "aten::cat": cat,
    "aten::_native_multi_head_attention": multi_head,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
    "aten::_scaled_dot_product_flash_attention_for_cpu": flash_attention,
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": flash_attention_backward,
    "aten::_ctc_loss": ctc_loss,
    **{f"aten::{name}": gradient_of_second for name in _GRADIENTS.split()},
    "aten::geqrf": geqrf,
    "aten::linalg_eig": eig,
    "aten::linalg_lstsq": lstsq,
    "aten::histogram": histogram,
    "aten::_histogramdd_bin_edges": bin_edges,
    "aten::_histogramdd_from_bin_cts": histogram_of_counts,
    "aten::_histogramdd_from_bin_tensors": histogram_of_edges,
    "aten::mkldnn_rnn_layer": onednn_layer,
    "aten::mkldnn_rnn_layer_backward": onednn_layer_backward,
    "aten::_cudnn_rnn": cudnn_layers,
    "aten::_cudnn_rnn_backward": cudnn_layers_backward,
    "aten::_thnn_fused_lstm_cell": lstm_cell,
    "aten::_thnn_fused_lstm_cell_backward_impl": lstm_cell_backward,
    "aten::_thnn_fused_gru_cell": gru_cell,
    "aten::_thnn_fused_gru_cell_backward": gru_cell_backward,
    "aten::cudnn_batch_norm": cudnn_batch_norm,
    "aten::cudnn_batch_norm_backward": gradient.cudnn_batch_norm,
    "aten::_fused_rms_norm": fused_rms_norm,
    "aten::_fused_rms_norm_backward": gradient.rms_norm,
    "aten::native_dropout": native_dropout,
    "aten::native_dropout_backward": gradient.native_dropout,
    "aten::sum": mean,
    "aten::native_batch_norm_backward": gradient.batch_norm,
    "aten::native_layer_norm_backward": gradient.layer_norm,
    "aten::convolution_backward": gradient.convolution,
    "aten::_softmax_backward_data": gradient.softmax,
    "aten::_log_softmax_backward_data": gradient.softmax,
    "aten::slice_backward": gradient.into_zeros,
    "aten::select_backward": gradient.into_zeros,
    **{f"aten::{name}_backward": gradient.elementwise for name in _ELEMENTWISE_GRADIENTS.split()},
    **{f"aten::{name}": unary for name in _UNARY.split()},
    **{f"aten::{name}": binary for name in _BINARY.split()},
}
ON_THE_CPU: dict[str, Callable[..., Made]] = {
    "aten::_fft_c2c": c2c,
    "aten::_fft_r2c": r2c,
    "aten::_fft_c2r": c2r,
    "aten::_linalg_svd": svd,
}
"""Rules that hold for the kernels of the CPU only. torch has those of other devices."""


def output(
    name: str, writes: bool, args: OpArgs, kwargs: OpKwargs, device: torch.device = _CPU
) -> Made:
    """The result of an op on meta tensors; None where no rule applies.

    An in-place op (``writes``) returns its first argument, if that has the right shape. ``device``
    is where the model runs.
    """
    in_place = writes and name.endswith("_")
    name = name.removesuffix("_") if writes else name
    rule = RULES.get(name) or (ON_THE_CPU.get(name) if device.type == "cpu" else None)
    if rule is None or "out" in kwargs:
        return None
    made = rule(*args, **kwargs)
    if made is None or not in_place:
        return made
    return args[0] if isinstance(made, torch.Tensor) and made.shape == args[0].shape else None
