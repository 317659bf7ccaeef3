"""Ops that compute on quantized tensors, and the layers that call these ops.

Each op counts as its floating-point counterpart. An op rescales its result to the output's scale
in order to store it. This is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

from torch import Size

from ...core.ops import Ops
from .. import arithmetic
from ..arithmetic import SIGMOID, TANH, matmul
from ..builtin import formula, free, observed
from ..elementwise import FIGURES
from ..normalization import batch_norm_arithmetic, standardization
from ..parametric import elu_figure
from ..softmax import rows_along

RELU = Ops(compares=1)


class PackedWeight(Protocol):
    """A packed weight and bias, as a call of an op has them."""

    shape: Size
    """The logical shape of the weight, whatever its layout."""
    bias: Size | None


def _linear(input: Size, out: Size, bias: Size | None) -> Ops:
    """[*, n] = [*, k] @ [n, k]^T + [n], whatever the layout of the packed weight."""
    ops = matmul(prod(input[:-1]), input[-1], out[-1])
    return ops if bias is None else ops + arithmetic.bias(prod(out))


@formula("quantized::linear", kind="linear")
@formula("quantized::linear_dynamic", kind="linear")
@formula("quantized::linear_dynamic_fp16", kind="linear")
@formula("quantized::linear_with_input_q_dq_qweight_dq_output_fp32", kind="linear")
def linear(X: Size, W_prepack: PackedWeight, out: Size) -> Ops:
    """[*, n] = [*, k] @ packed [n, k]^T + [n]."""
    return _linear(X, out, W_prepack.bias)


def _linear_then(activation: Ops, *names: str) -> None:
    def linear_activation(X: Size, W_prepack: PackedWeight, out: Size) -> Ops:
        """[*, n] = activation([*, k] @ packed [n, k]^T + [n]): the sum of its parts."""
        return _linear(X, out, W_prepack.bias) + activation * prod(out)

    for name in names:
        formula(f"quantized::linear_{name}", kind="linear")(linear_activation)


_linear_then(
    RELU, "relu", "relu_dynamic", "relu_dynamic_fp16", "with_input_q_dq_qweight_dq_relu_output_fp32"
)
_linear_then(RELU + Ops(muls=1), "leaky_relu")
_linear_then(TANH, "tanh")


@formula("quantized::linear_dynamic_fp16_unpacked_weight", kind="linear")
@formula("onednn::linear_dynamic_fp16", kind="linear")
def linear_fp16(X: Size, /, *, bias: Size | None, out: Size) -> Ops:
    """[*, n] = [*, k] @ half-precision [n, k]^T + [n]."""
    return _linear(X, out, bias)


@formula("onednn::linear_relu_dynamic_fp16", kind="linear")
def linear_relu_fp16(X: Size, /, *, bias: Size | None, out: Size) -> Ops:
    """[*, n] = relu([*, k] @ half-precision [n, k]^T + [n])."""
    return _linear(X, out, bias) + RELU * prod(out)


def _convolution(qx: Size, packed: PackedWeight, out: Size, *, transposed: bool = False) -> Ops:
    ops = arithmetic.convolution(qx, packed.shape, out, transposed=transposed)
    return ops if packed.bias is None else ops + arithmetic.bias(prod(out))


def convolution(qx: Size, packed_weight: PackedWeight, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], packed [Co, Ci/g, *K], [Co])."""
    return _convolution(qx, packed_weight, out)


def convolution_relu(qx: Size, packed_weight: PackedWeight, out: Size) -> Ops:
    """[N, Co, *O] = relu(conv([N, Ci, *I], packed [Co, Ci/g, *K], [Co]))."""
    return _convolution(qx, packed_weight, out) + RELU * prod(out)


def transposed_convolution(qx: Size, packed_weight: PackedWeight, out: Size) -> Ops:
    """[N, Co, *O] = convT([N, Ci, *I], packed [Ci, Co/g, *K], [Co])."""
    return _convolution(qx, packed_weight, out, transposed=True)


for _axes in ("1d", "2d", "3d"):
    for _suffix in ("", "_dynamic"):
        formula(f"quantized::conv{_axes}{_suffix}", kind="convolution")(convolution)
        formula(f"quantized::conv_transpose{_axes}{_suffix}", kind="convolution")(
            transposed_convolution
        )
    formula(f"quantized::conv{_axes}_relu", kind="convolution")(convolution_relu)


@formula("quantized::conv2d_add", kind="convolution")
def convolution_add(qx: Size, packed_weight: PackedWeight, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], packed [Co, Ci/g, *K], [Co]) + [N, Co, *O]."""
    return _convolution(qx, packed_weight, out) + Ops(adds=prod(out))


@formula("quantized::conv2d_add_relu", kind="convolution")
def convolution_add_relu(qx: Size, packed_weight: PackedWeight, out: Size) -> Ops:
    """[N, Co, *O] = relu(conv([N, Ci, *I], packed [Co, Ci/g, *K], [Co]) + [N, Co, *O])."""
    return _convolution(qx, packed_weight, out) + (Ops(adds=1) + RELU) * prod(out)


PER_ELEMENT: dict[str, Ops] = {
    "add": Ops(adds=1),
    "add_scalar": Ops(adds=1),
    "add_relu": Ops(adds=1) + RELU,
    "add_scalar_relu": Ops(adds=1) + RELU,
    "mul": Ops(muls=1),
    "mul_scalar": Ops(muls=1),
    "mul_relu": Ops(muls=1) + RELU,
    "mul_scalar_relu": Ops(muls=1) + RELU,
    "cat_relu": RELU,
    "relu6": Ops(compares=2),
    "clamp": Ops(compares=2),
    "threshold": Ops(compares=1),
    "leaky_relu": Ops(muls=1, compares=1),
    "prelu": Ops(muls=1, compares=1),
    "hardswish": FIGURES["hardswish"][0],
    "sigmoid": SIGMOID,
    "elu": elu_figure(),
    "celu": elu_figure(),
}
"""By element-wise op: the operations per output element. The factors of ELU are folded."""


def _per_element(name: str, figure: Ops) -> None:
    def each(out: Size) -> Ops:
        """[*] = op([*]): see ``PER_ELEMENT``."""
        return figure * prod(out)

    formula(f"quantized::{name}", kind="elementwise" if name == "clamp" else "activation")(each)


for _name, _figure in PER_ELEMENT.items():
    _per_element(_name, _figure)


@formula("quantized::matmul", kind="product")
def quantized_matmul(qa: Size, out: Size) -> Ops:
    """[*, m, n] = [*, m, k] @ [*, k, n]."""
    return matmul(1, qa[-1], prod(out))


@formula("quantized::batch_norm", kind="norm")
@formula("quantized::batch_norm1d", kind="norm")
@formula("quantized::batch_norm2d", kind="norm")
@formula("quantized::batch_norm3d", kind="norm")
@formula("aten::quantized_batch_norm", kind="norm")
def batch_norm(qx: Size) -> Ops:
    """[N, C, *] = x * scale + shift."""
    return batch_norm_arithmetic(qx, batch_statistics=False, updates=False)


@formula("quantized::batch_norm_relu", kind="norm")
@formula("quantized::batch_norm1d_relu", kind="norm")
@formula("quantized::batch_norm2d_relu", kind="norm")
@formula("quantized::batch_norm3d_relu", kind="norm")
def batch_norm_relu(qx: Size) -> Ops:
    """[N, C, *] = relu(x * scale + shift)."""
    return batch_norm_arithmetic(qx, batch_statistics=False, updates=False) + RELU * prod(qx)


@formula("quantized::layer_norm", kind="norm")
def layer_norm(
    input: Size, normalized_shape: Sequence[int], weight: Size | None, bias: Size | None
) -> Ops:
    """[*, *n] = layer norm([*, *n])."""
    n = prod(normalized_shape)
    return standardization(
        prod(input) // n, n, weighted=weight is not None, biased=bias is not None
    )


@formula("quantized::group_norm", kind="norm")
def group_norm(input: Size, num_groups: int, weight: Size | None, bias: Size | None) -> Ops:
    """[N, C, *] = group norm([N, C, *])."""
    rows = input[0] * num_groups
    return standardization(
        rows, prod(input) // rows, weighted=weight is not None, biased=bias is not None
    )


@formula("quantized::instance_norm", kind="norm")
def instance_norm(input: Size, weight: Size | None, bias: Size | None) -> Ops:
    """[N, C, *] = instance norm([N, C, *]): a group norm of C groups."""
    return group_norm(input, input[1], weight, bias)


@formula("quantized::softmax", kind="softmax")
def softmax(qx: Size, dim: int) -> Ops:
    """[*] = softmax([*]) along ``dim``."""
    return arithmetic.softmax(*rows_along(qx, dim))


free(["quantized::cat", "quantized::dropout"])

_LAYERS = {
    "torch.ao.nn.quantized": (
        "BatchNorm2d BatchNorm3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d "
        "ConvTranspose3d DeQuantize ELU FloatFunctional FXFloatFunctional GroupNorm Hardswish "
        "InstanceNorm1d InstanceNorm2d InstanceNorm3d LSTM LayerNorm LeakyReLU Linear "
        "MultiheadAttention PReLU QFunctional Quantize ReLU6 Sigmoid Softmax"
    ),
    "torch.ao.nn.quantized.dynamic": (
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d GRU GRUCell "
        "LSTM LSTMCell Linear RNNCell"
    ),
    "torch.ao.nn.intrinsic.quantized": (
        "BNReLU2d BNReLU3d ConvAdd2d ConvAddReLU2d ConvReLU1d ConvReLU2d ConvReLU3d "
        "LinearLeakyReLU LinearReLU LinearTanh"
    ),
    "torch.ao.nn.qat": "Conv1d Conv2d Conv3d Linear",
    "torch.ao.nn.intrinsic.qat": (
        "ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d "
        "ConvReLU2d ConvReLU3d LinearBn1d LinearReLU"
    ),
}
"""By package: the layers that call quantized ops. Each op has its own price."""

observed(f"{package}.{name}" for package, names in _LAYERS.items() for name in names.split())
