"""``hookcount.compat.torchprofile`` against products written out, and against torchprofile itself
where it is installed.
"""

import copy
import inspect
import warnings
from collections import Counter

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.compat import torchprofile
from hookcount.compat.torchprofile import HANDLER_MAP, profile_macs


@pytest.fixture(autouse=True)
def no_handler_stays():
    yield
    HANDLER_MAP.clear()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(6, 2)

    def forward(self, x, times=1):
        for _ in range(times):
            y = self.norm(self.conv(x))
        return self.head(F.hardswish(y) + F.hardswish(-y))


X = torch.zeros(2, 3, 8, 8)
OUT = 2 * 4 * 6 * 6
CONV, HEAD = OUT * 3 * 9, 2 * 4 * 6 * 2 * 6
KNOWN = {"aten::hardswish": None}


@pytest.fixture
def hardswish_known():
    HANDLER_MAP.update(KNOWN)


def test_the_sum(hardswish_known):
    assert profile_macs(Net(), X) == profile_macs(Net(), (X,)) == CONV + OUT + HEAD
    assert type(profile_macs(Net(), X)) is int
    assert (
        profile_macs(Net(), X, {"times": 3})
        == profile_macs(Net(), (X, 3))
        == 3 * (CONV + OUT) + HEAD
    )


def test_another_reduction(hardswish_known):
    assert profile_macs(Net(), X, reduction=max) == max(CONV, OUT, HEAD)
    assert sorted(profile_macs(Net(), (X, 2), reduction=list)) == sorted(
        [CONV, CONV, OUT, OUT, HEAD]
    )


def test_by_node(hardswish_known):
    found = profile_macs(Net(), (X, 2), reduction=None)
    told = sorted((node.scope, node.operator, macs) for node, macs in found.items())
    norm, conv = ("norm", "aten::batch_norm", OUT), ("conv", "aten::_convolution", CONV)
    assert told == sorted([conv, conv, norm, norm, ("head", "aten::linear", HEAD)])
    linear = next(node for node in found if node.operator == "aten::linear")
    assert [(each.shape, each.dtype, each.ndim) for each in linear.inputs] == [
        ([2, 4, 6, 6], "float", 4),
        ([2, 6], "float", 2),
        ([2], "float", 1),
    ]
    assert [each.shape for each in linear.outputs] == [[2, 4, 6, 2]]


def test_a_handler_of_ones_own():
    seen = []

    def hardswish(node):
        seen.append(node)
        return 3 * node.outputs[0].shape[0] * node.inputs[0].ndim

    HANDLER_MAP["aten::hardswish"] = hardswish
    HANDLER_MAP["aten::linear"] = None
    HANDLER_MAP["aten::_convolution"] = lambda node: (
        sum(node.inputs[3].value) * 100
    )  # a stride of (1, 1)
    assert profile_macs(Net(), X) == 200 + OUT + 2 * (3 * 2 * 4)
    assert {node.operator for node in seen} == {"aten::hardswish"}


def test_what_no_handler_knows_is_said_once():
    with pytest.warns(UserWarning, match="hardswish") as caught:
        assert profile_macs(Net(), X) == CONV + OUT + HEAD
    [warning] = caught
    assert "aten::hardswish (2 calls)" in str(warning.message)
    assert warning.filename == __file__


def reads_a_value(node):
    return node.inputs[0].value.sum()


def counts_a_half(node):
    return 0.5


@pytest.mark.parametrize(
    ("handler", "what"), [(reads_a_value, "'NoneType'"), (counts_a_half, "is not a whole number")]
)
def test_a_handler_that_fails_is_named_with_its_module_and_the_fix(handler, what):
    HANDLER_MAP.update({"aten::linear": handler, **KNOWN})
    with pytest.raises(hookcount.FormulaError) as caught:
        profile_macs(Net(), X)
    text = str(caught.value)
    assert "'head' (aten::linear.default)" in text
    assert f"{handler.__name__} ({__file__}:" in text
    assert what in text
    assert "To fix it: " in text


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x @ x


def test_a_function_of_autograd_is_one_operator():
    model = Fn(lambda self, x: Doubled.apply(self.linear(x)), linear=nn.Linear(4, 4))
    with pytest.warns(UserWarning, match=r"prim::pythonop \(1 calls\)"):
        assert profile_macs(model, torch.zeros(4, 4)) == 4 * 4 * 4
    HANDLER_MAP["prim::pythonop"] = lambda node: 7 * len(node.inputs)
    assert profile_macs(model, torch.zeros(4, 4)) == 4 * 4 * 4 + 7


@pytest.mark.parametrize(
    "name",
    ["linear", "aten::conv2d", "aten::convolution", "aten::lstm_cell", "prim::constant", 3],
)
def test_an_operator_that_is_never_seen_raises(name):
    HANDLER_MAP[name] = None
    with pytest.raises(hookcount.InputError, match=r"HANDLER_MAP.*To fix it"):
        profile_macs(Net(), X)


def test_the_model_is_as_before_also_after_an_exception(hardswish_known):
    model = Net()
    model.conv.eval()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    assert profile_macs(model, X + 1) == CONV + OUT + HEAD
    with pytest.raises(RuntimeError, match="channels"):
        profile_macs(model, X[:, :1])
    assert [each.training for each in model.modules()] == [True, False, True, True]
    assert not any(each._forward_hooks for each in model.modules())
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_on_meta(hardswish_known):
    with torch.device("meta"):
        model = Net()
    assert profile_macs(model, X.to("meta")) == CONV + OUT + HEAD


# -- torchprofile itself ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("torchprofile")


def _nodes(tool, model, args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = tool.profile_macs(copy.deepcopy(model), args, reduction=None)
    return Counter(
        (node.operator, *(tuple(each.shape) for each in node.outputs), macs)
        for node, macs in found.items()
    )


def _sum(tool, model, args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tool.profile_macs(copy.deepcopy(model), args)


@pytest.mark.peers
def test_the_signature_is_theirs(theirs):
    mine, other = (
        inspect.signature(each).parameters.values() for each in (profile_macs, theirs.profile_macs)
    )
    assert [(each.name, each.default, each.kind) for each in mine] == [
        (each.name, each.default, each.kind) for each in other
    ]


CASES = {
    "linear": (nn.Linear(7, 11), torch.zeros(3, 5, 7)),
    "linear of a vector": (nn.Linear(7, 11), torch.zeros(7)),
    "matmul": (Fn(lambda me, x: x @ me.y, y=torch.zeros(2, 3, 7, 11)), torch.zeros(3, 5, 7)),
    "matrix by vector": (Fn(lambda me, x: x @ me.y, y=torch.zeros(7)), torch.zeros(2, 5, 7)),
    "vector by matrix": (Fn(lambda me, x: me.y @ x, y=torch.zeros(5)), torch.zeros(2, 5, 7)),
    "two vectors": (Fn(lambda me, x: x @ x), torch.zeros(7)),
    "addmm": (
        Fn(lambda me, x: torch.addmm(me.b, x, me.y), y=torch.zeros(7, 11), b=torch.zeros(11)),
        torch.zeros(5, 7),
    ),
    "addmv": (
        Fn(lambda me, x: torch.addmv(me.b, x, me.y), y=torch.zeros(7), b=torch.zeros(5)),
        torch.zeros(5, 7),
    ),
    "bmm": (
        Fn(lambda me, x: torch.bmm(x, me.y), y=torch.zeros(2, 7, 11)),
        torch.zeros(2, 5, 7),
    ),
    "baddbmm": (
        Fn(
            lambda me, x: torch.baddbmm(me.b, x, me.y),
            y=torch.zeros(2, 7, 11),
            b=torch.zeros(2, 5, 11),
        ),
        torch.zeros(2, 5, 7),
    ),
    "einsum": (
        Fn(lambda me, x: torch.einsum("b i j, jk", x, me.y), y=torch.zeros(7, 11)),
        torch.zeros(2, 5, 7),
    ),
    "einsum with an ellipsis": (
        Fn(lambda me, x: torch.einsum("...j,jk", x, me.y), y=torch.zeros(7, 11)),
        torch.zeros(2, 5, 7),
    ),
    "convolution in groups": (nn.Conv2d(6, 9, 3, groups=3), torch.zeros(2, 6, 8, 8)),
    "unbatched convolution": (nn.Conv1d(6, 9, 3), torch.zeros(6, 8)),
    "transposed convolution": (nn.ConvTranspose2d(6, 10, 3, stride=2), torch.zeros(2, 6, 8, 8)),
    "transposed convolution, as many channels": (
        nn.ConvTranspose2d(6, 6, 3, groups=2),
        torch.zeros(2, 6, 8, 8),
    ),
    "norms": (
        nn.Sequential(
            nn.BatchNorm2d(6),
            nn.GroupNorm(2, 6),
            nn.LayerNorm(8),
            nn.InstanceNorm2d(6, affine=True),
        ),
        torch.zeros(2, 6, 8, 8),
    ),
    "norms without weights": (
        nn.Sequential(
            nn.BatchNorm2d(6, affine=False),
            nn.LayerNorm(8, elementwise_affine=False),
            nn.InstanceNorm2d(6),
        ),
        torch.zeros(2, 6, 8, 8),
    ),
    "pools": (
        nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((2, 3)), nn.MaxPool2d(2)),
        torch.zeros(2, 6, 9, 9),
    ),
    "means and products": (
        Fn(lambda me, x: (x * x).mul_(2).mean(-1) * x.mean()),
        torch.zeros(2, 6),
    ),
    "products of integers": (
        Fn(lambda me, x: x * torch.arange(6) * 2),
        torch.zeros(2, 6, dtype=torch.long),
    ),
    "leaky relu": (nn.LeakyReLU(), torch.zeros(2, 6)),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), torch.zeros(2, 3, 4, 4)),
    "nearest": (nn.Upsample(scale_factor=2), torch.zeros(2, 3, 4, 4)),
    **{
        f"grid sample, {mode}": (
            Fn(
                lambda me, x, mode=mode: F.grid_sample(x, me.grid, mode, align_corners=False),
                grid=torch.zeros(2, 5, 7, 2),
            ),
            torch.zeros(2, 3, 4, 4),
        )
        for mode in ("bilinear", "nearest", "bicubic")
    },
    "lstm": (
        Fn(lambda me, x: me.lstm(x)[0], lstm=nn.LSTM(7, 11, 2, bidirectional=True)),
        torch.zeros(4, 5, 7),
    ),
    "projected lstm": (
        Fn(lambda me, x: me.lstm(x)[0], lstm=nn.LSTM(7, 11, 2, proj_size=3)),
        torch.zeros(4, 5, 7),
    ),
    "gru": (Fn(lambda me, x: me.gru(x)[0], gru=nn.GRU(7, 11)), torch.zeros(4, 5, 7)),
    "attention": (
        Fn(
            lambda me, x: F.scaled_dot_product_attention(x, me.k, me.v),
            k=torch.zeros(2, 3, 7, 8),
            v=torch.zeros(2, 3, 7, 11),
        ),
        torch.zeros(2, 3, 5, 8),
    ),
    "multi-head attention": (
        Fn(lambda me, x: me.mha(x, x, x, need_weights=False)[0], mha=nn.MultiheadAttention(12, 3)),
        torch.zeros(5, 2, 12),
    ),
    "multi-head attention, an even number of heads": (
        Fn(
            lambda me, x: me.mha(x, x, x, need_weights=False)[0],
            mha=nn.MultiheadAttention(12, 4, batch_first=True),
        ),
        torch.zeros(2, 5, 12),
    ),
    "cross attention": (
        Fn(
            lambda me, x: me.mha(x, x[:3], x[:3], need_weights=False)[0],
            mha=nn.MultiheadAttention(12, 3),
        ),
        torch.zeros(5, 2, 12),
    ),
}


@pytest.mark.peers
@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_op_node_by_node(theirs, case):
    model, given = CASES[case]
    assert _nodes(torchprofile, model.eval(), given) == _nodes(theirs, model, given)


MODELS = (
    "resnet18",
    "mobilenet_v3_small",
    "googlenet",
    "convnext_tiny",
    "densenet121",
    "swin_t",
    "swin_v2_t",
    "vit_b_32",
)
OPTIONS = {"googlenet": {"init_weights": False}, "vit_b_32": {"image_size": 64}}


@pytest.mark.peers
@pytest.mark.parametrize("name", MODELS)
def test_models_node_by_node(theirs, name):
    models = pytest.importorskip("torchvision").models
    model, images = (
        models.get_model(name, **OPTIONS.get(name, {})).eval(),
        torch.zeros(2, 3, 64, 64),
    )
    assert _nodes(torchprofile, model, images) == _nodes(theirs, model, images)
    assert _sum(torchprofile, model, images) == _sum(theirs, model, images)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "convnext_tiny", "swin_t"])
def test_the_sum_is_that_of_the_convention(name):
    model, images = (
        pytest.importorskip("torchvision").models.get_model(name).eval(),
        torch.zeros(1, 3, 64, 64),
    )
    report = hookcount.Counter(run="real").count(model, images)
    assert _sum(torchprofile, model, images) == report.under("torchprofile").headline


@pytest.mark.peers
def test_products_of_sizes_are_the_difference(theirs):
    """``x.shape[0] * 2`` is one of a jit trace's ops; ``x * x`` has 6 * 5 elements."""
    model = Fn(lambda me, x: (x * x).reshape(x.shape[0] * x.shape[1]))
    assert _nodes(theirs, model, torch.zeros(6, 5)) == {
        ("aten::mul", (6, 5), 30): 1,
        ("aten::mul", (), 1): 1,
    }
    assert _nodes(torchprofile, model, torch.zeros(6, 5)) == {("aten::mul", (6, 5), 30): 1}


@pytest.mark.peers
def test_what_the_output_does_not_depend_on_is_the_difference(theirs):
    """Weights of attention that nobody takes, a mean over 3 heads: 2 * 5 * 5."""
    model = Fn(
        lambda me, x: me.mha(x, x, x)[0], mha=nn.MultiheadAttention(12, 3, batch_first=True)
    ).eval()
    mine, other = (_nodes(tool, model, torch.zeros(2, 5, 12)) for tool in (torchprofile, theirs))
    assert mine - other == {("aten::mean", (2, 5, 5), 50): 1}
    assert not other - mine


@pytest.mark.peers
def test_handlers_of_their_form(theirs, monkeypatch):
    """The same handlers in both; for an op that it does not know, and in place of one
    that it does.
    """
    from math import prod

    from torchprofile import handlers

    given = {
        "aten::hardswish_": lambda node: 2 * prod(node.outputs[0].shape),
        "aten::hardsigmoid": None,
        "aten::linear": lambda node: node.inputs[0].ndim + prod(node.inputs[1].shape),
        "aten::_convolution": lambda node: (
            node.inputs[8].value * prod(node.outputs[0].shape)
        ),  # the groups
    }
    model, images = (
        pytest.importorskip("torchvision").models.mobilenet_v3_small().eval(),
        torch.zeros(1, 3, 64, 64),
    )
    HANDLER_MAP.update(given)
    for name, handler in given.items():
        monkeypatch.setitem(handlers.HANDLER_MAP, name, handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        mine = profile_macs(model, images)
    assert mine == _sum(theirs, model, images)
