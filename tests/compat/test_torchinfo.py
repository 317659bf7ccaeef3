"""``hookcount.compat.torchinfo`` against torchinfo itself where it is installed, and against
products written out.
"""

import copy
import inspect
import subprocess
import sys

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn.utils import prune

import hookcount
from hookcount.compat.torchinfo import summary

TOTALS = (
    "total_params",
    "trainable_params",
    "total_mult_adds",
    "total_input",
    "total_output_bytes",
    "total_param_bytes",
    "input_size",
)
ROWS = (
    *(
        "var_name",
        "class_name",
        "depth",
        "depth_index",
        "is_leaf_layer",
        "is_recursive",
        "executed",
        "kernel_size",
    ),
    *(
        "input_size",
        "output_size",
        "output_bytes",
        "num_params",
        "trainable_params",
        "param_bytes",
        "trainable",
    ),
)


def shared(linear):
    return Fn(
        lambda self, x: self.b(self.a(x)),
        a=nn.Sequential(linear),
        b=nn.Sequential(nn.ReLU(), linear),
    )


def listed(*modules):
    return Fn(
        lambda self, x: self.all[1](self.all[0](x)),
        all=nn.ModuleList(modules),
        unused=nn.Linear(3, 3),
    )


def in_turns(**containers):
    """A model that calls the two modules of a container in turn, with a sibling between."""
    name = next(iter(containers))

    def forward(self, x):
        first, second = list(vars(self)["_modules"][name].children())
        return self.relu(first(self.relu(second(self.relu(first(x))))))

    return Fn(forward, relu=nn.ReLU(), **containers)


def pair():
    return nn.Linear(8, 8), nn.Linear(8, 8)


class WithScale(nn.ModuleList):
    """A container with a parameter of its own."""

    def __init__(self, *modules):
        super().__init__(modules)
        self.scale = nn.Parameter(torch.ones(8))


IN_TURNS = {
    # the elements of a container are called with a sibling between: model, its parameters
    "list": (lambda: in_turns(a=nn.ModuleList(pair())), 2 * 72),
    "sequential": (lambda: in_turns(a=nn.Sequential(*pair())), 2 * 72),
    "dict": (lambda: in_turns(a=nn.ModuleDict(dict(zip("xy", pair(), strict=True)))), 2 * 72),
    "uncalled elements": (
        lambda: in_turns(a=nn.ModuleList(pair()), b=nn.ModuleList(pair())),
        4 * 72,
    ),
    "its own parameter": (lambda: in_turns(a=WithScale(*pair())), 2 * 72 + 8),
    "list in a list": (
        lambda: Fn(
            lambda self, x: self.all[0][1](self.relu(self.all[0][0](x))),
            all=nn.ModuleList([nn.ModuleList(pair())]),
            relu=nn.ReLU(),
        ),
        2 * 72,
    ),
    "frozen": (
        lambda: in_turns(a=nn.ModuleList(pair()).requires_grad_(False), b=nn.Linear(8, 8)),
        3 * 72,
    ),
    "called and called in parts": (
        lambda: Fn(
            lambda self, x: self.a[0](self.relu(self.a[1](self.a(x)))),
            a=nn.Sequential(*pair()),
            relu=nn.ReLU(),
        ),
        2 * 72,
    ),
}


def encoder():
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)


SITUATIONS = {
    "lstm": lambda: nn.Sequential(nn.LSTM(8, 4, 2, bidirectional=True, batch_first=True)),
    "shared": lambda: shared(nn.Linear(8, 8)),
    "called twice": lambda: Fn(lambda self, x: self.a(self.a(x)), a=nn.Sequential(nn.Linear(8, 8))),
    "module list": lambda: listed(nn.Linear(8, 8), nn.Sequential(nn.Linear(8, 8))),
    "lists of lists": lambda: Fn(
        lambda self, x: self.all[0][1](self.all[0][0](x)),
        all=nn.ModuleList([nn.ModuleList([nn.Linear(8, 8), nn.LayerNorm(8)])]),
    ),
    "attention": lambda: Fn(lambda self, x: self.mha(x, x, x)[0], mha=nn.MultiheadAttention(8, 2)),
    "encoder": encoder,
    "bare parameter": lambda: Fn(
        lambda self, x: x @ self.weight, weight=nn.Parameter(torch.zeros(8, 8))
    ),
    "frozen": lambda: nn.Sequential(nn.Linear(8, 8).requires_grad_(False), nn.Linear(8, 8)),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))),
    "dict of outputs": lambda: Fn(
        lambda self, x: {"a": x, "b": self.linear(x)}, linear=nn.Linear(8, 4)
    ),
    "called by keyword": lambda: Fn(lambda self, x: self.linear(input=x), linear=nn.Linear(8, 4)),
    "no parameters": lambda: nn.Sequential(nn.ReLU(), nn.Identity()),
    **{f"in turns: {name}": make for name, (make, _) in IN_TURNS.items()},
}
MODELS = ("resnet18", "mobilenet_v3_small", "vit_b_32", "swin_t", "convnext_tiny", "googlenet")


def built(name):
    models = pytest.importorskip("torchvision").models
    options = {"init_weights": False} if name == "googlenet" else {}
    size = 224 if name.startswith("vit") else 64
    return models.get_model(name, weights=None, **options), (2, 3, size, size)


def theirs(model, **given):
    torchinfo = pytest.importorskip("torchinfo")
    where = {} if "input_data" in given else {"device": "cpu"}
    return torchinfo.summary(model, verbose=0, **where, **given)


def assert_alike(mine, tools):
    for total in TOTALS:
        assert getattr(mine, total) == getattr(tools, total), total
    assert len(mine.summary_list) == len(tools.summary_list)
    for ours, wanted in zip(mine.summary_list, tools.summary_list, strict=True):
        for attribute in ROWS:
            assert getattr(ours, attribute) == getattr(wanted, attribute), (ours, attribute)
        assert len(ours.children) == len(wanted.children)
        assert ours.leftover_params() == wanted.leftover_params()
        if wanted.is_leaf_layer:
            assert ours.macs == wanted.macs


@pytest.mark.peers
@pytest.mark.parametrize("name", MODELS)
def test_models_as_the_tool_has_them(name):
    model, size = built(name)
    assert_alike(summary(model, input_size=size, verbose=0), theirs(model, input_size=size))


@pytest.mark.peers
@pytest.mark.parametrize("case", SITUATIONS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_situations_as_the_tool_has_them(case, mode):
    model, tokens = SITUATIONS[case](), torch.zeros(3, 5, 8)
    mine = summary(model, input_data=tokens, mode=mode, verbose=0)
    assert_alike(mine, theirs(model, input_data=tokens, mode=mode))


@pytest.mark.peers
@pytest.mark.parametrize(
    ("model", "given"),
    [
        (nn.Linear(8, 4), {"input_size": [2, 8]}),
        (nn.Conv2d(3, 4, 3), {"input_size": (3, 6, 6), "batch_dim": 0}),
        (nn.Sequential(nn.LSTM(8, 4)), {"input_size": (5, 8), "batch_dim": 1}),
        (nn.Embedding(10, 4), {"input_size": (2, 3), "dtypes": [torch.int64]}),
        (Fn(lambda self, a, b: a + b), {"input_size": [(2, 8), (2, 8)]}),
        (
            Fn(lambda self, a, b: a + b),
            {"input_data": [torch.zeros(2, 8), torch.zeros(2, 8)]},
        ),
        (
            Fn(lambda self, a, b: a + b),
            {"input_data": {"a": torch.zeros(2, 8), "b": torch.zeros(8)}},
        ),
        (
            Fn(lambda self, pair: pair[0] + pair[1]),
            {"input_data": [(torch.zeros(2, 8), torch.zeros(2, 8))]},
        ),
        (Fn(lambda self, x, times: x * times), {"input_data": torch.zeros(2, 8), "times": 3}),
    ],
)
def test_inputs_in_every_form(model, given):
    assert_alike(summary(model, verbose=0, **given), theirs(model, **given))


@pytest.mark.peers
@pytest.mark.parametrize("case", SITUATIONS)
def test_without_input_the_rows_are_what_the_model_holds(case):
    model = SITUATIONS[case]()
    mine, tools = summary(model, verbose=0), theirs(model)
    assert mine.total_params == tools.total_params
    assert [(row.depth, row.var_name, row.num_params) for row in mine.summary_list] == [
        (row.depth, row.var_name, row.num_params) for row in tools.summary_list
    ]
    assert mine.total_mult_adds == 0


@pytest.mark.peers
def test_a_pruned_parameter_has_the_ones_of_its_mask():
    model = nn.Sequential(prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.25))
    found = summary(model, input_size=(2, 8), verbose=0)
    assert found.total_params == theirs(model, input_size=(2, 8)).total_params == 48 + 8


@pytest.mark.parametrize("name", ["resnet18", "swin_t"])
def test_the_total_is_that_of_the_convention(name):
    model, size = built(name)
    found = summary(model, input_size=size, verbose=0)
    assert (
        found.total_mult_adds
        == hookcount.count(model.eval(), torch.zeros(size)).under("torchinfo").headline
    )


def test_figures_written_out():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(128, 10, bias=False))
    found = summary(model, input_size=(2, 3, 6, 6), verbose=0)
    conv, linear = 3 * 8 * 9 + 8, 128 * 10
    assert found.total_params == found.trainable_params == conv + linear
    assert found.total_mult_adds == 2 * 4 * 4 * conv + 2 * linear
    assert found.total_output_bytes == 2 * 4 * (2 * 8 * 4 * 4 + 2 * 10)
    assert found.total_param_bytes == 4 * (conv + linear)
    assert type(found.total_mult_adds) is int


@pytest.mark.parametrize("case", IN_TURNS)
def test_a_container_that_is_called_in_parts_counts_once(case):
    make, params = IN_TURNS[case]
    model = make()
    found = summary(model, input_size=(2, 8), verbose=0)
    assert found.total_params == params == sum(each.numel() for each in model.parameters())
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert found.trainable_params == trained
    assert f"Total params: {params:,}\nTrainable params: {trained:,}\n" in str(found)


def test_a_parameter_of_two_layers_counts_twice():
    model = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    model[1].weight = model[0].weight
    assert summary(model, input_size=(2, 8), verbose=0).total_params == 2 * 64


def assert_every_parameter_counts_once(model, size):
    found = summary(model, input_size=size, verbose=0)
    assert found.total_params == sum(each.numel() for each in model.parameters())


def test_all_parameters_of_a_detector():
    detection = pytest.importorskip("torchvision").models.detection
    model = detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None, min_size=64)
    assert_every_parameter_counts_once(model, (1, 3, 64, 64))


@pytest.mark.zoo
def test_all_parameters_of_every_sixth_classifier_of_torchvision():
    models = pytest.importorskip("torchvision").models
    names = [name for name in models.list_models(module=models) if not name.startswith("regnet")]
    for name in names[::6]:
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        with torch.device("meta"):  # the constructor of a regnet reads values
            model = models.get_model(name, weights=None, **options)
        size = 299 if name == "inception_v3" else 224
        assert_every_parameter_counts_once(model, (1, 3, size, size))


@pytest.mark.zoo
def test_all_parameters_of_every_eighth_family_of_timm():
    timm = pytest.importorskip("timm")
    families = sorted(timm.list_modules())
    for family in {*families[::8], "crossvit", "twins"} - {"coat"}:
        with torch.device("meta"):
            model = timm.create_model(timm.list_models(module=family)[0])
        assert_every_parameter_counts_once(model, (1, *model.default_cfg["input_size"]))


@pytest.mark.peers
@pytest.mark.zoo
def test_blocks_of_timm_that_share_modules_as_the_tool_has_them():
    """coat's blocks share modules, and run in parts: some parameters count twice in both."""
    model = pytest.importorskip("timm").create_model("coat_lite_tiny")
    size = (1, 3, 224, 224)
    assert_alike(summary(model, input_size=size, verbose=0), theirs(model, input_size=size))


@pytest.mark.peers
def test_to_readable_is_the_tools():
    torchinfo, mine = pytest.importorskip("torchinfo"), summary(nn.Linear(8, 4), verbose=0)
    for number in (0, 999, 10**6, 123_456_789, 10**9, 5 * 10**12):
        assert mine.to_readable(number) == torchinfo.ModelStatistics.to_readable(number)
        assert mine.to_megabytes(number) == torchinfo.ModelStatistics.to_megabytes(number)


@pytest.mark.peers
def test_the_signature_is_the_tools():
    torchinfo = pytest.importorskip("torchinfo")

    def known(function):
        return [
            (each.name, each.kind, each.default)
            for each in inspect.signature(function).parameters.values()
        ]

    assert known(summary) == known(torchinfo.summary)


# -- modes, and no trace ---------------------------------------------------------------------------


def mixed():
    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(nn.BatchNorm1d(8), nn.Dropout()))
    model[1][0].eval()
    return model


def modes(model):
    return [module.training for module in model.modules()]


SEEN = []
"""A global variable, as a count puts back the variables of functions that the model holds."""


@pytest.mark.parametrize("mode", [None, "eval", "train", "same"])
def test_each_module_has_its_own_mode_again(mode):
    SEEN.clear()
    model = mixed()
    model.append(Fn(lambda self, x: SEEN.append([*modes(model)[:5]]) or x))
    before, state = modes(model), copy.deepcopy(model.state_dict())
    random = torch.get_rng_state()
    summary(model, input_size=(4, 8), mode=mode, verbose=0)
    assert modes(model) == before
    wanted = {"train": [True] * 5, "same": before[:5]}.get(mode, [False] * 5)
    assert [wanted] == SEEN
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_after_an_exception_too():
    model = mixed()
    before = modes(model)
    with pytest.raises(RuntimeError, match="mat1 and mat2|shape|size"):
        summary(model, input_size=(4, 7), verbose=0)
    assert modes(model) == before
    assert not any(module._forward_hooks for module in model.modules())


# -- the text --------------------------------------------------------------------------------------


def test_the_table_has_the_chosen_columns():
    every = (
        "kernel_size",
        "input_size",
        "output_size",
        "num_params",
        "params_percent",
        "mult_adds",
        "trainable",
    )
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Sequential(nn.ReLU()))
    text = str(
        summary(
            model, input_size=(1, 3, 6, 6), col_names=every, row_settings=("var_names",), verbose=0
        )
    )
    lines = [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()
    ]
    assert lines[1][1:] == [
        "Kernel Shape",
        "Input Shape",
        "Output Shape",
        "Param #",
        "Param %",
        "Mult-Adds",
        "Trainable",
    ]
    conv = next(line for line in lines if "Conv2d" in line[0])
    assert conv[-7:] == [
        "[3, 3]",
        "[1, 3, 6, 6]",
        "[1, 8, 4, 4]",
        "224",
        "100.00%",
        "3,584",
        "True",
    ]  # 224 = 3 * 8 * 9 + 8
    assert "Sequential (1)" in text
    assert "Total params: 224" in text
    assert "Total mult-adds (M): 0.00" in text


def test_depth_folds_rows_and_keeps_totals():
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2)))
    deep, flat = (summary(model, input_size=(1, 8), depth=depth, verbose=0) for depth in (3, 1))
    assert "Linear" in str(deep)
    assert "Linear" not in str(flat)
    assert "46" in next(
        line for line in str(flat).splitlines() if "1-1" in line
    )  # 8 * 4 + 4 + 4 * 2 + 2
    assert deep.total_params == flat.total_params == 46


def test_verbose(capsys):
    given = {"input_size": (1, 8), "col_names": ("num_params", "kernel_size")}
    assert not summary(nn.Sequential(nn.Linear(8, 4)), verbose=0, **given).formatting.verbose
    assert capsys.readouterr().out == ""
    found = summary(nn.Sequential(nn.Linear(8, 4)), verbose=1, **given)
    assert capsys.readouterr().out == f"{found}\n"
    assert "weight" not in str(found)
    found.formatting.verbose = 2
    assert "[8, 4]" in next(line for line in str(found).splitlines() if "weight" in line)


def test_recursive_rows_can_be_hidden():
    model = SITUATIONS["shared"]()
    shown, hidden = (
        str(summary(model, input_size=(1, 8), verbose=0, row_settings=settings))
        for settings in (("ascii_only",), ("hide_recursive_layers",))
    )
    assert shown.count("Linear") == 2
    assert "(recursive)" in shown
    assert shown.isascii()
    assert hidden.count("Linear") == 1


# -- what is not supported -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"cache_forward_pass": True},
        {"input_data": "abc"},
        {"input_data": torch.zeros(1, 8), "input_size": (1, 8)},
        {"input_data": torch.zeros(1, 8), "batch_dim": 0},
        {"input_size": (0, 8)},
        {"input_size": "8"},
        {"input_size": 8},
        {"input_size": (1, 8), "dtypes": [torch.float32, torch.float32]},
        {"input_size": (1, 8), "col_names": ("flops",)},
        {"input_size": (1, 8), "row_settings": ("colour",)},
        {"input_size": (1, 8), "col_width": 0},
        {"input_size": (1, 8), "verbose": 3},
        {"input_size": (1, 8), "mode": "test"},
        {"input_size": (1, 8), "device": "meta"},
        {"col_names": ("mult_adds",)},
    ],
    ids=lambda given: "-".join(given),
)
def test_refused_with_the_name_of_the_parameter(given):
    with pytest.raises(hookcount.InputError, match="To fix it") as caught:
        summary(nn.Linear(8, 4), **given)
    assert any(f"summary({name}=" in str(caught.value) for name in given)


def test_what_is_no_model():
    with pytest.raises(hookcount.ModelError):
        summary(torch.zeros(1))


def test_a_model_on_meta_needs_no_memory():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(10**6, 10**6, bias=False))
    found = summary(model, input_size=(1, 10**6), verbose=0)
    assert found.total_params == found.total_mult_adds == 10**12
    assert found.total_output_bytes == 2 * 4 * 10**6


def test_the_tool_is_not_imported():
    ask = "import sys, hookcount.compat.torchinfo; sys.exit('torchinfo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", ask]).returncode == 0
