"""The convention ``ptflops-pytorch``: products written out, and the tool itself."""

import contextlib
import io
import random

import pytest
import torch
from helpers.asking import figures
from helpers.functions import Fn
from helpers.products import CONV, CONV_T, IMAGE, OUTPUTS, OUTPUTS_T, Attends, Recurs
from torch import nn
from torch.nn import functional as F

import hookcount

X = 2 * 6 * 11 * 13
ROWS = (3, 5, 7)
kept_relu = F.relu


def of(function, **held):
    return lambda: Fn(lambda me, x: function(x, *(getattr(me, name) for name in held)), **held)


class Holds(nn.Module):
    """A function that the module holds, and one of a module in a local variable."""

    def __init__(self):
        super().__init__()
        self.relu = F.relu

    def forward(self, x):
        from torch.nn import functional

        return self.relu(functional.elu(x))


class Twice(nn.Module):
    """Two calls of a shared layer, on two samples and on six."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(7, 7, bias=False)

    def forward(self, x):
        return self.linear(x) + self.linear(x.repeat(3, 1, 1)).sum()


# case: model, input shape, the modules' work for the whole batch, the functions' work
CASES = {
    "conv": (lambda: nn.Conv2d(6, 10, (3, 5), 2, 1), IMAGE, CONV + OUTPUTS, 0),
    "conv in two groups": (
        lambda: nn.Conv2d(6, 10, (3, 5), 2, 1, groups=2, bias=False),
        IMAGE,
        CONV // 2,
        0,
    ),
    "transposed conv": (
        lambda: nn.ConvTranspose2d(6, 10, (3, 5), 2, 1),
        IMAGE,
        CONV_T + OUTPUTS_T,
        0,
    ),
    "F.conv2d": (of(lambda x, w: F.conv2d(x, w), w=torch.ones(10, 6, 3, 3)), IMAGE, 0, 0),
    "linear": (lambda: nn.Linear(7, 11), ROWS, 15 * 7 * 11 + 15 * 11, 0),
    "F.linear": (of(lambda x, w: F.linear(x, w), w=torch.ones(11, 7)), ROWS, 0, 0),
    "@": (of(lambda x, y: x @ y, y=torch.ones(7, 11)), ROWS, 0, 0),
    "torch.matmul": (of(lambda x, y: torch.matmul(x, y), y=torch.ones(7, 11)), ROWS, 0, 15 * 77),
    # the left operand repeats for the right one's four
    "x.matmul": (of(lambda x, y: x.matmul(y), y=torch.ones(4, 1, 7, 11)), ROWS, 0, 15 * 77),
    "torch.mm": (of(lambda x, y: torch.mm(x[0], y), y=torch.ones(7, 11)), ROWS, 0, 5 * 77),
    "x.bmm": (of(lambda x, y: x.bmm(y), y=torch.ones(3, 7, 2)), ROWS, 0, 15 * 7 * 2),
    "torch.addmm": (
        of(lambda x, y: torch.addmm(y[0], x[0], y), y=torch.ones(7, 11)),
        ROWS,
        0,
        5 * 77 + 11,
    ),
    "addmm without its first": (
        of(lambda x, y: y[0].addmm(x[0], y, beta=0), y=torch.ones(7, 11)),
        ROWS,
        0,
        5 * 77,
    ),
    "x + y": (of(lambda x: x + x), ROWS, 0, 0),
    "torch.add of a number": (of(lambda x: torch.add(x, 2)), ROWS, 0, 105),
    "x.mul(y)": (of(lambda x, y: x.mul(y), y=torch.ones(7)), ROWS, 0, 7 * 5 * 7),  # the first axes
    "x.mul of integers": (of(lambda x: x.int().mul(2)), ROWS, 0, 105),
    "batch norm": (lambda: nn.BatchNorm2d(6), IMAGE, 2 * X, 0),
    "layer norm": (lambda: nn.LayerNorm(13), IMAGE, X, 0),
    "group norm": (lambda: nn.GroupNorm(2, 6), IMAGE, 2 * X, 0),
    "relu": (nn.ReLU, IMAGE, X, X),
    "relu in place": (lambda: nn.Sequential(nn.ReLU(True)), IMAGE, X, X),
    "relu6": (nn.ReLU6, IMAGE, X, 0),  # it calls F.hardtanh
    "leaky relu": (nn.LeakyReLU, IMAGE, X, 0),
    "silu": (nn.SiLU, IMAGE, 0, X),
    "sigmoid": (nn.Sigmoid, IMAGE, 0, 0),
    "softmax": (lambda: nn.Softmax(-1), IMAGE, 0, X),
    "x.softmax": (of(lambda x: x.softmax(-1)), IMAGE, 0, 0),
    "F.relu": (of(lambda x: F.relu(x)), IMAGE, 0, X),
    "torch.relu": (of(lambda x: torch.relu(x)), IMAGE, 0, 0),
    "F.relu by another name": (of(lambda x: kept_relu(x)), IMAGE, 0, 0),
    "F.relu that a module holds, and F.elu": (Holds, IMAGE, 0, X),
    "max pool": (lambda: nn.MaxPool2d(3, 2), IMAGE, X, X),
    "average pool": (lambda: nn.AvgPool2d(3, 2), IMAGE, X, X),
    "adaptive pool to 1": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE, X, X),
    "adaptive max pool": (lambda: nn.AdaptiveMaxPool2d((4, 3)), IMAGE, X, X),
    "max pool of rows": (lambda: nn.MaxPool1d(2), ROWS, 105, 105),
    "upsampling": (lambda: nn.Upsample(scale_factor=2), IMAGE, 4 * X // 2, 4 * X),
    "F.interpolate": (of(lambda x: F.interpolate(x, (5, 7))), IMAGE, 0, 12 * 35),
    "F.interpolate by a scale": (  # 11 x 13 by 1.5 twice, from 12 maps
        of(lambda x: F.interpolate(x, scale_factor=1.5, mode="bilinear")),
        IMAGE,
        0,
        12 * 11 * 13 * 9 // 4,
    ),
    "F.interpolate by area": (
        of(lambda x: F.interpolate(x, (5, 7), mode="area")),
        IMAGE,
        0,
        X + 12 * 35,
    ),
    "F.upsample": (of(lambda x: F.upsample(x, (5, 7))), IMAGE, 0, 2 * 12 * 35),
    # 3 heads of 4: the scale of the query, four projections with biases, and the heads
    "multi-head attention": (
        lambda: Attends(False),
        (2, 5, 12),
        2 * (5 * 12 + 3 * 5 * 144 + 3 * 5 * 12 + 3 * (2 * 25 * 4 + 25) + 5 * 12 * 13),
        0,
    ),
    "multi-head attention with weights": (  # 6 products by torch.bmm, and F.softmax
        lambda: Attends(True),
        (2, 5, 12),
        2 * (5 * 12 + 3 * 5 * 144 + 3 * 5 * 12 + 3 * (2 * 25 * 4 + 25) + 5 * 12 * 13),
        2 * 3 * (2 * 25 * 4 + 25),
    ),
    "lstm": (  # per step the products of four gates, two biases each, and 10 per hidden unit
        lambda: Recurs(nn.LSTM(7, 11)),
        (4, 5, 7),
        20 * (4 * 11 * 18 + 8 * 11 + 10 * 11),
        0,
    ),
    "two layers of a gru in two directions": (
        lambda: Recurs(nn.GRU(7, 11, 2, bidirectional=True, bias=False)),
        (4, 5, 7),
        2 * 20 * (3 * 11 * 18 + 7 * 11 + 3 * 11 * (22 + 11) + 7 * 11),
        0,
    ),
    "two batches of one layer": (Twice, (2, 3, 7), (2 + 6) * 3 * 49, 0),
}


def _headline(model, shape, run):
    with torch.no_grad():
        report = hookcount.Counter(run=run).count(model.eval(), torch.zeros(shape))
    return report.under("ptflops-pytorch").headline


@pytest.mark.filterwarnings("ignore:`nn.functional.upsample` is deprecated")
@pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_work(case, run):
    make, shape, modules, functions = CASES[case]
    assert _headline(make(), shape, run) == modules // shape[0] + functions


def test_the_sum_over_modules_is_rounded_down_once():
    """Five samples share 7 rows: 7 * 3 * 2 and 7 * 2 * 2 MACs make 70, no rest for any other."""
    model = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Linear(2, 2, bias=False))
    whole = Fn(lambda me, x: model(x[:1].repeat(7, 1)), model=None)
    whole.model = model
    report = hookcount.count(whole, torch.zeros(5, 3)).under("ptflops-pytorch")
    assert report.headline == (7 * 3 * 2 + 7 * 2 * 2) // 5
    assert [record.ops.macs for record in report.records] == [42 // 5, 70 // 5 - 42 // 5]


class Hooked(nn.GELU):
    """A module of a class that the tool knows, which calls a layer and a function."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(7, 7)

    def forward(self, x):
        return F.relu(self.linear(x))


def test_a_hooked_module_stands_for_those_beneath_but_not_for_functions():
    model = nn.Sequential(Hooked(), nn.Linear(7, 3, bias=False))
    figure = {Hooked: 5 * (7 * 7 + 7), nn.GELU: 5 * 7}
    for cls, first in figure.items():
        model[0].__class__ = cls
        x, own = torch.zeros(1, 5, 7), Hooked.forward.__get__(model[0])
        model[0].forward = own
        under = hookcount.count(model, x).under("ptflops-pytorch")
        assert under.headline == first + 5 * 7 + 5 * 7 * 3, cls


def test_a_subclass_of_attention_has_no_hook():
    class Own(nn.MultiheadAttention):
        pass

    q, functions = torch.zeros(5, 2, 12), 2 * 3 * (2 * 25 * 4 + 25)
    with torch.no_grad():
        report = hookcount.count(Own(12, 3).eval(), q, q, q)
    assert report.under("ptflops-pytorch").headline == functions


def test_an_encoder_layer_in_one_op_counts_as_its_modules():
    layer = nn.TransformerEncoderLayer(12, 2, 20, batch_first=True)
    x = torch.zeros(1, 5, 12)
    figures_of = []
    for grad in (False, True):
        with torch.set_grad_enabled(grad):
            report = hookcount.Counter(run="real").count(layer.eval(), x)
        figures_of.append(report.under("ptflops-pytorch").headline)
    attention = 5 * 12 + 3 * 5 * 144 + 3 * 5 * 12 + 2 * (2 * 25 * 6 + 25) + 5 * 12 * 13
    linears = 5 * (12 * 20 + 20) + 5 * (20 * 12 + 12)
    assert figures_of == [attention + linears + 2 * 5 * 12] * 2


def test_it_is_one_of_the_conventions():
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
    report = hookcount.count(model, torch.zeros(1, 8))
    figure = 8 * 4 + 4 + 2 * 4
    frame = report.by_convention().set_index("convention")
    assert frame.loc["ptflops-pytorch", ["figure", "exact"]].tolist() == [figure, True]
    assert "ptflops-pytorch" in [each.convention.name for each in report.match(figure)]
    lines = report.reconcile("ptflops-pytorch")
    assert lines.start == 8 * 4
    assert lines.end == figure


# -- ptflops itself --------------------------------------------------------------------------------

SIDES = {"inception_v3": 96, "maxvit_t": 224, "vit_h_14": 56}
"""The side of an image of a classifier, where it is not 64."""


def _unequal(names, monkeypatch):
    """By classifier hookcount's figure and the tool's, where they differ."""
    ptflops = pytest.importorskip("ptflops")
    models = pytest.importorskip("torchvision").models
    blocks = models.regnet.BlockParams.from_init_params

    def on_the_cpu(*args, **kwargs):  # it reads values of tensors that it makes
        with torch.device("cpu"):
            return blocks(*args, **kwargs)

    monkeypatch.setattr(models.regnet.BlockParams, "from_init_params", on_the_cpu)
    found = {}
    for name in names:
        side = SIDES.get(name, 64)
        with torch.device("meta"):
            options = {"image_size": side} if name.startswith("vit") else {}
            model = models.get_model(name, **options).eval()
        model.to_empty(device="cpu")
        for buffer in model.buffers():
            buffer.zero_()
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            mine = hookcount.count(model, torch.zeros(1, 3, side, side))
            theirs, _ = ptflops.get_model_complexity_info(
                model, (3, side, side), print_per_layer_stat=False, as_strings=False
            )
        found[name] = mine.under("ptflops-pytorch").headline, theirs
    assert found
    return {name: pair for name, pair in found.items() if pair[0] != pair[1]}


def _classifiers():
    models = pytest.importorskip("torchvision").models
    return models.list_models(module=models)


def test_some_classifiers(monkeypatch):
    light = [each for each in _classifiers() if "mobile" in each or "shuffle" in each]
    assert _unequal(random.sample(light, 2), monkeypatch) == {}


@pytest.mark.peers
@pytest.mark.slow
def test_all_classifiers(monkeypatch):
    assert _unequal(_classifiers(), monkeypatch) == {}


@pytest.mark.peers
def test_the_tools_own_figures():
    found = figures("ptflops-pytorch", "ptflops (pytorch)")
    assert {case: pair for case, pair in found.items() if pair[0] != pair[1]} == {}
