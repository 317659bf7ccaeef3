"""What calflops and DeepSpeed's flops profiler count alike: calflops was made from the profiler.

Both replace functions of torch by their own, and count the calls that use those names. They also
have formulas for recurrent modules. They do not see products inside torch's C++ code, such as those
of attention in one op. Each tool gives two figures: MACs, and FLOPs with two per MAC and 1 for each
other operation.
"""

from __future__ import annotations

from math import prod

from torch import Size, nn

from ...core.ops import Ops
from ...core.trace import Call, Spec
from ...formulas import arithmetic
from ...rules.binding import CallFormula
from ...rules.registry import Registry
from . import tool_formulas
from .borrowed import aten
from .patched import (
    ADAPTIVE_AVERAGES,
    AVERAGES,
    MAXIMA,
    UPSAMPLINGS,
    Elements,
    called_as,
    functional,
    pools,
    scaled_elements,
)

_NAME = "the shared formulas of calflops and deepspeed"
FORMULAS = Registry(name=_NAME, home=f"{__name__}:FORMULAS")
FLOPS = {"macs": 2, "adds": 1, "muls": 1, "specials": 1}
"""The weights for the FLOPs of these tools."""


def _tensors(call: Call) -> list[Size]:
    return [each.shape for each in (*call.args, *call.kwargs.values()) if isinstance(each, Spec)]


class Product(CallFormula):
    """[*, n] = [*, k] @ [*, k, n]: n per element of the left operand, even if that is repeated.

    The only axis of a vector is taken for n. ``added``: 1 per element of the first tensor too.
    """

    def __init__(self, *, added: bool) -> None:
        self._added = added

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        first, *others = _tensors(call)
        left, right = (first, *others)[-2:]
        return Ops(macs=prod(left) * right[-1], adds=prod(first) if self._added else 0)


for _op in ("matmul", "mm", "bmm"):
    FORMULAS.register(f"aten::{_op}", Product(added=False))
for _op in ("addmm", "baddbmm"):
    FORMULAS.register(f"aten::{_op}", Product(added=True))


class Linear(CallFormula):
    """[*, n] = linear([*, k]): k per output, without the bias."""

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of the product that ran."""
        right = _tensors(call)[-1]
        return Ops(macs=prod(call.out.shape) * (right[0] if len(right) == 1 else right[-2]))


FORMULAS.register("aten::linear", Linear())


@FORMULAS.register("aten::convolution")
def convolution(input: Size, weight: Size, bias: Size | None, transposed: bool, out: Size) -> Ops:
    """[N, Co, *O] = conv([N, Ci, *I], [Co, Ci/g, *K]): products, and 1 per output for a bias."""
    product = arithmetic.convolution(input, weight, out, transposed=transposed)
    return product + Ops(adds=0 if bias is None else prod(out))


for _op in aten("relu elu leaky_relu hardtanh silu gelu _prelu_kernel _softmax"):
    FORMULAS.register(_op, Elements())
for _op in (*AVERAGES, *ADAPTIVE_AVERAGES, *MAXIMA):
    FORMULAS.register(_op, Elements())


@FORMULAS.register("aten::native_batch_norm")
def batch_norm(input: Size, weight: Size | None, training: bool) -> Ops:
    """[N, C, *] = batch norm([N, C, *]): 1 per element, 4 in train mode, and 1 with weights."""
    return Ops(muls=prod(input) * ((4 if training else 1) + (weight is not None)))


@FORMULAS.register("aten::native_layer_norm")
@FORMULAS.register("aten::native_group_norm")
@FORMULAS.register("aten::instance_norm")
def norm(input: Size, weight: Size | None) -> Ops:
    """[*] = norm([*]): 4 per element, 5 with weights."""
    return Ops(muls=prod(input) * (4 + (weight is not None)))


@FORMULAS.register("aten::_transformer_encoder_layer_fwd")
def encoder_layer(src: Size, ffn_weight_1: Size) -> Ops:
    """[*, d] = encoder layer([*, d], [h, d]): two linear layers, and 5 per element of two norms.

    Under the tools' hooks the layer does not run as one op. The tools do not see its attention.
    """
    linears, normed = tool_formulas.encoder_layer(src, wide=ffn_weight_1[0])
    return linears + Ops(muls=5 * normed)


def _step(module: nn.RNNBase | nn.RNNCellBase, ending: str) -> int:
    """One step of one layer: its products, less 1 add per gate, its biases, 1, 7 or 10 per unit."""
    weights: list[Size] = [
        getattr(module, f"{name}{ending}").shape for name in ("weight_ih", "weight_hh")
    ]
    products = sum(2 * prod(each) for each in weights)
    biases: int = 0 if module.bias else -2 * weights[0][0]
    return products + biases + tool_formulas.per_unit(module) * module.hidden_size


@FORMULAS.register(nn.RNN)
@FORMULAS.register(nn.GRU)
@FORMULAS.register(nn.LSTM)
def recurrent_layers(module: nn.RNNBase, input: arithmetic.Outputs, /) -> Ops:
    """[T, N, D * H] = all layers in all directions of [T, N, I]: FLOPs, no MACs.

    The second direction costs as much as the first.
    """
    steps = tool_formulas.steps_of(input)
    layers = sum(_step(module, f"_l{layer}") for layer in range(module.num_layers))
    return Ops(adds=layers * steps * (1 + bool(module.bidirectional)))


@FORMULAS.register(nn.RNNCell)
@FORMULAS.register(nn.GRUCell)
@FORMULAS.register(nn.LSTMCell)
def recurrent_cell(module: nn.RNNCellBase, input: Size, /) -> Ops:
    """[N, H] = cell([N, I], [N, H]): one step for each sample: FLOPs, no MACs."""
    return Ops(adds=_step(module, "") * input[0])


class Interpolated(CallFormula):
    """[N, C, *O] = interpolate([N, C, *I]): 1 per position of the output, if a size is given.

    With scales it is 1 per element of the input, and if ``scaled``, times the scales.
    """

    def __init__(self, *, scaled: bool) -> None:
        self._scaled = scaled

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        elements = scaled_elements(call)
        if elements is None:
            return Ops(muls=prod(call.out.shape[2:]))
        return Ops(muls=elements if self._scaled else prod(call.args[0].shape))


class Einsum(CallFormula):
    """[*] = einsum(equation, [*], ...): the FLOPs of numpy's best order, to four digits; no MACs.

    The tools read them from the text of ``numpy.einsum_path``.
    """

    def __call__(self, path: str, call: Call) -> Ops:
        """The price of one call."""
        import numpy  # only for a model with an einsum, which a tool without numpy cannot count

        equation, operands = call.args[:2]
        empty = [numpy.broadcast_to(0.0, each.shape) for each in operands]
        _, text = numpy.einsum_path(equation.replace(" ", ""), *empty, optimize="optimal")
        flops = next(line for line in text.lower().splitlines() if "optimized flop" in line)
        return Ops(adds=int(float(flops.rpartition(":")[2])))


FORMULAS.register("aten::einsum", Einsum())

_LINEAR = aten("mm addmm bmm baddbmm mv addmv dot matmul")
_CONVOLUTIONS = " ".join(f"{name}{axes}d" for name in ("conv", "conv_transpose") for axes in "123")
_UPSAMPLING = functional("interpolate upsample", (*UPSAMPLINGS, *ADAPTIVE_AVERAGES), "aten::resize")
FUNCTIONS: dict[str, dict[str, str]] = {
    **functional("linear", _LINEAR, "aten::linear"),
    **functional(_CONVOLUTIONS, aten("convolution")),
    **functional("relu", aten("relu relu_")),
    **functional("elu", aten("elu elu_")),
    **functional("leaky_relu", aten("leaky_relu leaky_relu_")),
    **functional("silu", aten("silu silu_")),
    **functional("gelu", aten("gelu gelu_")),
    **functional("relu6", aten("hardtanh hardtanh_")),
    **functional("prelu", aten("_prelu_kernel")),
    **functional("softmax", aten("_softmax")),
    **functional("batch_norm", aten("native_batch_norm")),
    **functional("instance_norm", aten("native_batch_norm"), "aten::instance_norm"),
    **functional("layer_norm", aten("native_layer_norm")),
    **functional("group_norm", aten("native_group_norm")),
    **pools(),
    **_UPSAMPLING,
    **{
        called: {f"aten::{name}": f"aten::{name}"}
        for name in ("matmul", "addmm", "mul", "add")
        for called in called_as(of_torch=name, methods=name)
    },
    "torch.baddbmm": {"aten::baddbmm": "aten::baddbmm"},
    # what the tools replace, and what the innermost code calls
    **{name: {"aten::einsum": "aten::einsum"} for name in ("torch.einsum", "torch._VF.einsum")},
    "torch._transformer_encoder_layer_fwd": {
        op: op for op in aten("_transformer_encoder_layer_fwd")
    },
}
"""By the name of a function, the ops that count there, and whose formulas price them."""

DIFFERS = (
    "padding='same' before a window of even length: the tool takes one position too few along "
    "that axis",
    "a module under vmap: the tool counts one example, hookcount all",
    "a function of torch that the code calls by a variable of its own, such as f = F.linear: the "
    "tool sees it if the code took the function while the tool was at work. So does the door in "
    "hookcount.compat. A report of hookcount.count goes by the names in the code and does not.",
)
FLOPS_DIFFER = (
    *DIFFERS,
    "F.interpolate with a size of one int: the tool counts that int, not the positions",
    "F.interpolate with recompute_scale_factor: the tool goes by the scale, hookcount by the size "
    "of the output",
)
