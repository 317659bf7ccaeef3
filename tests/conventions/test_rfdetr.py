"""The convention ``rfdetr``: figures written out, and the tool's own for 83 models."""

import csv
import json
import pickle
from pathlib import Path

import pytest
import torch
from helpers.functions import Fn
from helpers.marks import slow_but
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.cli import main
from hookcount.conventions import CONVENTIONS

IMAGE = (2, 6, 11, 13)
X = 2 * 6 * 11 * 13
with (Path(__file__).parent / "rfdetr_figures.csv").open() as _file:
    FIGURES = {row["model"]: row["figure"] for row in csv.DictReader(_file)}
"""The tool's figures for one image of 224 x 224, with torch 2.14.1, in eval mode and without
gradients. It stops at one model."""
SEGMENTATION = ("fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large")
QUICK = frozenset(
    (
        *("resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "swin_t", "vit_b_32"),
        *("densenet121", "lraspp_mobilenet_v3_large", "maxvit_t"),
    )
)


def report_of(model, *args, run="auto"):
    with torch.no_grad():
        return hookcount.Counter(run=run).count(model, *args)


def figure(model, *args, run="auto"):
    return report_of(model, *args, run=run).under("rfdetr").headline


def fn(function, **shapes):
    return lambda: Fn(function, **{name: torch.zeros(shape) for name, shape in shapes.items()})


class Attends(nn.Module):
    def __init__(self, heads, keys=lambda x: x, **options):
        super().__init__()
        self.attend, self.keys = nn.MultiheadAttention(12, heads, batch_first=True), keys
        self.options = {"need_weights": False} | options

    def forward(self, x):
        keys = self.keys(x)
        return self.attend(x, keys, keys, **self.options)[0]


class Drops(nn.Module):
    """A layer of which no result is used, and a norm that is."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(6, 10, 3), nn.BatchNorm2d(6)

    def forward(self, x):
        y = self.norm(x)
        self.conv(y + 1)
        return y * 2


def writes_to_a_view(x):
    y = x + 1
    y[:, 0].mul_(x[:, 0] / 2)
    return y


def writes_to_nothing(x):
    y = x + 1
    y.add_(1)
    return x * 2


CASES = {
    # case: model, input shape, figure
    "conv": (lambda: nn.Conv2d(6, 10, 3), IMAGE, 2 * 10 * 9 * 11 * 6 * 9),
    "conv in groups": (lambda: nn.Conv2d(6, 10, 3, groups=2), IMAGE, 2 * 10 * 9 * 11 * 3 * 9),
    "conv with padding as a word": (lambda: nn.Conv2d(6, 10, 3, padding="same"), IMAGE, 0),
    "transposed conv": (
        lambda: nn.ConvTranspose2d(6, 10, 3, 2, groups=2),
        IMAGE,
        2 * 10 * 23 * 27 * 5 * 9,
    ),
    "linear": (lambda: nn.Linear(7, 11), (3, 5, 7), 15 * 7 * 11),
    "linear of a vector": (lambda: nn.Linear(7, 11), (7,), 7 * 11),
    "linear of other strides": (
        fn(lambda me, x: F.linear(x.transpose(1, 2), me.w, me.b), w=(11, 5), b=(11,)),
        (3, 5, 7),
        21 * 5 * 11,
    ),
    "matmul": (fn(lambda me, x: x @ me.y, y=(2, 3, 7, 11)), (2, 3, 5, 7), 6 * 5 * 7 * 11),
    "matmul of a batch and a matrix": (
        fn(lambda me, x: torch.matmul(x, me.y), y=(7, 11)),
        (3, 5, 7),
        5 * 7 * 11,
    ),
    "matmul with an axis more": (
        fn(lambda me, x: x.matmul(me.y), y=(3, 7, 11)),
        (3, 3, 5, 7),
        3 * 5 * 7 * 11,
    ),
    "mm": (fn(lambda me, x: x.mm(me.y), y=(7, 11)), (5, 7), 5 * 7 * 11),
    "mv": (fn(lambda me, x: x.mv(me.y), y=(7,)), (5, 7), 0),
    "addmm": (fn(lambda me, x: torch.addmm(me.b, x, me.y), y=(7, 11), b=(11,)), (5, 7), 385),
    "bmm": (fn(lambda me, x: torch.bmm(x, me.y), y=(2, 7, 11)), (2, 5, 7), 2 * 5 * 7 * 11),
    "baddbmm": (fn(lambda me, x: torch.baddbmm(x, x, me.y), y=(2, 7, 7)), (2, 7, 7), 0),
    "einsum": (
        fn(lambda me, x: torch.einsum("bct,bcd->btd", x, me.y), y=(2, 5, 7)),
        (2, 5, 3),
        2 * 5 * 3 * 7,
    ),
    "einsum the other way": (
        fn(lambda me, x: torch.einsum("n t g, n c g -> n c t", x, me.y), y=(2, 5, 7)),
        (2, 3, 7),
        2 * 3 * 7 * 5,
    ),
    "batch norm": (lambda: nn.BatchNorm2d(6, affine=False), IMAGE, 4 * X),
    "layer norm": (lambda: nn.LayerNorm(13, elementwise_affine=False), IMAGE, 5 * X),
    "group norm": (lambda: nn.GroupNorm(3, 6), IMAGE, 5 * X),
    "instance norm": (lambda: nn.InstanceNorm2d(6), IMAGE, 5 * X),
    "softmax": (fn(lambda me, x: x.softmax(-1)), IMAGE, 5 * X),
    "log softmax": (lambda: nn.LogSoftmax(-1), IMAGE, 0),
    "dropout": (lambda: nn.Dropout(0.1), IMAGE, X),
    "functional dropout": (fn(lambda me, x: F.dropout(x, 0.1, False)), IMAGE, X),
    "dropout in training": (fn(lambda me, x: F.dropout(x, 0.1, True)), IMAGE, X),
    "dropout in place": (lambda: nn.Dropout(0.1, inplace=True), IMAGE, 0),
    "dropout of channels": (lambda: nn.Dropout2d(0.1), IMAGE, 0),
    "rsqrt": (fn(lambda me, x: x.rsqrt()), IMAGE, 2 * X),
    "sum of other shapes": (fn(lambda me, x: x + me.y, y=(5, 1, 6, 1, 13)), IMAGE, 5 * X),
    "sum in place": (fn(lambda me, x: x.sqrt().add_(1)), IMAGE, X),
    "product in place": (fn(lambda me, x: x.sqrt().mul_(2)), IMAGE, 0),
    "product by another name": (fn(lambda me, x: x.multiply(2)), IMAGE, X),
    "a number less a tensor": (fn(lambda me, x: 1 - x), IMAGE, 0),
    "quotients": (fn(lambda me, x: x / 2 // 3), IMAGE, 2 * X),
    "integers": (fn(lambda me, x: x + torch.arange(13) * 3), IMAGE, 13 + X),
    "Python's sum": (fn(lambda me, x: sum([x, x])), IMAGE, 2 * X),
    "sum of all": (fn(lambda me, x: x.sum((1, 2))), IMAGE, X),
    "mean": (fn(lambda me, x: x.mean()), IMAGE, 0),
    "a power": (fn(lambda me, x: x**2), IMAGE, X),
    "a square": (fn(lambda me, x: x.square()), IMAGE, 0),
    "relu": (lambda: nn.ReLU(), IMAGE, X),
    "gelu, silu, hardswish": (
        fn(lambda me, x: F.hardswish(F.silu(F.gelu(x)))),
        IMAGE,
        0,
    ),
    "a loss": (fn(lambda me, x: F.l1_loss(x, me.y), y=IMAGE), IMAGE, 0),
    "distances": (fn(lambda me, x: torch.cdist(x, x)), IMAGE, 0),
    "adaptive pool": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGE, X),
    "adaptive pool to 1": (lambda: nn.AdaptiveAvgPool2d(1), IMAGE, X),
    "adaptive pool of rows": (lambda: nn.AdaptiveAvgPool1d(1), (2, 6, 11), 0),
    "max pool": (lambda: nn.MaxPool2d(3, 2), IMAGE, X),
    "max pool with positions": (
        fn(lambda me, x: F.max_pool2d(x, 3, return_indices=True)),
        IMAGE,
        0,
    ),
    "nearest": (lambda: nn.Upsample(scale_factor=2), IMAGE, 4 * X),
    "bilinear": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), IMAGE, 4 * 4 * X),
    "fused attention": (
        fn(lambda me, x: F.scaled_dot_product_attention(x, me.k, me.k), k=(2, 3, 7, 8)),
        (2, 3, 5, 8),
        0,
    ),
    "recurrent": (lambda: nn.LSTM(7, 11), (4, 5, 7), 0),
    # the gates' products; two sums of all gates, one of the state and three products per unit
    "a recurrent cell": (
        lambda: nn.LSTMCell(7, 11),
        (5, 7),
        5 * 4 * 11 * (7 + 11) + 5 * 11 * (4 + 1 + 3),
    ),
    # four projections, and 5 operations on sizes: fused attention counts nothing
    "attention with odd heads": (lambda: Attends(3), (2, 5, 12), 4 * 10 * 12 * 12 + 5),
    "attention in one op": (lambda: Attends(4), (2, 5, 12), 0),
    # two projections of ten rows, two of eight; 5 operations, and the widths of two splits
    "attention to others": (
        lambda: Attends(4, lambda x: x[:, :4]),
        (2, 5, 12),
        2 * (10 + 8) * 12 * 12 + 5 + 2,
    ),
    "without an end": (lambda: Drops(), IMAGE, 4 * X + X),
    "a view is written to": (fn(lambda me, x: writes_to_a_view(x)), IMAGE, X + X // 6),
    "written for nothing": (fn(lambda me, x: writes_to_nothing(x)), IMAGE, X),
    "written to the input": (fn(lambda me, x: (x.add_(1), x * 2)[1]), IMAGE, 2 * X),
    "no tensor as an output": (fn(lambda me, x: len(x + 1)), IMAGE, X),
}


@pytest.mark.parametrize("run", ["auto", "real"])
@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_node(case, run):
    make, shape, expected = CASES[case]
    assert figure(make().eval(), torch.zeros(shape), run=run) == expected


REFUSED = {
    "an equation": (
        fn(lambda me, x: torch.einsum("bij,jk->bik", x, me.y), y=(7, 11)),
        (2, 5, 7),
        "no figure for the equation 'bij,jk->bik'",
    ),
    "leading sizes": (
        fn(lambda me, x: x @ me.y, y=(1, 3, 7, 11)),
        (2, 3, 5, 7),
        r"\(2, 3, 5, 7\) and \(1, 3, 7, 11\): their leading sizes differ",
    ),
    "a vector": (fn(lambda me, x: x @ me.y, y=(7,)), (5, 7), "their leading sizes differ"),
    "axes of a norm": (lambda: nn.LayerNorm(13), (13,), "a norm of 1 axes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_where_the_tool_stops(case):
    make, shape, says = REFUSED[case]
    report = report_of(make(), torch.zeros(shape))
    with pytest.raises(hookcount.FormulaError, match=says):
        report.under("rfdetr").headline  # noqa: B018
    rows = {row["convention"]: row for row in report.by_convention().to_dict(orient="records")}
    assert rows["rfdetr"]["figure"] is None
    assert rows["rfdetr"]["error"]
    others = [row for name, row in rows.items() if name != "rfdetr"]
    assert all(type(row["figure"]) is int for row in others)


def test_gradients_keep_attention_from_one_op():
    """As in a trace with gradients: four projections, and 5 operations on sizes."""
    report = hookcount.count(Attends(4).eval(), torch.zeros(2, 5, 12))
    assert report.under("rfdetr").headline == 4 * 10 * 12 * 12 + 5


def test_what_is_seen_as_a_whole_is_counted_once_elsewhere():
    """A product, dropout and an equation, under conventions that see the ops they run."""
    model = Fn(
        lambda me, x: F.dropout(torch.einsum("bij,bjk->bik", x @ me.y, me.y), 0.1, False),
        y=torch.zeros(2, 7, 7),
    )
    report = report_of(model, torch.zeros(2, 5, 7))
    assert report.macs == 2 * (2 * 5 * 7 * 7)
    assert report.uncounted == ()
    assert report.under("torch").headline == 2 * report.macs
    assert report.under("rfdetr-text").headline == report.macs


def model_of_torchvision(name):
    models = pytest.importorskip("torchvision").models
    others = {"weights_backbone": None} if name in SEGMENTATION else {}
    if name in ("googlenet", "inception_v3"):
        others = {"init_weights": False}
    return models.get_model(name, weights=None, **others).eval()


def the_tools_own(name, run):
    pytest.importorskip("torchvision")
    expected = FIGURES[name]
    report = report_of(model_of_torchvision(name), torch.zeros(1, 3, 224, 224), run=run)
    if expected == "none":
        with pytest.raises(hookcount.FormulaError, match="no figure for the equation"):
            report.under("rfdetr").headline  # noqa: B018
    else:
        assert report.under("rfdetr").headline == int(expected)


@pytest.mark.parametrize("name", slow_but(QUICK, FIGURES))
def test_the_tools_own_figure(name):
    the_tools_own(name, "auto")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(QUICK))
def test_the_tools_own_figure_of_a_real_run(name):
    the_tools_own(name, "real")


@pytest.mark.zoo
def test_detr_of_transformers():
    """The tool's figure for 320 x 416 pixels, with transformers 5.24 and torch 2.14.1."""
    transformers = pytest.importorskip("transformers", minversion="5")
    config = transformers.DetrConfig(use_pretrained_backbone=False)
    model = transformers.DetrForObjectDetection(config).eval()
    assert figure(model, torch.zeros(1, 3, 320, 416)) == 13_028_598_175


def test_a_report_keeps_its_figure_in_a_pickle():
    model = nn.Sequential(nn.Dropout(0.1), nn.Linear(7, 11)).eval()
    report = report_of(model, torch.zeros(5, 7)).under("rfdetr")
    assert report.headline == 35 + 35 * 11
    again = pickle.loads(pickle.dumps(report))
    assert again.headline == report.headline
    assert again.under("rfdetr").headline == report.headline


def test_match_and_reconcile():
    """5 * 7 * 11 products, of which all conventions know, and 1 per element in the dropout."""
    model = nn.Sequential(nn.Dropout(0.1), nn.Linear(7, 11)).eval()
    report = report_of(model, torch.zeros(5, 7))
    assert [each.convention.name for each in report.match(5 * 7 * 11 + 35)][:1] == ["rfdetr"]
    text = str(report.reconcile("rfdetr"))
    assert "dropout" in text
    assert text.rstrip().splitlines()[-1].endswith("420")


def test_on_the_command_line(capsys):
    assert main(["resnet18", "--convention", "rfdetr", "--format", "json"]) == 0
    counted = json.loads(capsys.readouterr().out)["operations"]
    assert sum(counted.values()) == int(FIGURES["resnet18"])


def test_both_conventions_say_what_they_are():
    tool, text = CONVENTIONS["rfdetr"], CONVENTIONS["rfdetr-text"]
    assert tool.exact
    assert not text.exact
    assert (tool.unit, text.unit) == ("MACs", "MACs")
