"""The convention ``torchprofile``: figures written out, and the tool's own."""

import warnings

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import rnn

import hookcount

IMAGE = (2, 6, 11, 13)
X = 2 * 6 * 11 * 13


def figure(model, *args):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        return (
            hookcount.Counter(run="real").count(model.eval(), *args).under("torchprofile").headline
        )


def fn(function, **shapes):
    return lambda: Fn(function, **{name: torch.rand(shape) for name, shape in shapes.items()})


class Attends(nn.Module):
    """Attention from an input to what ``keys`` makes of it."""

    def __init__(self, keys, heads=3, asked=None, **options):
        super().__init__()
        self.mha, self.keys, self.asked = (
            nn.MultiheadAttention(12, heads, **options),
            keys,
            asked or {"need_weights": False},
        )

    def forward(self, x):
        return self.mha(*self.keys(x), **self.asked)[0]


class First(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


class Packs(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(7, 11)

    def forward(self, x):
        return rnn.pad_packed_sequence(self.lstm(rnn.pack_padded_sequence(x, [4, 2, 1]))[0])[0]


def itself(x):
    return x, x, x


def memory(x):
    kept = x[:, :4]
    return x, kept, kept


def as_long(x):
    other = x + 1
    return x, other, other


def keys_apart(x):
    kept = x[:, :4]
    return x, kept + 1, kept


HEAD = {"batch_first": True}
SELF = 2 * (
    4 * 5 * 12 * 12 + 2 * 5 * 5 * 12
)  # four projections and two products of 2 sequences of 5
CROSS = 2 * (2 * 5 * 12 * 12 + 2 * 4 * 12 * 12 + 2 * 5 * 4 * 12)
SDPA = 2 * 3 * 5 * 7 * (8 + 8)
LSTM = 4 * 11 * (7 + 11)
MASK = torch.zeros(2, 5)
CASES = {
    # case: model, input shape, figure
    "conv": (lambda: nn.Conv2d(6, 10, (3, 5), 2, 1), IMAGE, 2 * 10 * 36 * 6 * 15),
    "conv in two groups": (lambda: nn.Conv2d(6, 10, 3, groups=2), IMAGE, 2 * 10 * 9 * 11 * 3 * 9),
    "unbatched conv": (lambda: nn.Conv2d(6, 10, 3), (6, 11, 13), 10 * 9 * 11 * 6 * 9),
    "padding as a word": (lambda: nn.Conv2d(6, 10, 3, padding="same"), IMAGE, 0),
    "padded before": (
        lambda: nn.Conv2d(6, 10, 3, padding="same", padding_mode="circular"),
        IMAGE,
        2 * 10 * 143 * 6 * 9,
    ),
    "transposed conv": (lambda: nn.ConvTranspose2d(6, 10, 3, 2), IMAGE, 2 * 10 * 23 * 27 * 6 * 9),
    "transposed conv in groups": (
        lambda: nn.ConvTranspose2d(6, 10, 3, 2, groups=2),
        IMAGE,
        2 * 10 * 23 * 27 * 6 * 9,
    ),
    "transposed conv in groups, as many out": (
        lambda: nn.ConvTranspose2d(6, 6, 3, groups=2),
        IMAGE,
        2 * 6 * 13 * 15 * 3 * 9,
    ),
    "functional conv": (
        fn(lambda me, x: F.conv2d(x, me.w), w=(10, 6, 3, 3)),
        IMAGE,
        2 * 10 * 9 * 11 * 6 * 9,
    ),
    "linear": (lambda: nn.Linear(7, 11), (3, 5, 7), 15 * 7 * 11),
    "functional linear": (fn(lambda me, x: F.linear(x, me.w), w=(11, 7)), (3, 5, 7), 15 * 7 * 11),
    "matmul": (fn(lambda me, x: x @ me.y, y=(7, 11)), (5, 7), 5 * 7 * 11),
    "matmul with a vector": (fn(lambda me, x: x @ me.y, y=(7,)), (5, 7), 5 * 7),
    "matmul, left one repeated": (
        fn(lambda me, x: x @ me.y, y=(2, 3, 7, 11)),
        (5, 7),
        6 * 5 * 7 * 11,
    ),
    "mm": (fn(lambda me, x: torch.mm(x, me.y), y=(7, 11)), (5, 7), 0),
    "mm as a method": (fn(lambda me, x: x.mm(me.y), y=(7, 11)), (5, 7), 0),
    "mv": (fn(lambda me, x: torch.mv(x, me.y), y=(7,)), (5, 7), 0),
    "tensordot": (fn(lambda me, x: torch.tensordot(x, me.y, 1), y=(7, 11)), (5, 7), 0),
    "outer": (fn(lambda me, x: torch.outer(x, me.y), y=(11,)), (7,), 0),
    "addmm": (fn(lambda me, x: torch.addmm(me.b, x, me.y), y=(7, 11), b=(11,)), (5, 7), 5 * 7 * 11),
    "addmm in place": (fn(lambda me, x: (x + 1).addmm_(x, me.y), y=(7, 7)), (5, 7), 0),
    "bmm": (fn(lambda me, x: torch.bmm(x, me.y), y=(2, 7, 11)), (2, 5, 7), 2 * 5 * 7 * 11),
    "baddbmm": (
        fn(lambda me, x: torch.baddbmm(me.b, x, me.y), y=(2, 7, 11), b=(2, 5, 11)),
        (2, 5, 7),
        2 * 5 * 7 * 11,
    ),
    "einsum": (
        fn(lambda me, x: torch.einsum("bij,jk->bik", x, me.y), y=(7, 11)),
        (2, 5, 7),
        2 * 5 * 7 * 11,
    ),
    "batch norm": (lambda: nn.BatchNorm2d(6), IMAGE, X),
    "batch norm without weights": (lambda: nn.BatchNorm2d(6, affine=False), IMAGE, 0),
    "layer norm": (lambda: nn.LayerNorm(13), IMAGE, X),
    "layer norm without weights": (lambda: nn.LayerNorm(13, elementwise_affine=False), IMAGE, 0),
    "group norm": (lambda: nn.GroupNorm(3, 6), IMAGE, X),
    "instance norm": (lambda: nn.InstanceNorm2d(6, affine=True), IMAGE, X),
    "instance norm without weights": (lambda: nn.InstanceNorm2d(6), IMAGE, 0),
    "rms norm": (lambda: nn.RMSNorm(13), IMAGE, 0),
    "functional rms norm": (fn(lambda me, x: F.rms_norm(x, (13,), me.w), w=(13,)), IMAGE, 0),
    "product": (fn(lambda me, x: x * me.y, y=(6, 1, 1)), IMAGE, X),
    "product with a number": (fn(lambda me, x: 2.0 * x), IMAGE, X),
    "product in place": (fn(lambda me, x: (x + 1).mul_(x)), IMAGE, X),
    "product of integers": (fn(lambda me, x: x + torch.arange(13) * 3), IMAGE, 13),
    "sum, quotient, power": (fn(lambda me, x: (x + x) / 3 - x**2), IMAGE, 0),
    "mean": (fn(lambda me, x: x.mean([2, 3])), IMAGE, 12),
    "average pool": (lambda: nn.AvgPool2d(3, 2), IMAGE, 12 * 30),
    "average pool of rows": (lambda: nn.AvgPool1d(2), (6, 11, 13), 6 * 11 * 6),
    "adaptive pool to 1": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE, 12),
    "adaptive pool to 4 x 3": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGE, 12 * 12),
    "max pool": (lambda: nn.MaxPool2d(3, 2), IMAGE, 0),
    "relu": (nn.ReLU, IMAGE, 0),
    "leaky relu": (nn.LeakyReLU, IMAGE, X),
    "leaky relu in place": (fn(lambda me, x: F.leaky_relu(x + 1, inplace=True)), IMAGE, 0),
    "softmax": (lambda: nn.Softmax(-1), IMAGE, 0),
    "nearest upsampling": (lambda: nn.Upsample(scale_factor=2), IMAGE, 0),
    "bilinear upsampling": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE, 16 * X),
    "grid sample": (
        fn(lambda me, x: F.grid_sample(x, me.g, align_corners=False), g=(2, 4, 5, 2)),
        IMAGE,
        4 * 12 * 20,
    ),
    "grid sample, nearest": (
        fn(
            lambda me, x: F.grid_sample(x, me.g, mode="nearest", align_corners=False),
            g=(2, 4, 5, 2),
        ),
        IMAGE,
        0,
    ),
    "grid sample, bicubic": (
        fn(
            lambda me, x: F.grid_sample(x, me.g, mode="bicubic", align_corners=False),
            g=(2, 4, 5, 2),
        ),
        IMAGE,
        16 * 12 * 20,
    ),
    "attention": (
        fn(lambda me, x: F.scaled_dot_product_attention(x, me.k, me.k), k=(2, 3, 7, 8)),
        (2, 3, 5, 8),
        SDPA,
    ),
    "attention in parts": (
        fn(
            lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v),
            k=(2, 3, 7, 8),
            v=(2, 3, 7, 11),
        ),
        (2, 3, 5, 8),
        2 * 3 * 5 * 7 * (8 + 11),
    ),
    "lstm": (lambda: First(nn.LSTM(7, 11)), (4, 5, 7), 4 * 5 * LSTM),
    "lstm, two layers, both directions": (
        lambda: First(nn.LSTM(7, 11, 2, bidirectional=True)),
        (4, 5, 7),
        4 * 5 * 2 * (LSTM + 4 * 11 * (22 + 11)),
    ),
    "lstm of one sequence": (lambda: First(nn.LSTM(7, 11)), (4, 7), 4 * LSTM),
    "lstm with a projection": (
        lambda: First(nn.LSTM(7, 11, proj_size=3)),
        (4, 5, 7),
        4 * 5 * 4 * 3 * (7 + 3),
    ),
    "packed lstm": (Packs, (4, 3, 7), 7 * 11 * LSTM),  # 4 + 2 + 1 rows of 11 features
    "gru": (lambda: First(nn.GRU(7, 11)), (4, 5, 7), 0),
    "rnn": (lambda: First(nn.RNN(7, 11)), (4, 5, 7), 0),
    "lstm cell": (lambda: First(nn.LSTMCell(7, 11)), (5, 7), 5 * (LSTM + 3 * 11)),
    "gru cell": (lambda: nn.GRUCell(7, 11), (5, 7), 5 * (3 * 11 * (7 + 11) + 2 * 11)),
    # batch times heads for q, k and v, batch times length for the output
    "multi-head attention": (lambda: Attends(itself, **HEAD), (2, 5, 12), SELF + 4),
    "multi-head attention, length first": (lambda: Attends(itself), (5, 2, 12), SELF + 4),
    "multi-head attention, masked": (
        lambda: Attends(itself, asked={"need_weights": False, "key_padding_mask": MASK}, **HEAD),
        (2, 5, 12),
        SELF + 5,
    ),
    "multi-head attention, a key of zeros": (
        lambda: Attends(itself, add_zero_attn=True, **HEAD),
        (2, 5, 12),
        SELF + 2 * 2 * 5 * 12 + 5,
    ),
    "multi-head attention, no biases": (
        lambda: Attends(itself, bias=False, **HEAD),
        (2, 5, 12),
        SELF + 4,
    ),
    # and twice the width, of the weight and of the bias for keys and values together
    "cross-attention": (lambda: Attends(memory, **HEAD), (2, 5, 12), CROSS + 6),
    "cross-attention, no biases": (
        lambda: Attends(memory, bias=False, **HEAD),
        (2, 5, 12),
        CROSS + 5,
    ),
    "cross-attention, as many keys": (lambda: Attends(as_long, **HEAD), (2, 5, 12), SELF + 6),
    "cross-attention, other values": (lambda: Attends(keys_apart, **HEAD), (2, 5, 12), CROSS + 4),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(12, 3, 24, batch_first=True),
        (2, 5, 12),
        SELF + 4 + 2 * 2 * 5 * 12 * 24 + 2 * 2 * 5 * 12,
    ),
    "encoder layer in one op": (
        lambda: nn.TransformerEncoderLayer(12, 2, 24, batch_first=True),
        (2, 5, 12),
        0,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_op(case):
    make, shape, expected = CASES[case]
    assert figure(make(), torch.rand(shape)) == expected


def test_an_embedding_counts_nothing():
    assert figure(nn.Embedding(17, 7), torch.zeros(3, 5, dtype=torch.long)) == 0


def test_multihead_attention_in_one_op_counts_nothing():
    assert figure(Attends(itself, heads=4, **HEAD), torch.rand(2, 5, 12)) == 0


def test_kinds_of_what_is_counted():
    total = (
        hookcount.count(nn.Sequential(nn.Linear(7, 11), nn.LayerNorm(11)), torch.zeros(3, 7))
        .under("torchprofile")
        .total
    )
    assert total == hookcount.Ops(macs=3 * 7 * 11, muls=3 * 11)


# -- against the tool ------------------------------------------------------------------------------


def theirs(model, *args):
    profile_macs = pytest.importorskip("torchprofile").profile_macs
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return profile_macs(model.eval(), args)


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES)
def test_the_tools_own_figure(case):
    make, shape, _ = CASES[case]
    model, given = make(), torch.rand(shape)
    assert figure(model, given) == theirs(model, given)


UNLIKE = {
    # case: model, input shape, hookcount's figure, the tool's
    "functional conv, padding as a word": (
        fn(lambda me, x: F.conv2d(x, me.w, padding="same"), w=(10, 6, 3, 3)),
        *(IMAGE, 2 * 10 * 143 * 6 * 9, 0),
    ),
    "einsum with an ellipsis": (
        fn(lambda me, x: torch.einsum("...j,jk->...k", x, me.y), y=(7, 11)),
        *((2, 5, 7), 2 * 5 * 7 * 11, 0),
    ),
    "einsum that sums first": (
        fn(lambda me, x: torch.einsum("bij,jk->ik", x, me.y), y=(7, 11)),
        *((2, 5, 7), 5 * 7 * 11, 2 * 5 * 7 * 11),
    ),
    "weights that nobody takes": (
        lambda: Attends(itself, asked={"need_weights": True}, **HEAD),
        *((2, 5, 12), SELF + 2 * 5 * 12 + 4 + 2 * 5 * 5, SELF + 2 * 5 * 12 + 4),
    ),
    "sizes in one's own code": (fn(lambda me, x: x.view(x.shape[0] * x.shape[1], -1)), IMAGE, 0, 1),
}


@pytest.mark.peers
@pytest.mark.parametrize("case", UNLIKE)
def test_where_it_differs(case):
    make, shape, mine, other = UNLIKE[case]
    model, given = make(), torch.rand(shape)
    assert figure(model, given) == mine
    assert theirs(model, given) == other


@pytest.mark.peers
def test_attention_that_the_tool_stops_at():
    """The fused op, and grouped queries: here the first counts nothing, as where the tool gets
    through; the second does.
    """
    grouped = Fn(
        lambda me, x: F.scaled_dot_product_attention(x, me.k, me.k, enable_gqa=True),
        k=torch.rand(2, 3, 7, 8),
    )
    assert figure(grouped, torch.rand(2, 6, 5, 8)) == 2 * SDPA
    with pytest.raises(AssertionError):
        theirs(grouped, torch.rand(2, 6, 5, 8))
    with pytest.raises(AttributeError, match="lower"):
        theirs(Attends(itself, heads=4, **HEAD), torch.rand(2, 5, 12))


NAMES = (
    "resnet18",
    "mobilenet_v3_small",
    "densenet121",
    "googlenet",
    "convnext_tiny",
    "swin_t",
    "swin_v2_t",
)


@pytest.mark.peers
@pytest.mark.parametrize("name", NAMES)
def test_the_tools_own_figure_of_classifiers(name):
    models = pytest.importorskip("torchvision").models
    model = models.get_model(name, **({"init_weights": False} if name == "googlenet" else {}))
    images = torch.rand(1, 3, 64, 64)
    assert figure(model, images) == theirs(model, images)


def windows(models):
    made = models.swin_transformer
    return made.SwinTransformerBlockV2(8, 2, [4, 4], [2, 2]), (1, 10, 8, 8)


def partitions(models):
    made = models.maxvit.MaxVit((32, 32), 8, 2, [8], [1], 4, 0.0, num_classes=3)
    return made, (1, 3, 32, 32)


def volumes(models):
    return models.video.swin_transformer.SwinTransformer3d(
        [2, 4, 4], 8, [2, 2], [2, 2], [4, 4, 4], num_classes=3
    ), (
        1,
        3,
        16,
        16,
        48,
    )


def multiscale(models):
    made = models.video.mvit
    blocks = [
        made.MSBlockConfig(1, 8, 8, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 2, 2]),
        made.MSBlockConfig(2, 8, 16, [], [], [], []),
    ]
    return made.MViT((32, 32), 8, blocks, True, True, True, True, num_classes=3), (1, 3, 8, 32, 32)


def patches(models):
    return models.VisionTransformer(16, 8, 2, 3, 12, 24, num_classes=3), (1, 3, 16, 16)


@pytest.mark.peers
@pytest.mark.parametrize("make", [windows, partitions, volumes, multiscale])
def test_the_tools_own_figure_of_layers_that_multiply_sizes(make):
    model, shape = make(pytest.importorskip("torchvision").models)
    given = torch.rand(shape)
    assert figure(model, given) == theirs(model, given)


@pytest.mark.peers
def test_the_tools_own_figure_of_a_vision_transformer():
    """With an odd number of heads, or the tool stops at the fused attention."""
    model, shape = patches(pytest.importorskip("torchvision").models)
    assert figure(model, torch.rand(shape)) == theirs(model, torch.rand(shape))


def test_windows_of_attention():
    """8 x 8 positions as 4 windows of 16, 2 heads of 4: projections, the scaled query, products; 2
    * 2, and 4 * 1 windows.
    """
    attention = pytest.importorskip("torchvision").models.swin_transformer.ShiftedWindowAttention(
        8, [4, 4], [0, 0], 2
    )
    expected = 64 * 8 * (24 + 8) + 64 * 8 + 2 * 4 * 2 * 16 * 16 * 4 + 2
    assert figure(attention, torch.rand(1, 8, 8, 8)) == expected


@pytest.mark.peers
@pytest.mark.parametrize("name", ["ssdlite320_mobilenet_v3_large", "fcos_resnet50_fpn"])
def test_the_tools_own_figure_of_detectors(name):
    detection = pytest.importorskip("torchvision").models.detection
    small = {} if name.startswith("ssd") else {"min_size": 64, "max_size": 96}
    model = getattr(detection, name)(weights_backbone=None, **small)
    images = [torch.rand(3, 64, 80)]
    assert figure(model, images) == theirs(model, images)
