"""``hookcount.compat.ultralytics_thop`` against products written out, and against the tool itself
where ``PEERS_DIR`` has it.
"""

import copy
import importlib
import inspect
import sys

import pytest
import torch
from helpers import apart
from torch import nn

import hookcount
from hookcount.compat.ultralytics_thop import clever_format, profile, profile_origin
from hookcount.compat.ultralytics_thop.rules import register_hooks

X = torch.zeros(2, 5, 8)
LINEAR, SQUARE = 10 * 8 * 8, 2 * 5 * 5 * 8
"""Ten rows through a square layer; five rows with each of five, in two samples."""


class Inner(nn.Module):
    """Two products of functions, of 2 x 5 x 5 x 8 each."""

    def forward(self, x):
        return torch.bmm(x, x.mT) @ x


class Gram(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear, self.inner, self.unused = nn.Linear(8, 8), Inner(), nn.Linear(3, 2)

    def forward(self, x):
        x = self.linear(x)
        return self.inner(x) @ x.mT


class Sub(Gram):
    pass


class Called(nn.Module):
    """A function as the model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Late(nn.Module):
    """A layer that the first forward makes."""

    def forward(self, x):
        self.layer = nn.Linear(8, 3)
        return self.layer(x)


V, W = torch.zeros(8), torch.zeros(8, 3)
FUNCTIONS = {
    # what runs on ten rows of 8, and its MACs
    "a vector": (lambda x: x @ V, 10 * 8),
    "a vector, by name": (lambda x: torch.matmul(x[0], V), 5 * 8),
    "two vectors": (lambda x: V @ V, 8),
    "a linear with a vector": (lambda x: nn.functional.linear(x, V), 10 * 8),
    "an operator": (lambda x: x @ W, 10 * 8 * 3),
    "einsum": (lambda x: torch.einsum("bld,de->ble", x, W), 10 * 8 * 3),
    "mm": (lambda x: torch.mm(x[0], W), 0),
    "mv": (lambda x: x[0].mv(V) + torch.mv(x[0], V), 0),
    "dot": (lambda x: torch.dot(V, V) + V.dot(V) + torch.inner(V, V), 0),
    "tensordot": (lambda x: torch.tensordot(x, W, dims=1), 0),
    "inner": (lambda x: torch.inner(x, V), 0),
    "multi_dot": (lambda x: torch.linalg.multi_dot([x[0], W, W.T]), 0),
    "linalg": (lambda x: torch.linalg.matmul(x, W), 0),
    "a power": (lambda x: torch.matrix_power(x[:, :, :5], 3), 0),
    "a covariance": (lambda x: torch.cov(x[0]), 0),
    "a cell": (lambda x: torch.gru_cell(x[0], x[1], *[torch.zeros(24, 8)] * 2), 0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_functions_that_the_tool_sees(name):
    function, macs = FUNCTIONS[name]
    assert profile(Called(function), (X,), verbose=False) == (macs, 0)
    assert hookcount.count(Called(function), X).under("ultralytics").headline == macs


def test_a_layer_that_the_forward_adds_counts_as_a_function():
    model = Late()
    assert profile(model, (X,), verbose=False) == (10 * 8 * 3, 0)
    assert not list(model.children())


def test_a_wrapper_is_a_layer_around_the_module_inside():
    linear = {"0": (LINEAR, 72.0, {})}
    model = nn.DataParallel(nn.Sequential(nn.Linear(8, 8)))
    assert profile(model, (X,), None, False, True)[2] == {"module": (LINEAR, 72.0, linear)}
    model = nn.Sequential(model, nn.Softmax(-1))
    softmax = 10 * (3 * 8 - 1)
    assert profile(model, (X,), None, False, True) == (
        *(LINEAR + softmax, 72.0),
        {"0": (LINEAR, 72.0, {"module": (LINEAR, 72.0, linear)}), "1": (softmax, 0.0, {})},
    )


class Table(nn.Embedding):
    """A product in a module whose class has a rule."""

    def forward(self, x):
        return x @ self.weight.T


def test_a_rule_for_a_base_is_not_for_classes_with_a_nearer_one():
    """The rule for all modules is for ``Gram`` and ``Inner``, not for the two linear layers."""
    rules = {nn.Module: counts_seven}
    assert profile(Gram(), (X,), rules, verbose=False)[0] == LINEAR + 7 * 80 + 7 * 50
    assert profile(Sub(), (X,), {Gram: counts_seven}, verbose=False)[0] == LINEAR + 7 * 50
    assert profile(Table(3, 8), (X,), verbose=False)[0] == 0  # its rule pays for functions


def test_a_changed_list_of_hooks(monkeypatch):
    monkeypatch.setitem(register_hooks, Inner, counts_seven)
    assert profile(Gram(), (X,), verbose=False)[0] == LINEAR + 7 * 80 + SQUARE
    monkeypatch.delitem(register_hooks, nn.Linear)
    # the layer's product is that of a function then
    assert profile(Gram(), (X,), verbose=False)[0] == LINEAR + 7 * 80 + SQUARE
    assert profile_origin(Gram(), (X,), verbose=False)[0] == 7 * 80


class Shared(nn.Module):
    """A softmax that two parts hold."""

    def __init__(self):
        super().__init__()
        softmax = nn.Softmax(-1)
        self.a = nn.Sequential(nn.Linear(8, 8), softmax)
        self.b = nn.Sequential(nn.Linear(8, 8), softmax)

    def forward(self, x):
        return self.b(self.a(x))


PARAMS = (64 + 8) + (6 + 2)


def counts_seven(module, x, y):
    module.total_ops += 7 * y.numel()


def counts_a_tensor(module, x, y):
    module.total_ops += torch.DoubleTensor([100.0])


RULES = {
    # the rules, and the MACs of modules and of functions
    "none": ({}, LINEAR, 3 * SQUARE),
    "for a module": ({Gram: counts_seven}, LINEAR + 7 * 50, 0),
    "in a tensor": ({Gram: counts_a_tensor}, LINEAR + 100, 0),
    "for one beneath": ({Inner: counts_seven}, LINEAR + 7 * 80, SQUARE),
    "none for the tool's": ({nn.Linear: None}, 0, LINEAR + 3 * SQUARE),
    "instead of the tool's": ({nn.Linear: counts_seven}, 7 * 80, 3 * SQUARE),
}


@pytest.mark.parametrize("case", RULES)
@pytest.mark.parametrize("model", [Gram, Sub])
def test_rules_of_ones_own(case, model):
    rules, modules, functions = RULES[case]
    found = profile(model(), inputs=(X,), custom_ops=rules, verbose=False)
    assert found == (modules + functions, PARAMS)
    assert [type(each) for each in found] == [float, float]
    origin = profile_origin(model(), inputs=(X,), custom_ops=rules, verbose=False)
    assert origin == (modules, PARAMS)


def test_layers_have_the_work_of_modules():
    _, _, layers = profile(Gram(), (X,), None, False, True)
    assert layers == {
        "linear": (LINEAR, 72.0, {}),
        "inner": (0.0, 0.0, {}),
        "unused": (0.0, 8.0, {}),
    }


def test_a_module_that_two_others_hold_counts_once():
    softmax = 2 * 10 * (3 * 8 - 1)  # two calls of ten rows
    macs, _, layers = profile(Shared(), (X,), None, False, True)
    assert macs == 2 * LINEAR + softmax
    assert [layers[name][0] for name in "ab"] == [LINEAR + softmax, LINEAR]
    assert layers["b"][2]["1"] == (softmax, 0.0, {})


def test_a_stride_gives_the_figure_of_the_image():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.AdaptiveAvgPool2d(1))
    image = torch.zeros(1, 3, 64, 96)
    macs = 64 * 96 * 4 * 27 + 4 * 64 * 96 + 4
    assert profile(model, (image,), verbose=False, stride=32, min_cells=2) == (macs, 4 * 27)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"inputs": X}, "inputs=.*Tensor is no sequence"),
        ({"stride": 0}, "stride=0.*no stride"),
        ({"stride": (1, 2, 3)}, "stride=.*no stride"),
        ({"stride": 32, "min_cells": 0}, "min_cells=0"),
        ({"stride": 32}, "a stride is for one image tensor"),
        ({"custom_ops": {Gram: 3}}, "3 is no function"),
        ({"custom_ops": [Gram]}, "list is no dict"),
    ],
)
def test_a_wrong_option_is_named(options, what):
    with pytest.raises(hookcount.InputError, match=what + ".*To fix it"):
        profile(**{"model": Gram(), "inputs": (X,), "verbose": False, **options})


def test_what_is_printed(capsys):
    model = nn.Sequential(nn.Linear(8, 8), Inner())
    rules = {nn.Linear: counts_seven}
    profile(model, (X,), rules, report_missing=True)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("[INFO] Linear: counts_seven (")
    assert second.startswith("[WARN] Inner: no rule.")
    profile(model, (X,), rules)
    assert capsys.readouterr().out.splitlines() == [first]
    profile(model, (X,), verbose=False)
    assert not capsys.readouterr().out


NUMBERS = (0, 1, 999, 1000, -5e6, 1e6, 123456789, 1e9, 1e12, 1.5e15)


def test_numbers_in_units():
    assert clever_format([1000, 999.5, -2e6]) == ("1.00K", "999.50B", "-2.00M")
    assert clever_format([1e9]) == "1.00G"


# -- the tool, in a process of its own: thop has the same import name ------------------------------


def against_the_tool():
    """Ends with a message that names each thing in which the tool does otherwise."""
    import thop
    from torchvision import models

    wrong = []
    for mine, theirs in ((profile, thop.profile), (profile_origin, thop.profile_origin)):
        signatures = [list(inspect.signature(each).parameters.values()) for each in (mine, theirs)]
        found, expected = [[(each.name, each.default) for each in one] for one in signatures]
        if found != expected:
            wrong.append(f"signature of {mine.__name__}")
    cases = [(model(), (X,), rules) for model in (Gram, Sub) for rules, *_ in RULES.values()]
    cases += [
        (Shared(), (X,), {}),
        (nn.LSTM(8, 4, 2), (X,), {}),
        (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (X,), {}),
    ]
    cases += [(Called(function), (X,), {}) for function, _ in FUNCTIONS.values()]
    cases += [
        (nn.DataParallel(Gram()), (X,), {}),
        (nn.Sequential(nn.DataParallel(Gram())), (X,), {}),
        (Table(3, 8), (X,), {}),
        (Gram(), (X,), {nn.Module: counts_seven}),
    ]
    names = ("resnet18", "mobilenet_v3_small", "swin_t", "convnext_tiny")
    cases += [(models.get_model(name), (torch.zeros(1, 3, 64, 64),), {}) for name in names]
    cases.append((models.vit_b_32(image_size=64), (torch.zeros(2, 3, 64, 64),), {}))
    for model, inputs, rules in cases:
        found = profile(model, inputs, rules, False, True)
        expected = thop.profile(copy.deepcopy(model), inputs, rules, False, True)
        origin = profile_origin(model, inputs, rules, False)
        if found != expected or origin != thop.profile_origin(model, inputs, rules, False):
            wrong.append(f"{type(model).__name__}: {found[:2]} for {expected[:2]}")
    listed = importlib.import_module("thop.profile").register_hooks
    wrong += [f"register_hooks: {cls}" for cls in listed.keys() ^ register_hooks.keys()]
    wrong += [
        f"clever_format({numbers})"
        for numbers in (*NUMBERS, list(NUMBERS), ())
        if clever_format(numbers) != thop.clever_format(numbers)
    ]
    sys.exit("; ".join(wrong) or 0)


@pytest.mark.peers
def test_as_the_tool_itself():
    apart.ask("ultralytics-thop", __file__, against_the_tool)
