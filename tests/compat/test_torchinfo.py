"""``hookcount.compat.torchinfo`` against torchinfo itself where it is installed, and against
products written out.
"""

import copy
import gc
import importlib
import inspect
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn.utils import prune

import hookcount
from hookcount.compat import torchinfo as door
from hookcount.compat.torchinfo import ColumnSettings, summary

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
        "inner_layers",
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


def scripted(module):
    return torch.jit.script(module)


def twice_named(module):
    module.other_weight = module.weight
    return module


class WithWeight(nn.Module):
    """A module with a child and with a parameter of its own that is called ``weight``."""

    def __init__(self, child):
        super().__init__()
        self.child, self.weight = child, nn.Parameter(torch.ones(8))

    def forward(self, x):
        return self.child(x) * self.weight


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
    "wrapped": lambda: nn.DataParallel(nn.Sequential(nn.Linear(8, 8), nn.ReLU())),
    "wrapped inside": lambda: nn.Sequential(
        nn.Linear(8, 8), nn.DataParallel(nn.Linear(8, 8)), nn.DataParallel(nn.Sequential(*pair()))
    ),
    "wrapped twice": lambda: nn.DataParallel(nn.Sequential(nn.DataParallel(nn.Linear(8, 8)))),
    "compiled": lambda: torch.compile(nn.Sequential(nn.Linear(8, 8), nn.ReLU()), backend="eager"),
    "compiled inside": lambda: nn.Sequential(
        nn.Linear(8, 8), torch.compile(nn.Sequential(*pair()), backend="eager")
    ),
    "scripted": lambda: scripted(nn.Sequential(nn.Linear(8, 8), nn.Sequential(*pair()))),
    "scripted inside": lambda: nn.Sequential(nn.Linear(8, 8), scripted(nn.Linear(8, 8)), nn.ReLU()),
    "scripted in a list": lambda: listed(nn.Linear(8, 8), scripted(nn.Sequential(*pair()))),
    "scripted in lists": lambda: Fn(
        lambda self, x: self.all[1](self.all[0][0](x)),
        all=nn.ModuleList([nn.ModuleList([scripted(nn.Linear(8, 8))]), nn.Linear(8, 8)]),
    ),
    "scripted and shared": lambda: shared(scripted(nn.Linear(8, 8))),
    "traced": lambda: torch.jit.trace(nn.Sequential(*pair()), torch.zeros(3, 5, 8)),
    "pruned": lambda: nn.Sequential(
        prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.25),
        prune.random_unstructured(nn.LSTM(8, 4), "weight_hh_l0", 0.5),
    ),
    "pruned twice": lambda: prune.l1_unstructured(
        prune.l1_unstructured(nn.Conv1d(5, 6, 3), "weight", 20), "bias", 2
    ),
    "one parameter, two names": lambda: twice_named(nn.Linear(8, 8)),
    "names of containers": lambda: WithWeight(nn.Linear(8, 8)),
    "lazy": lambda: nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.Linear(4, 2)),
    "lazy in a list": lambda: listed(nn.LazyLinear(8), nn.Sequential(nn.LazyLinear(8))),
}
COUNTED_TWICE = {
    "shared",
    *("scripted inside", "scripted in a list", "scripted in lists", "scripted and shared"),
}
"""Situations in which the tool's totals have some parameters more than once."""
NO_SCRIPT = "ignore:`torch.jit.*deprecated"
MODELS = ("resnet18", "mobilenet_v3_small", "vit_b_32", "swin_t", "convnext_tiny", "googlenet")


def built(name):
    models = pytest.importorskip("torchvision").models
    options = {"init_weights": False} if name == "googlenet" else {}
    size = 224 if name.startswith("vit") else 64
    return models.get_model(name, weights=None, **options), (2, 3, size, size)


def theirs(model, *args, **given):
    torchinfo = pytest.importorskip("torchinfo")
    importlib.import_module("torchinfo.torchinfo").clear_cached_forward_pass()
    where = {} if "input_data" in given else {"device": "cpu"}
    return torchinfo.summary(model, *args, verbose=0, **{**where, **given})


def assert_alike(mine, tools):
    for total in TOTALS:
        assert getattr(mine, total) == getattr(tools, total), total
    assert len(mine.summary_list) == len(tools.summary_list)
    for ours, wanted in zip(mine.summary_list, tools.summary_list, strict=True):
        for attribute in ROWS:
            assert getattr(ours, attribute) == getattr(wanted, attribute), (ours, attribute)
        assert len(ours.children) == len(wanted.children)
        assert ours.leftover_params() == wanted.leftover_params()
        assert ours.macs == wanted.macs
        assert str(ours) == str(wanted)
    assert_one_text(mine, tools)


def with_each_once(case, mine, tools, model):
    """The tool's statistics, with each parameter once in the totals."""
    if case in COUNTED_TWICE:
        assert mine.total_params == sum(each.numel() for each in model.parameters())
        assert tools.total_params >= mine.total_params
        tools.total_params, tools.trainable_params = mine.total_params, mine.trainable_params
    return tools


FLAGS = ("ascii_only", "show_var_name", "show_depth", "hide_recursive_layers")
LAYOUTS = [
    # verbose, max_depth, then the flags
    (1, 3, False, False, True, False),
    (2, 2, False, True, True, False),
    (1, 1, True, True, False, True),
    (2, 0, True, False, False, True),
]


def assert_one_text(mine, tools):
    """The tables are equal in each layout."""
    columns = tuple(ColumnSettings)
    for shown in (mine.formatting, tools.formatting):
        shown.col_names = columns if mine.input_size else columns[3:]
    for verbose, depth, *flags in LAYOUTS:
        for shown in (mine.formatting, tools.formatting):
            shown.verbose, shown.max_depth = verbose, depth
            vars(shown).update(zip(FLAGS, flags, strict=True))
        assert str(mine) == plain(str(tools))


def plain(text):
    """A table of the tool. From Python 3.11 on it prints a unit as ``Units.MEGABYTES``."""
    return re.sub(r"\(Units\.([MGT])[A-Z]+\)", r"(\1)", text)


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
    tools = theirs(model, input_data=tokens, mode=mode)
    assert_alike(mine, with_each_once(case, mine, tools, model))


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
    tools = with_each_once(case, mine, tools, model)
    assert mine.total_params == tools.total_params
    assert [(row.depth, row.var_name, row.num_params) for row in mine.summary_list] == [
        (row.depth, row.var_name, row.num_params) for row in tools.summary_list
    ]
    assert_one_text(mine, tools)
    assert mine.total_mult_adds == 0


def test_a_pruned_parameter_has_the_ones_of_its_mask():
    model = nn.Sequential(prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.25))
    found = summary(model, input_size=(2, 8), verbose=0)
    assert found.total_params == 48 + 8
    assert found.total_mult_adds == 2 * (48 + 8)
    assert found.total_param_bytes == 4 * (48 + 8)


def test_a_pruned_model_counts_half():
    """torchinfo's own test of pruning: 7,801,600 before, 3,957,600 with half of each weight."""
    model = nn.Sequential(
        *(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(320, 50), nn.Linear(50, 10)),
    )
    weights = 24 * 24 * 10 * 25 + 8 * 8 * 20 * 250 + 50 * 320 + 10 * 50
    biases = 24 * 24 * 10 + 8 * 8 * 20 + 50 + 10
    for index, share in ((None, 2), (0, 1)):
        for each in model if index == 0 else ():
            if hasattr(each, "weight"):
                prune.l1_unstructured(each, "weight", 0.5)
        found = summary(model, input_size=(16, 1, 28, 28), verbose=0)
        assert found.total_mult_adds == 16 * (weights * share // 2 + biases)


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
def test_all_parameters_of_every_family_of_timm():
    timm = pytest.importorskip("timm")
    families = [found for each in timm.list_modules() if (found := timm.list_models(module=each))]
    assert len(families) > 90
    for names in families:
        with torch.device("meta"):
            model = timm.create_model(names[0])
        assert_every_parameter_counts_once(model, (1, *model.default_cfg["input_size"]))


class Block(nn.Module):
    def __init__(self, shared):
        super().__init__()
        self.shared, self.own = shared, nn.Linear(8, 8)

    def forward(self, x):
        return self.own(self.shared(x))


class TwoBlocks(nn.Module):
    """Two blocks that share a module, which the tool finds in the last one."""

    def __init__(self):
        super().__init__()
        shared = nn.Linear(8, 8, bias=False)
        self.blocks = nn.ModuleList([Block(shared), Block(shared)])
        shared.requires_grad_(False)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def test_blocks_that_share_a_module_count_once():
    model = TwoBlocks()
    found = summary(model, input_size=(2, 8), verbose=0)
    assert found.total_params == sum(each.numel() for each in model.parameters()) == 64 + 2 * 72
    assert found.trainable_params == 2 * 72


@pytest.mark.peers
@pytest.mark.zoo
def test_blocks_of_timm_that_share_modules_count_once():
    """torchinfo counts some parameters of coat twice. Everything else is as in the tool."""
    model = pytest.importorskip("timm").create_model("coat_lite_tiny")
    size = (1, 3, 224, 224)
    found, tools = summary(model, input_size=size, verbose=0), theirs(model, input_size=size)
    assert found.total_params == sum(each.numel() for each in model.parameters())
    assert tools.total_params > found.total_params
    tools.total_params, tools.trainable_params = found.total_params, found.trainable_params
    assert_alike(found, tools)


@pytest.mark.peers
def test_numbers_in_units_are_the_tools():
    torchinfo, mine = pytest.importorskip("torchinfo"), door.ModelStatistics
    tools = torchinfo.ModelStatistics
    for number in (0, 999, 1500, 10**6, 123_456_789, 10**9, 5 * 10**12):
        assert mine.to_megabytes(number) == tools.to_megabytes(number)
        assert mine.float_to_megabytes(number) == tools.float_to_megabytes(number)
        for unit in torchinfo.Units:
            assert mine.to_readable(number, unit) == tools.to_readable(number, unit)
            shown = plain(tools.format_output_num(number, unit))
            assert mine.format_output_num(number, unit.value) == shown


@pytest.mark.peers
@pytest.mark.parametrize(
    ("name", "private"),
    [
        ("", set()),
        ("enums", set()),
        ("formatting", set()),
        ("layer_info", {"calculate_size", "get_param_count", "nested_list_size", "rgetattr"}),
        ("model_statistics", set()),
        ("torchinfo", set()),
    ],
)
def test_the_names_of_its_modules(name, private):
    """Each function and class of a module has its name here, and so have their members."""
    pytest.importorskip("torchinfo")
    tools = importlib.import_module(f"torchinfo.{name}".rstrip("."))
    mine = importlib.import_module(f"hookcount.compat.torchinfo.{name}".rstrip("."))
    public = {"torchinfo": ("summary", "clear_cached_forward_pass"), "layer_info": ("LayerInfo",)}
    for each in public.get(name, getattr(tools, "__all__", dir(tools))):
        theirs = getattr(tools, each)
        if getattr(theirs, "__module__", "").startswith("torchinfo"):
            ours = getattr(mine, each)
            assert callable(ours) or list(ours) == list(theirs)


def test_its_enums():
    assert door.__version__ == "1.8.0"
    assert [each.value for each in door.Mode] == ["train", "eval", "same"]
    assert [int(each) for each in door.Verbosity] == [0, 1, 2]
    assert [each.value for each in door.RowSettings] == [
        "depth",
        "var_names",
        "ascii_only",
        "hide_recursive_layers",
    ]
    found, plain_words = (
        summary(
            nn.Linear(8, 4),
            (2, 8),
            col_names=[column if enum else column.value for column in door.ColumnSettings],
            row_settings=[each if enum else each.value for each in door.RowSettings],
            mode=door.Mode.EVAL if enum else "eval",
            verbose=door.Verbosity.QUIET if enum else 0,
        )
        for enum in (True, False)
    )
    assert str(found) == str(plain_words)
    assert set(found.formatting.col_names) == set(door.ColumnSettings)


@pytest.mark.parametrize(
    ("unit", "params", "macs"),
    [
        ("", ": 36", ": 72"),  # 8 * 4 + 4, twice
        ("M", " (M): 0.00", " (M): 0.00"),
        (door.Units.AUTO, " (M): 0.00", " (M): 0.00"),
        (door.Units.TERABYTES, " (T): 0.00", " (T): 0.00"),
    ],
)
def test_units_can_be_chosen_after_the_run(unit, params, macs):
    found = summary(nn.Linear(8, 4), (2, 8), verbose=0)
    found.formatting.params_units = found.formatting.macs_units = unit
    assert f"Total params{params}\n" in str(found)
    assert f"Total mult-adds{macs}\n" in str(found)


@pytest.mark.peers
def test_the_signature_is_the_tools():
    torchinfo = pytest.importorskip("torchinfo")

    def known(function):
        return [
            (each.name, each.kind, each.default)
            for each in inspect.signature(function).parameters.values()
        ]

    assert known(summary) == known(torchinfo.summary)


# -- the forms that people write -------------------------------------------------------------------


def image_net():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(128, 10))


CONV, HEAD = 3 * 8 * 9 + 8, 128 * 10 + 10
IMAGE = (CONV + HEAD, CONV * 16 + HEAD)  # for one image of 6 x 6
LOADED = {"images": torch.zeros(2, 3, 6, 6)}
FORMS = {
    # form: model, arguments, keyword arguments, its parameters, its MACs
    "no input": (image_net, (), {}, IMAGE[0], 0),
    "size by position": (image_net, ((2, 3, 6, 6),), {}, IMAGE[0], 2 * IMAGE[1]),
    "size as a list": (image_net, (), {"input_size": [2, 3, 6, 6]}, IMAGE[0], 2 * IMAGE[1]),
    "size in a list": (image_net, (), {"input_size": [(2, 3, 6, 6)]}, IMAGE[0], 2 * IMAGE[1]),
    "size in a tuple": (image_net, (), {"input_size": ((2, 3, 6, 6),)}, IMAGE[0], 2 * IMAGE[1]),
    "size of a tensor": (
        image_net,
        (),
        {"input_size": LOADED["images"].shape},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "size of numpy's ints": (
        image_net,
        (),
        {"input_size": tuple(np.array([2, 3, 6, 6]))},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "without the batch": (
        image_net,
        ((3, 6, 6),),
        {"batch_dim": 0, "device": "cpu"},
        IMAGE[0],
        IMAGE[1],
    ),
    "a tensor": (image_net, (), {"input_data": LOADED["images"]}, IMAGE[0], 2 * IMAGE[1]),
    "a list of a tensor": (
        image_net,
        (),
        {"input_data": [LOADED["images"]]},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "keyword arguments": (
        lambda: Fn(lambda self, images: self.net(images), net=image_net()),
        (),
        {"input_data": LOADED},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "an array of numpy": (
        lambda: Fn(lambda self, x: self.net(torch.from_numpy(x)).numpy(), net=image_net()),
        (),
        {"input_data": LOADED["images"].numpy()},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "arrays of numpy": (
        lambda: Fn(lambda self, x, y: self.net(torch.from_numpy(x + y)), net=image_net()),
        (),
        {"input_data": [LOADED["images"].numpy(), np.zeros(1, np.float32)]},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "ids": (
        lambda: nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 4)),
        (),
        {"input_size": (2, 5), "dtypes": [torch.long]},
        20 * 8 + 36,
        2 * (20 * 8 + 36),
    ),
    "ids, old type": (
        lambda: nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 4)),
        (),
        {"input_size": (2, 5), "dtypes": [torch.LongTensor]},
        20 * 8 + 36,
        2 * (20 * 8 + 36),
    ),
    "half precision": (
        lambda: nn.Linear(8, 4).half(),
        (),
        {"input_size": (2, 8), "dtypes": [torch.float16]},
        36,
        2 * 36,
    ),
    "other arguments of forward": (
        lambda: Fn(lambda self, x, times, flip=False: self.net(x) * times, net=nn.Linear(8, 4)),
        ((2, 8),),
        {"times": 3, "flip": True},
        36,
        2 * 36,
    ),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(10)),
        ((2, 3, 6, 6),),
        {},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "lazy without input": (lambda: nn.Sequential(nn.LazyLinear(4), nn.Linear(8, 4)), (), {}, 36, 0),
    "wrapped": (lambda: nn.DataParallel(image_net()), ((2, 3, 6, 6),), {}, IMAGE[0], 2 * IMAGE[1]),
    "compiled": (
        lambda: torch.compile(image_net(), backend="eager"),
        ((2, 3, 6, 6),),
        {},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "frozen": (
        lambda: image_net().requires_grad_(False),
        ((2, 3, 6, 6),),
        {"mode": "train"},
        IMAGE[0],
        2 * IMAGE[1],
    ),
    "kept between calls": (
        image_net,
        ((2, 3, 6, 6),),
        {"cache_forward_pass": True},
        IMAGE[0],
        2 * IMAGE[1],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form(form, capsys):
    make, args, given, params, macs = FORMS[form]
    found = summary(make(), *args, **given)
    assert capsys.readouterr().out == f"{found}\n"
    assert (found.total_params, found.total_mult_adds) == (params, macs)


@pytest.mark.peers
@pytest.mark.parametrize("form", [form for form in FORMS if form != "size of numpy's ints"])
def test_each_form_as_the_tool_has_it(form):
    make, args, given, _, _ = FORMS[form]
    tools = theirs(make(), *args, **given)
    mine = summary(make(), *args, verbose=0, **given)
    assert (mine.total_params, mine.total_mult_adds) == (tools.total_params, tools.total_mult_adds)
    assert (mine.total_input, mine.input_size) == (tools.total_input, tools.input_size)
    assert str(mine) == plain(str(tools))


class Scales(nn.Module):
    """Takes a tensor, and numbers at several places."""

    def forward(self, x, factor=1, more=(), size=()):
        return x["a"] * factor if isinstance(x, dict) else x * factor


NUMBERS = {
    "by name": ({"x": torch.zeros(2, 8), "factor": 5}, 5),
    "by position": ([torch.zeros(2, 8), 5], 5),
    "a float": ({"x": torch.zeros(2, 8), "factor": 0.5}, 0.5),
    "a bool": ({"x": torch.zeros(2, 8), "factor": True}, 1),
    "in a list": ({"x": torch.zeros(2, 8), "more": [1, 2, [3]]}, 6),
    "in a dict": ({"x": {"a": torch.zeros(2, 8), "b": 7}}, 7),
    "a size": ({"x": torch.zeros(2, 8), "size": torch.Size((3, 4))}, 7),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_among_the_inputs_counts_as_bytes(case):
    given, more = NUMBERS[case]
    alone = summary(Scales(), input_data=[torch.zeros(2, 8)], verbose=0).total_input
    assert summary(Scales(), input_data=given, verbose=0).total_input == alone + more


@pytest.mark.peers
@pytest.mark.parametrize("case", NUMBERS)
def test_a_number_among_the_inputs_as_in_the_tool(case):
    given, _ = NUMBERS[case]
    mine, tools = summary(Scales(), input_data=given, verbose=0), theirs(Scales(), input_data=given)
    assert mine.total_input == tools.total_input
    assert str(mine) == plain(str(tools))


def test_nothing_is_kept_between_calls():
    given = {"input_size": (2, 8), "cache_forward_pass": True, "verbose": 0}
    assert summary(nn.Linear(8, 4), **given).total_params == 36
    assert summary(nn.Linear(8, 2), **given).total_params == 18


@pytest.mark.peers
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_of_the_batch_is_shown_as_one(axis):
    model = Fn(
        lambda self, x: {"a": self.lstm(x), "b": self.linear(input=x)},
        lstm=nn.LSTM(8, 4),
        linear=nn.Linear(8, 4),
    )
    for given in (
        {"input_data": torch.zeros(3, 5, 8)},
        {"input_size": tuple(np.delete([3, 5, 8], axis).tolist())},
    ):
        if axis == 2 and "input_size" in given:
            model.lstm, model.linear = nn.LSTM(1, 4), nn.Linear(1, 4)
        mine = summary(model, batch_dim=axis, verbose=0, **given)
        tools = theirs(model, batch_dim=axis, **given)
        for ours, wanted in zip(mine.summary_list, tools.summary_list, strict=True):
            assert ours.input_size == wanted.input_size
            assert ours.output_size == wanted.output_size
            assert ours.output_bytes == wanted.output_bytes
            assert ours.macs == wanted.macs


def test_the_size_of_an_array():
    model = Fn(lambda self, x: (self.net(x).numpy().astype("float64"), x), net=nn.Linear(8, 4))
    root, linear = summary(model, (2, 8), verbose=0).summary_list
    assert (root.output_size, root.output_bytes) == ([2, 4], 2 * 4 * 8)
    assert (linear.output_size, linear.output_bytes) == ([2, 4], 2 * 4 * 4)


# -- the rows --------------------------------------------------------------------------------------


def test_a_row_holds_its_module_weakly():
    model = nn.Sequential(nn.Linear(8, 4))
    found = summary(model, (2, 8), verbose=0)
    assert [row.module for row in found.summary_list] == [model, model[0]]
    assert [str(row) for row in found.summary_list] == ["Sequential: 0", "Linear: 1"]
    loaded = pickle.loads(pickle.dumps(found))
    assert [row.module for row in loaded.summary_list] == [None, None]
    assert str(loaded) == str(found)
    del model
    gc.collect()
    assert [row.module for row in found.summary_list] == [None, None]


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_modules_of_torchscript_come_first_and_without_a_call():
    model = nn.Sequential(nn.Linear(8, 8), torch.jit.script(nn.Linear(8, 4)))
    found = summary(model, (2, 8), verbose=0)
    assert [(row.var_name, row.executed) for row in found.summary_list] == [
        ("1", False),
        ("Sequential", True),
        ("0", True),
    ]
    assert found.total_mult_adds == 2 * (8 * 8 + 8)
    assert found.total_output_bytes == 2 * 4 * 2 * 8
    assert found.total_param_bytes == 4 * (8 * 8 + 8 + 8 * 4 + 4)


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
        {"input_data": "abc"},
        {"input_data": torch.zeros(1, 8), "input_size": (1, 8)},
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


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"input_size": "hello"}, TypeError),
        ({"input_size": {0: 1}}, TypeError),
        ({"input_size": 8}, TypeError),
        ({"input_size": (8, "a")}, TypeError),
        ({"input_size": (2.5, 8)}, TypeError),
        ({"input_size": [(8, 0)]}, ValueError),
        ({"input_size": ()}, ValueError),
        ({"input_size": (1, 8), "input_data": torch.zeros(1, 8)}, RuntimeError),
        ({"verbose": 4}, ValueError),
        ({"col_width": 0}, ValueError),
        ({"col_names": ("invalid",)}, ValueError),
        ({"row_settings": ("invalid",)}, ValueError),
        ({"col_names": ("output_size",)}, ValueError),
        ({"mode": "invalid"}, ValueError),
    ],
)
def test_the_type_of_an_error(given, kind):
    with pytest.raises(kind, match="To fix it"):
        summary(nn.Linear(8, 4), **given)


@pytest.mark.peers
@pytest.mark.parametrize("given", ["hello", {0: 1}, 8, (2.5, 8), [(8, 0)], ()])
def test_the_type_of_an_error_is_that_of_the_tool(given):
    with pytest.raises((TypeError, ValueError)) as caught:
        theirs(nn.Linear(8, 4), input_size=given)
    with pytest.raises(caught.type):
        summary(nn.Linear(8, 4), input_size=given)


class Own:
    """A value that has no size."""


@pytest.mark.parametrize("out", ["text", 3, Own, Own()])
def test_an_output_without_a_size(out):
    model = Fn(lambda self, x: self.inner(x), inner=Fn(lambda self, x: out))
    with pytest.raises(RuntimeError, match=r"(?s)'inner'.*has no size.*To fix it"):
        summary(model, input_size=(2, 8), verbose=0)


@pytest.mark.peers
@pytest.mark.parametrize("out", ["text", 3, Own, Own(), None, [], (None,), np.zeros(3), [Own()]])
def test_outputs_that_the_tool_takes(out):
    model = Fn(lambda self, x: [self.inner(x)], inner=Fn(lambda self, x: out))
    try:
        sizes = [row.output_size for row in theirs(model, input_size=(2, 8)).summary_list]
    except (RuntimeError, IndexError):
        with pytest.raises(RuntimeError):
            summary(model, input_size=(2, 8), verbose=0)
    else:
        rows = summary(model, input_size=(2, 8), verbose=0).summary_list
        assert [row.output_size for row in rows] == sizes


def test_an_exception_of_the_model_is_the_cause():
    def fails(self, x):
        raise KeyError("what it said")

    with pytest.raises(RuntimeError, match="what it said") as caught:
        summary(Fn(fails), input_size=(2, 8))
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.peers
@pytest.mark.parametrize("given", [{"input_data": np.zeros((2, 8))}, {"input_data": {"z": 3}}])
def test_an_exception_that_the_arguments_explain_has_the_tools_type(given):
    """An array where a tensor must be, and a wrong name."""
    for function in (theirs, summary):
        with pytest.raises(RuntimeError) as caught:
            function(nn.Linear(8, 4), **given)
        assert isinstance(caught.value.__cause__, TypeError)


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
