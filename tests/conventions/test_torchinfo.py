"""The convention ``torchinfo``: figures written out, and the tool's own."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune, rnn

import hookcount

IMAGE = (2, 6, 11, 13)


def figure(model, *args):
    with torch.no_grad():
        return hookcount.Counter(run="real").count(model.eval(), *args).under("torchinfo").headline


class Twice(nn.Module):
    """A module at two places, called three times."""

    def __init__(self):
        super().__init__()
        self.one = self.other = nn.Linear(7, 7)

    def forward(self, x):
        return self.other(self.one(self.one(x)))


class WithEmptyChild(nn.Module):
    """Its one child is a container without anything in it, which is false."""

    def __init__(self):
        super().__init__()
        self.nothing, self.weight = nn.Sequential(), nn.Parameter(torch.zeros(7))

    def forward(self, x):
        return x * self.weight


class WithChild(WithEmptyChild):
    def __init__(self):
        super().__init__()
        self.nothing = nn.Identity()


class MyConvGate(nn.Module):
    """Its name says that it is a convolution; ``weight_mix`` is no ``weight``,
    ``scale`` neither.
    """

    def __init__(self):
        super().__init__()
        self.weight, self.weight_mix, self.scale = (nn.Parameter(torch.zeros(7)) for _ in range(3))

    def forward(self, x):
        return x * self.weight * self.weight_mix * self.scale


class Gives(nn.Module):
    """A weight, and an output of any structure."""

    def __init__(self, made):
        super().__init__()
        self.weight, self.made = nn.Parameter(torch.zeros(7)), made

    def forward(self, x):
        return self.made(x)


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        self.inner(x)
        return x


class Packs(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(7, 11)

    def forward(self, x):
        return rnn.pad_packed_sequence(self.lstm(rnn.pack_padded_sequence(x, [4, 2, 1]))[0])[0]


ENCODER = 16 * 24 + 24 + 24 * 16 + 16 + 2 * (16 + 16)
CASES = {
    # case: model, input shape, figure
    "conv": (lambda: nn.Conv2d(6, 10, (3, 5), 2, 1), IMAGE, (10 * 6 * 15 + 10) * 2 * 36),
    "transposed conv": (
        lambda: nn.ConvTranspose2d(6, 10, (3, 5), 2, 1),
        IMAGE,
        (6 * 10 * 15 + 10) * 2 * 21 * 27,
    ),
    "unbatched conv": (lambda: nn.Conv2d(6, 10, 3), (6, 11, 13), (10 * 6 * 9 + 10) * 10 * 11),
    "linear": (lambda: nn.Linear(7, 11), (3, 5, 7), (7 * 11 + 11) * 3),
    "linear without bias": (lambda: nn.Linear(7, 11, bias=False), (3, 5, 7), 7 * 11 * 3),
    "linear of a vector": (lambda: nn.Linear(7, 11), (7,), (7 * 11 + 11) * 11),
    "batch norm": (lambda: nn.BatchNorm2d(6), IMAGE, (6 + 6) * 2),
    "batch norm without weights": (lambda: nn.BatchNorm2d(6, affine=False), IMAGE, 0),
    "layer norm": (lambda: nn.LayerNorm((11, 13)), IMAGE, (143 + 143) * 2),
    "prelu": (lambda: nn.PReLU(6), IMAGE, 6 * 2),
    "relu": (nn.ReLU, IMAGE, 0),
    "lstm": (lambda: nn.LSTM(7, 11), (4, 5, 7), (4 * 11 * 7 + 4 * 11 * 11 + 8 * 11) * 4 * 5),
    "gru, batch first": (
        lambda: nn.GRU(7, 11, batch_first=True),
        (5, 4, 7),
        (3 * 11 * 7 + 3 * 11 * 11 + 6 * 11) * 4 * 5,
    ),
    "lstm of one sequence": (
        lambda: nn.LSTM(7, 11),
        (4, 7),
        (4 * 11 * 7 + 4 * 11 * 11 + 8 * 11) * 4 * 11,
    ),
    "lstm cell": (lambda: nn.LSTMCell(7, 11), (5, 7), (4 * 11 * 7 + 4 * 11 * 11 + 8 * 11) * 5 * 11),
    "packed lstm": (
        Packs,
        (4, 3, 7),
        (4 * 11 * 7 + 4 * 11 * 11 + 8 * 11) * 7 * 11,
    ),  # 4 + 2 + 1 rows of 11
    "encoder layer in parts": (
        lambda: nn.TransformerEncoderLayer(16, 1, 24, batch_first=True),
        (2, 5, 16),
        ENCODER * 2,
    ),
    "encoder layer in one op": (
        lambda: nn.TransformerEncoderLayer(16, 4, 24, batch_first=True),
        (2, 5, 16),
        ENCODER * 2,
    ),
    "two encoder layers": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 4, 24, batch_first=True),
            2,
            nn.LayerNorm(16),
            enable_nested_tensor=False,
        ),
        (2, 5, 16),
        (2 * ENCODER + 16 + 16) * 2,
    ),
    "shared, three calls": (Twice, (3, 7), 3 * (7 * 7 + 7) * 3),
    "a child that is empty": (WithEmptyChild, (3, 7), 7 * 3),
    "a child": (WithChild, (3, 7), 0),
    "a name with Conv": (MyConvGate, (3, 5, 7), 7 * 3 * 7 + 7 * 3 * 5),
    "a mapping's last": (
        lambda: Wrapped(Gives(lambda x: {"a": x, "b": [x[:2], x]})),
        (3, 7),
        7 * 2,
    ),
    "a tuple's first": (lambda: Wrapped(Gives(lambda x: ((x[:2], x), x))), (3, 7), 7 * 2),
    "weight norm": (lambda: nn.utils.parametrizations.weight_norm(nn.Linear(7, 11)), (3, 7), 0),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_module(case):
    make, shape, expected = CASES[case]
    assert figure(make(), torch.zeros(shape)) == expected


def test_an_embedding_counts_its_whole_table():
    assert figure(nn.Embedding(17, 7), torch.zeros(3, 5, dtype=torch.long)) == 17 * 7 * 3


def test_multihead_attention_counts_nothing():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.mha = nn.MultiheadAttention(12, 3)

        def forward(self, x):
            return self.mha(x, x, x)[0]

    assert figure(Attends(), torch.zeros(5, 2, 12)) == 0


def test_kinds_of_what_is_counted():
    """2-dimensional weights are products, others a scale, biases sums: so the report's FLOPs are as
    everywhere.
    """
    total = (
        hookcount.count(nn.Sequential(nn.Linear(7, 11), nn.LayerNorm(11)), torch.zeros(3, 7))
        .under("torchinfo")
        .total
    )
    assert total == hookcount.Ops(macs=7 * 11 * 3, adds=(11 + 11) * 3, muls=11 * 3)


def test_an_output_without_a_tensor_counts_nothing():
    assert figure(Wrapped(Gives(lambda x: None)), torch.zeros(3, 7)) == 0
    assert figure(Wrapped(Gives(lambda x: {})), torch.zeros(3, 7)) == 0
    assert figure(Wrapped(Gives(lambda x: x.sum())), torch.zeros(3, 7)) == 0


def test_a_pruned_weight_counts_whole():
    layer = prune.l1_unstructured(nn.Linear(8, 4), "weight", amount=0.5)
    assert figure(layer, torch.zeros(2, 8)) == (8 * 4 + 4) * 2


# -- against the tool ------------------------------------------------------------------------------


def theirs(model, *args):
    summary = pytest.importorskip("torchinfo").summary
    return summary(model, input_data=list(args), device="cpu", verbose=0).total_mult_adds


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES)
def test_the_tools_own_figure(case):
    make, shape, _ = CASES[case]
    model, given = make(), torch.rand(shape)
    assert figure(model, given) == theirs(model, given)


@pytest.mark.peers
def test_where_it_differs_the_tool_raises_or_takes_the_mask():
    with pytest.raises(RuntimeError, match="Failed to run torchinfo"):
        theirs(Wrapped(Gives(lambda x: x.sum())), torch.zeros(3, 7))
    pruned = prune.l1_unstructured(nn.Linear(8, 4), "weight", amount=0.5)
    assert theirs(pruned, torch.zeros(2, 8)) == (8 * 4 // 2 + 4) * 2


NAMES = (
    "resnet18",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "densenet121",
    "googlenet",
    "convnext_tiny",
    "swin_t",
    "vit_b_32",
)


@pytest.mark.peers
@pytest.mark.parametrize("name", NAMES)
def test_the_tools_own_figure_of_classifiers(name):
    models = pytest.importorskip("torchvision").models
    model = models.get_model(name, **({"init_weights": False} if name == "googlenet" else {}))
    images = torch.rand(1, 3, *((224, 224) if name == "vit_b_32" else (64, 64)))
    assert figure(model, images) == theirs(model, images)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["fcn_resnet50", "lraspp_mobilenet_v3_large"])
def test_the_tools_own_figure_of_segmentation(name):
    segmentation = pytest.importorskip("torchvision").models.segmentation
    model, images = getattr(segmentation, name)(weights_backbone=None), torch.rand(1, 3, 64, 64)
    assert figure(model, images) == theirs(model, images)


@pytest.mark.peers
def test_the_tools_own_figure_of_a_detector():
    detection = pytest.importorskip("torchvision").models.detection
    model = detection.ssdlite320_mobilenet_v3_large(weights_backbone=None)
    images = [torch.rand(3, 96, 128)]
    assert figure(model, images) == theirs(model, images)
