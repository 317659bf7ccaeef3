"""Models of one module or function each.

Their sizes are all different, so that a tool's formula can be read from its figure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from lib.holders import Attends, Function, Held, Masked, Sub, Twice

Case = tuple[nn.Module, tuple[Any, ...]]


def cases() -> dict[str, Case]:
    """By name, a model in eval mode and its inputs."""
    torch.manual_seed(0)
    found: dict[str, Case] = {}
    image, one = torch.randn(2, 6, 11, 13), torch.randn(1, 6, 11, 13)

    def module(
        name: str, inner: nn.Module, given: torch.Tensor = image, pick: bool = False
    ) -> None:
        found[name] = Held(inner, pick), (given,)

    def function(
        name: str,
        called: Callable[[Any, Any], Any],
        given: torch.Tensor = image,
        **held: torch.Tensor,
    ) -> None:
        found[name] = Function(called, **held), (given,)

    def attention(
        name: str,
        inner: nn.Module,
        weights: bool,
        given: torch.Tensor,
        held: torch.Tensor | None = None,
    ) -> None:
        found[name] = Attends(inner, weights, held), (given,)

    module("conv2d", nn.Conv2d(6, 10, (3, 5), 2, 1, bias=False))
    module("conv2d_bias", nn.Conv2d(6, 10, (3, 5), 2, 1))
    module("conv2d_groups2_bias", nn.Conv2d(6, 10, (3, 5), 2, 1, groups=2))
    module("conv1d_bias", nn.Conv1d(6, 10, 3), torch.randn(2, 6, 17))
    module("conv3d_bias", nn.Conv3d(6, 10, 3), torch.randn(2, 6, 7, 8, 9))
    module("convT2d", nn.ConvTranspose2d(6, 10, (3, 5), 2, 1, bias=False))
    module("convT2d_bias", nn.ConvTranspose2d(6, 10, (3, 5), 2, 1))
    module("convT2d_groups2", nn.ConvTranspose2d(6, 10, (3, 5), 2, 1, groups=2, bias=False))
    function(
        "F.conv2d_bias",
        lambda me, x: F.conv2d(x, me.w, me.b, stride=2),
        w=torch.randn(10, 6, 3, 5),
        b=torch.randn(10),
    )
    rows = torch.randn(3, 5, 7)
    module("linear_2d", nn.Linear(7, 11, bias=False), torch.randn(3, 7))
    module("linear_2d_bias", nn.Linear(7, 11), torch.randn(3, 7))
    module("linear_3d", nn.Linear(7, 11, bias=False), rows)
    module("linear_3d_bias", nn.Linear(7, 11), rows)
    module("linear_4d_bias", nn.Linear(7, 11), torch.randn(3, 5, 2, 7))
    module("linear_1d_bias", nn.Linear(7, 11), torch.randn(7))
    module("linear_subclass_3d_bias", Sub(7, 11), rows)
    function(
        "F.linear_3d_bias",
        lambda me, x: F.linear(x, me.w, me.b),
        rows,
        w=torch.randn(11, 7),
        b=torch.randn(11),
    )
    module("bilinear", nn.Sequential(nn.Linear(7, 7), nn.Identity()), torch.randn(3, 7))
    found["shared_linear_twice"] = Twice(), (torch.randn(3, 7),)
    module("bn2d", nn.BatchNorm2d(6))
    module("bn2d_noaffine", nn.BatchNorm2d(6, affine=False))
    module("layernorm", nn.LayerNorm(13))
    module("layernorm_noaffine", nn.LayerNorm(13, elementwise_affine=False))
    module("groupnorm", nn.GroupNorm(3, 6))
    module("instancenorm", nn.InstanceNorm2d(6))
    module("instancenorm_affine", nn.InstanceNorm2d(6, affine=True))
    function(
        "F.layer_norm",
        lambda me, x: F.layer_norm(x, (13,), me.w, me.b),
        w=torch.randn(13),
        b=torch.randn(13),
    )
    activations = {
        "relu": nn.ReLU(),
        "relu6": nn.ReLU6(),
        "leaky_relu": nn.LeakyReLU(),
        "prelu": nn.PReLU(),
        "elu": nn.ELU(),
        "gelu": nn.GELU(),
        "silu": nn.SiLU(),
        "hardswish": nn.Hardswish(),
        "hardsigmoid": nn.Hardsigmoid(),
        "sigmoid": nn.Sigmoid(),
        "tanh": nn.Tanh(),
        "softmax": nn.Softmax(-1),
        "log_softmax": nn.LogSoftmax(-1),
        "dropout": nn.Dropout(),
        "identity": nn.Identity(),
        "flatten": nn.Flatten(),
        "maxpool": nn.MaxPool2d(3, 2),
        "avgpool": nn.AvgPool2d(3, 2),
        "adaptiveavg_1": nn.AdaptiveAvgPool2d(1),
        "adaptiveavg_4x3": nn.AdaptiveAvgPool2d((4, 3)),
        "adaptivemax_1": nn.AdaptiveMaxPool2d(1),
        "upsample_nearest": nn.Upsample(scale_factor=2),
        "pixelshuffle": nn.PixelShuffle(1),
        "upsample_bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    }
    for name, inner in activations.items():
        module(name, inner)
    y = torch.randn(2, 6, 11, 13)
    function("F.relu", lambda me, x: F.relu(x))
    function("torch.relu", lambda me, x: torch.relu(x))
    function("F.gelu", lambda me, x: F.gelu(x))
    function("F.silu", lambda me, x: F.silu(x))
    function("F.softmax", lambda me, x: F.softmax(x, dim=-1))
    function("x.softmax", lambda me, x: x.softmax(-1))
    function("F.max_pool2d", lambda me, x: F.max_pool2d(x, 3, 2))
    function("F.avg_pool2d", lambda me, x: F.avg_pool2d(x, 3, 2))
    function("F.adaptive_avg_pool2d_1", lambda me, x: F.adaptive_avg_pool2d(x, 1))
    function("x.mean(2,3)", lambda me, x: x.mean([2, 3]))
    function("F.interpolate_nearest_scale2", lambda me, x: F.interpolate(x, scale_factor=2))
    function(
        "F.interpolate_bilinear_size",
        lambda me, x: F.interpolate(x, size=(22, 26), mode="bilinear"),
    )
    function("x+y", lambda me, x: x + me.y, y=y)
    function("x+=y", lambda me, x: x.clone().add_(me.y), y=y)
    function("torch.add", lambda me, x: torch.add(x, me.y), y=y)
    function("x*y", lambda me, x: x * me.y, y=y)
    function("torch.mul", lambda me, x: torch.mul(x, me.y), y=y)
    function("x*2.0", lambda me, x: x * 2.0)
    function("x*gamma", lambda me, x: x * me.g, g=torch.randn(6, 1, 1))
    function("x/y", lambda me, x: x / me.y, y=y)
    function("x-y", lambda me, x: x - me.y, y=y)
    function("cat", lambda me, x: torch.cat([x, me.y], 1), y=y)
    function("sum", lambda me, x: x.sum(-1))
    function("pow", lambda me, x: x.pow(2))
    left, right = torch.randn(2, 5, 7), torch.randn(2, 7, 11)
    function("x@y_4d", lambda me, x: x @ me.y, torch.randn(2, 3, 5, 7), y=torch.randn(2, 3, 7, 11))
    function("x@y_4d_bcast", lambda me, x: x @ me.y, torch.randn(2, 3, 5, 7), y=torch.randn(7, 11))
    function("x@y_bcast_lhs", lambda me, x: x @ me.y, torch.randn(5, 7), y=torch.randn(2, 3, 7, 11))
    function("torch.matmul_3d", lambda me, x: torch.matmul(x, me.y), left, y=right)
    function("torch.bmm", lambda me, x: torch.bmm(x, me.y), left, y=right)
    function("torch.mm", lambda me, x: torch.mm(x, me.y), torch.randn(5, 7), y=torch.randn(7, 11))
    function(
        "torch.addmm",
        lambda me, x: torch.addmm(me.b, x, me.y),
        torch.randn(5, 7),
        y=torch.randn(7, 11),
        b=torch.randn(11),
    )
    function(
        "torch.baddbmm",
        lambda me, x: torch.baddbmm(me.b, x, me.y),
        left,
        y=right,
        b=torch.randn(2, 5, 11),
    )
    function(
        "einsum_bij,bjk->bik", lambda me, x: torch.einsum("bij,bjk->bik", x, me.y), left, y=right
    )
    function("mv", lambda me, x: torch.mv(x, me.y), torch.randn(5, 7), y=torch.randn(7))
    q, k, v, mask = (
        torch.randn(2, 3, 5, 8),
        torch.randn(2, 3, 7, 8),
        torch.randn(2, 3, 7, 8),
        torch.randn(5, 7),
    )
    function("sdpa", lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v), q, k=k, v=v)
    function(
        "sdpa_dv11",
        lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v),
        q,
        k=k,
        v=torch.randn(2, 3, 7, 11),
    )
    function(
        "sdpa_mask",
        lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v, attn_mask=me.m),
        q,
        k=k,
        v=v,
        m=mask,
    )
    function(
        "sdpa_causal",
        lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v, is_causal=True),
        q,
        k=k,
        v=v,
    )
    function(
        "sdpa_gqa",
        lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v, enable_gqa=True),
        torch.randn(2, 6, 5, 8),
        k=k,
        v=v,
    )
    words = torch.randn(2, 5, 12)
    attention("mha_needw_false", nn.MultiheadAttention(12, 3, batch_first=True), False, words)
    attention("mha_needw_true", nn.MultiheadAttention(12, 3, batch_first=True), True, words)
    attention(
        "mha_nobias", nn.MultiheadAttention(12, 3, batch_first=True, bias=False), False, words
    )
    attention(
        "mha_cross_kv7",
        nn.MultiheadAttention(12, 3, batch_first=True),
        False,
        words,
        torch.randn(2, 7, 12),
    )
    attention("mha_seqfirst", nn.MultiheadAttention(12, 3), False, torch.randn(5, 2, 12))
    module("encoder_layer", nn.TransformerEncoderLayer(12, 3, 24, batch_first=True), words)
    # an even number of heads: these may run as one op
    wide = torch.randn(2, 5, 16)
    attention("mha_even", nn.MultiheadAttention(16, 4, batch_first=True), False, wide)
    attention("mha_even_needw", nn.MultiheadAttention(16, 4, batch_first=True), True, wide)
    module("encoder_layer_even", nn.TransformerEncoderLayer(16, 4, 24, batch_first=True), wide)
    found["sdpa_mask_buffer"] = Masked(k.clone(), torch.randn(2, 3, 7, 8), mask.clone()), (q,)
    singles = {
        "b1_relu": nn.ReLU(),
        "b1_relu6": nn.ReLU6(),
        "b1_gelu": nn.GELU(),
        "b1_silu": nn.SiLU(),
        "b1_maxpool": nn.MaxPool2d(3, 2),
        "b1_avgpool": nn.AvgPool2d(3, 2),
        "b1_adaptiveavg": nn.AdaptiveAvgPool2d(1),
        "b1_bn": nn.BatchNorm2d(6),
        "b1_ln": nn.LayerNorm(13),
        "b1_conv_bias": nn.Conv2d(6, 10, (3, 5), 2, 1),
        "b1_linear_bias": nn.Linear(13, 7),
        "b1_up": nn.Upsample(scale_factor=2),
        "b1_softmax": nn.Softmax(-1),
    }
    for name, inner in singles.items():
        module(name, inner, one)
    function("b1_mul", lambda me, x: torch.mul(x, me.y), one, y=one.clone())
    function("b1_F.relu", lambda me, x: F.relu(x), one)
    function("F.batch_norm", lambda me, x: F.batch_norm(x, me.w, me.w, me.w, me.w), w=torch.rand(6))
    ids = torch.randint(0, 17, (3, 5))
    module("embedding", nn.Embedding(17, 7), ids)
    function("F.embedding", lambda me, x: F.embedding(x, me.w), ids, w=torch.randn(17, 7))
    steps = torch.randn(4, 5, 7)
    module("lstm", nn.LSTM(7, 11), steps, True)
    module("lstm_nobias", nn.LSTM(7, 11, bias=False), steps, True)
    module("lstm_2layer", nn.LSTM(7, 11, 2), steps, True)
    module("lstm_bidir", nn.LSTM(7, 11, bidirectional=True), steps, True)
    module("lstm_2layer_bidir", nn.LSTM(7, 11, 2, bidirectional=True), steps, True)
    module("gru", nn.GRU(7, 11), steps, True)
    module("rnn", nn.RNN(7, 11), steps, True)
    module("lstmcell", nn.LSTMCell(7, 11), torch.randn(5, 7), True)
    for model, _ in found.values():
        model.eval()
    return found
