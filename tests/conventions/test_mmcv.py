"""The convention ``mmcv``: products written out, and the tool itself."""

import pytest
import torch
from helpers.asking import figures
from torch import nn

import hookcount
from hookcount.conventions import CONVENTIONS

IMAGE = (2, 6, 11, 13)
X = 6 * 11 * 13

CASES = {
    # case: model, input shape, figure for one sample
    "convolution": (nn.Conv2d(6, 10, 3, bias=False), IMAGE, 10 * 9 * 11 * 6 * 9),
    "its bias": (nn.Conv2d(6, 10, 3), IMAGE, 10 * 9 * 11 * (6 * 9 + 1)),
    "groups": (nn.Conv2d(6, 4, 3, groups=2, bias=False), IMAGE, 4 * 9 * 11 * 3 * 9),
    "convolution of rows": (nn.Conv1d(6, 10, 3), (2, 6, 13), 10 * 11 * (6 * 3 + 1)),
    "convolution of volumes": (nn.Conv3d(2, 4, 2), (2, 2, 5, 6, 7), 4 * 4 * 5 * 6 * (2 * 8 + 1)),
    "transposed convolution": (  # 23 x 27 outputs
        nn.ConvTranspose2d(6, 12, 3, 2, groups=2),
        IMAGE,
        X * 6 * 9 + 12 * 23 * 27,
    ),
    "transposed convolution of rows": (nn.ConvTranspose1d(6, 12, 3), (2, 6, 13), 0),
    "linear, without its bias": (nn.Linear(7, 11), (2, 5, 7), 5 * 7 * 11),
    "batch norm": (nn.BatchNorm2d(6), IMAGE, 2 * X),
    "batch norm without weights": (nn.BatchNorm2d(6, affine=False), IMAGE, X),
    "group norm": (nn.GroupNorm(2, 6), IMAGE, 2 * X),
    "instance norm": (nn.InstanceNorm2d(6), IMAGE, X),
    "layer norm": (nn.LayerNorm(13), IMAGE, 2 * X),
    "layer norm without weights": (nn.LayerNorm(13, elementwise_affine=False), IMAGE, X),
    **{
        type(each).__name__: (each, IMAGE, X)
        for each in (nn.ReLU(), nn.PReLU(), nn.ELU(), nn.LeakyReLU(), nn.ReLU6())
    },
    **{
        type(each).__name__: (each, IMAGE, 0)
        for each in (nn.GELU(), nn.SiLU(), nn.Sigmoid(), nn.Softmax(-1), nn.Hardswish())
    },
    **{
        type(each).__name__: (each, IMAGE, X)
        for each in (nn.MaxPool2d(3), nn.AvgPool2d(3), nn.AdaptiveAvgPool2d(1))
    },
    "upsampling, of one sample": (nn.Upsample((22, 14)), IMAGE, 6 * 22 * 14 // 2),
    "recurrent layers": (nn.LSTM(7, 11), (4, 5, 7), 0),
}


def _headline(model, shape, run="auto"):
    with torch.no_grad():
        report = hookcount.Counter(run=run).count(model.eval(), torch.zeros(shape))
    return report.under("mmcv").headline


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_module(case, run):
    model, shape, figure = CASES[case]
    assert _headline(model, shape, run) == figure


def test_it_knows_exact_classes_and_mmcvs_own():
    class Conv2d(nn.Conv2d):
        pass

    assert _headline(Conv2d(6, 10, 3), IMAGE) == 0
    Conv2d.__module__ = "mmcv.cnn.bricks.wrappers"
    Conv2d.__qualname__ = "Conv2d"
    assert _headline(Conv2d(6, 10, 3), IMAGE) == 10 * 9 * 11 * (6 * 9 + 1)


def test_the_bias_of_an_image_without_a_batch():
    """The tool takes the 6 channels for a batch, and 11 rows of outputs for all positions."""
    model = nn.Conv2d(6, 10, 3)
    assert _headline(model, (6, 11, 13)) == 10 * 11 * (6 * 9 + 1)


def test_a_shared_module_counts_each_call_once():
    layer = nn.Linear(8, 8)
    assert _headline(nn.Sequential(layer, nn.ReLU(), layer), (2, 8)) == 8 * 8 + 8 + 8 * 8


@pytest.mark.parametrize(("activation", "counted"), [(nn.ReLU(), 20), (nn.GELU(), 0)])
def test_an_encoder_layer_in_one_op_counts_as_its_modules(activation, counted):
    """Two linear layers, two norms, and a ReLU if it is a module. Its attention has no hook."""
    layer = nn.TransformerEncoderLayer(12, 2, 20, activation=activation, batch_first=True).eval()
    x, found = torch.zeros(1, 5, 12), []
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            report = hookcount.Counter(run="real").count(layer, x)
        found.append(report.under("mmcv").headline)
    assert found == [5 * (2 * 12 * 20 + counted + 2 * 2 * 12)] * 2


def test_it_is_one_of_the_conventions():
    assert CONVENTIONS["mmcv"].exact
    report = hookcount.count(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), torch.zeros(1, 8))
    assert report.by_convention().set_index("convention").loc["mmcv", "figure"] == 8 * 4 + 4


@pytest.mark.peers
def test_the_tools_own_figures():
    found = figures("mmcv", "mmcv")
    assert {case: pair for case, pair in found.items() if pair[0] != pair[1]} == {}
