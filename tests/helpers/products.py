"""One op each with sizes that differ, and what ptflops, calflops and DeepSpeed count of it:
products written out.
"""

import torch
from torch import nn
from torch.nn import functional as F

from helpers.functions import Fn

IMAGE = (2, 6, 11, 13)
CONV, OUTPUTS = 2 * 10 * 36 * 6 * 15, 2 * 10 * 36  # outputs 2 x 10 x (6 x 6), window 6 x 3 x 5
CONV_T, OUTPUTS_T = 2 * 6 * 143 * 10 * 15, 2 * 10 * 21 * 27  # every input into 10 x 15
LINEAR = 15 * 7 * 11
MATMUL = 2 * 5 * 7 * 11
SDPA = 2 * 3 * 5 * 7 * (8 + 8)
PROJECTIONS, SCORES = 4 * 2 * 5 * 12 * 12, 2 * 5 * 5 * 12


class Attends(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights, self.mha = weights, nn.MultiheadAttention(12, 3, batch_first=True)

    def forward(self, x):
        return self.mha(x, x, x, need_weights=self.weights)[0]


class Masked(Attends):
    def forward(self, x):
        return self.mha(x, x, x, attn_mask=torch.zeros(5, 5), need_weights=True)[0]


class Recurs(nn.Module):
    """A recurrent layer, of whose output the first is enough."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


def _pair(function):
    return lambda: Fn(function, y=torch.ones(2, 7, 11))


def _vector(function):
    return lambda: Fn(function, y=torch.ones(7))


attend_of_its_own = F.scaled_dot_product_attention


CASES = {
    # case: model, input shape, figures of ptflops, calflops, deepspeed
    "conv": (lambda: nn.Conv2d(6, 10, (3, 5), 2, 1), IMAGE, CONV + OUTPUTS, CONV, CONV),
    "conv without bias": (
        lambda: nn.Conv2d(6, 10, (3, 5), 2, 1, bias=False),
        IMAGE,
        CONV,
        CONV,
        CONV,
    ),
    "conv in two groups": (
        lambda: nn.Conv2d(6, 10, (3, 5), 2, 1, groups=2),
        IMAGE,
        *(CONV // 2 + OUTPUTS, CONV // 2, CONV // 2),
    ),
    "transposed conv": (
        lambda: nn.ConvTranspose2d(6, 10, (3, 5), 2, 1),
        IMAGE,
        CONV_T + OUTPUTS_T,
        CONV_T,
        CONV_T,
    ),
    "transposed conv in two groups": (  # 5 output channels in a group; calflops: 5 // 2
        lambda: nn.ConvTranspose2d(6, 10, (3, 5), 2, 1, groups=2, bias=False),
        IMAGE,
        *(2 * 6 * 143 * 5 * 15, 2 * 6 * 143 * 2 * 15, 2 * 6 * 143 * 5 * 15),
    ),
    "F.conv2d": (
        lambda: Fn(
            lambda me, x: F.conv2d(x, me.w, me.b, stride=2, padding=1),
            w=torch.ones(10, 6, 3, 5),
            b=torch.ones(10),
        ),
        IMAGE,
        *(CONV + OUTPUTS, CONV, CONV),
    ),
    "torch.conv2d": (
        lambda: Fn(
            lambda me, x: torch.conv2d(x, me.w, stride=2, padding=1), w=torch.ones(10, 6, 3, 5)
        ),
        IMAGE,
        *(CONV, 0, 0),
    ),
    "linear of rows": (lambda: nn.Linear(7, 11), (15, 7), LINEAR + 15 * 11, LINEAR, LINEAR),
    "linear without bias": (
        lambda: nn.Linear(7, 11, bias=False),
        (3, 5, 7),
        LINEAR,
        LINEAR,
        LINEAR,
    ),
    "F.linear": (
        lambda: Fn(lambda me, x: F.linear(x, me.w), w=torch.ones(11, 7)),
        (3, 5, 7),
        LINEAR,
        LINEAR,
        LINEAR,
    ),
    "@": (_pair(lambda me, x: x @ me.y), (2, 5, 7), MATMUL, 0, MATMUL),
    "torch.matmul": (_pair(lambda me, x: torch.matmul(x, me.y)), (2, 5, 7), MATMUL, MATMUL, MATMUL),
    "x.matmul": (_pair(lambda me, x: x.matmul(other=me.y)), (2, 5, 7), MATMUL, MATMUL, MATMUL),
    "torch.bmm": (_pair(lambda me, x: torch.bmm(x, me.y)), (2, 5, 7), MATMUL, 0, MATMUL),
    "x.bmm": (_pair(lambda me, x: x.bmm(me.y)), (2, 5, 7), MATMUL, 0, MATMUL),
    "torch.mm": (
        lambda: Fn(lambda me, x: torch.mm(x, me.y), y=torch.ones(7, 11)),
        (5, 7),
        5 * 7 * 11,
        0,
        5 * 7 * 11,
    ),
    "torch.addmm": (
        lambda: Fn(
            lambda me, x: torch.addmm(me.b, x, me.y, beta=0), y=torch.ones(7, 11), b=torch.ones(11)
        ),
        (5, 7),
        *(5 * 7 * 11 + 5 * 11, 5 * 7 * 11, 5 * 7 * 11),
    ),
    "addmm_": (
        lambda: Fn(lambda me, x: torch.zeros(5, 11).addmm_(x, me.y), y=torch.ones(7, 11)),
        (5, 7),
        *(0, 0, 0),
    ),
    "torch.baddbmm": (
        _pair(lambda me, x: torch.baddbmm(torch.ones(2, 5, 11), x, me.y)),
        (2, 5, 7),
        0,
        MATMUL,
        MATMUL,
    ),
    "x.baddbmm": (_pair(lambda me, x: torch.ones(2, 5, 11).baddbmm(x, me.y)), (2, 5, 7), 0, 0, 0),
    "einsum": (_pair(lambda me, x: torch.einsum("bij,bjk->bik", x, me.y)), (2, 5, 7), MATMUL, 0, 0),
    # the vector's 7 elements are taken for as many columns
    "matmul with a vector": (
        _vector(lambda me, x: torch.matmul(x, me.y)),
        (2, 5, 7),
        0,
        2 * 5 * 7 * 7,
        2 * 5 * 7 * 7,
    ),
    "torch.mv": (_vector(lambda me, x: torch.mv(x, me.y)), (5, 7), 0, 0, 0),
    "attention": (
        lambda: Fn(
            lambda me, x: F.scaled_dot_product_attention(x, me.k, me.k), k=torch.ones(2, 3, 7, 8)
        ),
        (2, 3, 5, 8),
        *(0, 0, SDPA),
    ),
    "attention by a name of the code's own": (
        lambda: Fn(lambda me, x: attend_of_its_own(x, me.k, me.k), k=torch.ones(2, 3, 7, 8)),
        (2, 3, 5, 8),
        *(0, 0, 0),
    ),
    # 3 heads: not the fused path; the last projection alone has its bias in the product
    "multi-head attention": (
        lambda: Attends(False),
        (2, 5, 12),
        *(PROJECTIONS + 2 * 5 * 12, PROJECTIONS, PROJECTIONS + 2 * SCORES),
    ),
    "multi-head attention with weights": (
        lambda: Attends(True),
        (2, 5, 12),
        *(PROJECTIONS + 2 * 5 * 12 + 2 * SCORES, PROJECTIONS, PROJECTIONS + 2 * SCORES),
    ),
    "masked multi-head attention with weights": (  # scores by baddbmm, weighted sum by bmm
        lambda: Masked(True),
        (2, 5, 12),
        *(PROJECTIONS + 2 * 5 * 12 + SCORES, PROJECTIONS + SCORES, PROJECTIONS + 2 * SCORES),
    ),
    # two linears to 24 and back, which calflops and deepspeed see; the attention is one op
    "fused encoder layers": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 4, 24, batch_first=True), 3, enable_nested_tensor=False
        ),
        (2, 5, 16),
        *(0, 3 * 2 * 2 * 5 * 16 * 24, 3 * 2 * 2 * 5 * 16 * 24),
    ),
    "lstm": (lambda: Recurs(nn.LSTM(7, 11)), (4, 5, 7), 0, 0, 0),
    "batch norm": (lambda: nn.BatchNorm2d(6), IMAGE, 0, 0, 0),
    "relu": (
        lambda: nn.Sequential(nn.Conv2d(6, 6, 1, bias=False), nn.ReLU()),
        IMAGE,
        *(2 * 36 * 143,) * 3,
    ),
    "sum": (lambda: Fn(lambda me, x: torch.add(x, x), dummy=torch.zeros(1)), IMAGE, 0, 0, 0),
}


def expected(tool):
    """By case the model, its input and the figure of one of the three."""
    at = ("ptflops", "calflops", "deepspeed").index(tool)
    return {name: (make, shape, figures[at]) for name, (make, shape, *figures) in CASES.items()}
