"""``hookcount.compat.mmengine`` against products written out."""

import logging
from collections import Counter

import pytest
import torch
from torch import nn

import hookcount
from hookcount.compat.fvcore import flop_count_str, parameter_count_table
from hookcount.compat.mmengine import (
    ActivationAnalyzer,
    FlopAnalyzer,
    activation_count,
    flop_count,
    get_model_complexity_info,
    parameter_count,
)
from hookcount.compat.mmengine import parameter_count_table as rich_parameter_count_table
from hookcount.compat.mmengine.complexity_analysis import _DEFAULT_SUPPORTED_FLOP_OPS
from hookcount.compat.mmengine.jit_analysis import _IGNORED_OPS, JitModelAnalysis
from hookcount.compat.mmengine.jit_handles import conv_flop_jit
from hookcount.compat.mmengine.print_helper import (
    _format_size,
    complexity_stats_str,
    complexity_stats_table,
    is_tuple_of,
)

IMAGE = torch.zeros(1, 3, 6, 6)
OUTPUTS = 8 * 4 * 4
CONV, NORM = OUTPUTS * 27, 2 * OUTPUTS


@pytest.fixture(autouse=True)
def silent(caplog):
    caplog.set_level(logging.ERROR)


def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()


class Adds(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(5, 6), nn.Linear(7, 6)

    def forward(self, x, y, scale=1):
        return scale * self.left(x) + self.right(y)


def test_each_figure_is_a_number_and_a_text():
    info = get_model_complexity_info(small(), (3, 6, 6))
    assert list(info) == [
        *("flops", "flops_str", "activations", "activations_str", "params", "params_str"),
        *("out_table", "out_arch"),
    ]
    assert info["flops"] == CONV + NORM
    assert info["flops_str"] == f"{(CONV + NORM) / 1000}K"
    assert (info["activations"], info["activations_str"]) == (OUTPUTS, "0.128K")
    assert (info["params"], info["params_str"]) == (8 * 27 + 8 + 16, "0.24K")


@pytest.mark.parametrize(
    "given",
    [
        {"input_shape": ((9, 5), (9, 7))},
        {"inputs": (torch.zeros(1, 9, 5), torch.zeros(1, 9, 7))},
        {"inputs": (torch.zeros(1, 9, 5), torch.zeros(1, 9, 7), 0.3)},
    ],
)
def test_several_inputs(given):
    info = get_model_complexity_info(Adds(), **given)
    assert info["flops"] == 9 * 5 * 6 + 9 * 7 * 6
    assert info["activations"] == 2 * 9 * 6


@pytest.mark.parametrize("inputs", [IMAGE, (IMAGE,)])
def test_one_tensor_may_be_alone(inputs):
    assert get_model_complexity_info(small(), inputs=inputs)["flops"] == CONV + NORM


def test_training_mode_is_that_of_the_model():
    """With the statistics of the batch a norm costs 5 for each output."""
    info = get_model_complexity_info(small().train(), (3, 6, 6))
    assert info["flops"] == CONV + 5 * OUTPUTS


def test_the_table_and_the_text_are_on_demand():
    info = get_model_complexity_info(small(), (3, 6, 6), show_table=False, show_arch=False)
    assert (info["out_table"], info["out_arch"]) == ("", "")


def test_the_table():
    info = get_model_complexity_info(nn.Linear(8, 4), (8,))
    assert info["out_table"].splitlines() == [
        "",
        "+---------+----------------------+--------+--------------+",
        "| module  | #parameters or shape | #flops | #activations |",
        "+---------+----------------------+--------+--------------+",
        "| model   | 36                   | 32     | 4            |",
        "|  weight |  (4, 8)              |        |              |",
        "|  bias   |  (4,)                |        |              |",
        "+---------+----------------------+--------+--------------+",
    ]


def test_a_wide_table_takes_the_width_of_the_terminal(monkeypatch):
    model = nn.Sequential()
    model.add_module("a_module_with_a_name_that_is_longer_than_most", nn.Linear(8, 4))
    for columns in (60, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        table = get_model_complexity_info(model, (8,))["out_table"]
        assert max(map(len, table.splitlines())) <= columns
    assert "a_module_with_a_name_that_is_longer_than_most" in table


def test_the_text_of_the_model():
    model = small()
    info = get_model_complexity_info(model, (3, 6, 6))
    flops, activations = FlopAnalyzer(model, IMAGE), ActivationAnalyzer(model, IMAGE)
    assert info["out_arch"] == f"\n{flop_count_str(flops, activations)}"
    assert info["out_arch"] == f"\n{complexity_stats_str(flops, activations)}"
    assert "#params: 0.24K, #flops: 3.71K, #acts: 0.13K" in info["out_arch"]


def test_the_table_without_activations_and_shapes():
    table = complexity_stats_table(FlopAnalyzer(small(), IMAGE), show_param_shapes=False)
    cells = [[each.strip() for each in line.split("|")[1:-1]] for line in table.splitlines()]
    assert [row for row in cells if row] == [
        ["module", "#parameters", "#flops"],
        ["model", "0.24K", "3.712K"],
        ["0", "0.224K", "3.456K"],
        ["1", "16", "0.256K"],
    ]


@pytest.mark.parametrize(
    "given",
    [{}, {"input_shape": (3, 6, 6), "inputs": IMAGE}, {"input_shape": 3}, {"input_shape": [3, 6]}],
)
def test_one_of_shape_and_inputs(given):
    with pytest.raises(ValueError, match="To fix it") as caught:
        get_model_complexity_info(small(), **given)
    assert isinstance(caught.value, hookcount.InputError)


def test_the_form_of_mmdetection():
    """Its script averages over images, and makes a text by a private function of the tool."""
    flops = [
        get_model_complexity_info(
            small(), None, inputs=IMAGE.repeat(batch, 1, 1, 1), show_table=False, show_arch=False
        )["flops"]
        for batch in (1, 3)
    ]
    assert _format_size(int(sum(flops) / 2)) == f"{2 * (CONV + NORM) / 1000}K"


def test_the_form_of_vision_mamba():
    """It has handles of its own, and the imports of the tool's function."""
    assert is_tuple_of((3, 6, 6), int)
    assert not is_tuple_of([3, 6, 6], int)
    assert "aten::relu_" in _IGNORED_OPS
    flops = FlopAnalyzer(small(), IMAGE).set_op_handle(**{"aten::relu": None, "aten::silu": None})
    table = complexity_stats_table(flops=flops, show_param_shapes=True)
    assert "(8, 3, 3, 3)" in table
    assert _format_size(flops.total()) == "3.712K"


def test_random_numbers_stay():
    model, before = small(), torch.get_rng_state()
    get_model_complexity_info(model, (3, 6, 6))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_without_parameters():
    assert get_model_complexity_info(nn.AdaptiveAvgPool2d(1), (3, 6, 6))["flops"] == 3 * 36


def test_on_meta():
    with torch.device("meta"):
        model = small()
    assert get_model_complexity_info(model, (3, 6, 6))["flops"] == CONV + NORM


def test_the_analyzers():
    flops = FlopAnalyzer(small(), IMAGE)
    assert flops.by_operator() == Counter(conv=CONV, batch_norm=NORM)
    assert flops.by_module() == {"": CONV + NORM, "0": CONV, "1": NORM, "2": 0}
    assert ActivationAnalyzer(small(), (IMAGE,)).by_module()["0"] == OUTPUTS
    assert flop_count(small(), (IMAGE,))[0] == {"conv": CONV / 1e9, "batch_norm": NORM / 1e9}
    assert activation_count(small(), (IMAGE,))[0] == {"conv": OUTPUTS / 1e6}
    assert parameter_count(small())["0"] == 8 * 27 + 8


def test_handles():
    flops = FlopAnalyzer(small(), IMAGE).set_op_handle("aten::relu_", None)
    flops.set_op_handle("aten::batch_norm", lambda inputs, outputs: 7)
    assert flops.total() == CONV + 7
    bare = JitModelAnalysis(small(), IMAGE).set_op_handle("aten::_convolution", conv_flop_jit)
    assert bare.total() == CONV
    assert _DEFAULT_SUPPORTED_FLOP_OPS["aten::_convolution"] is conv_flop_jit


@pytest.mark.parametrize(
    ("left", "right", "figure"),
    [((20, 10), (10,), 200), ((10,), (10, 7), 70), ((10,), (10,), 10), ((2, 3, 4), (4,), 24)],
)
def test_products_with_a_vector_count(left, right, figure):
    """Here mmengine differs from fvcore, which stops with an assertion."""

    class Product(nn.Module):
        def forward(self, x, y):
            return torch.matmul(x, y)

    assert FlopAnalyzer(Product(), (torch.zeros(left), torch.zeros(right))).total() == figure


def test_the_table_of_parameters():
    table = rich_parameter_count_table(small(), max_depth=2)
    assert "parameter count of Sequential" in table.splitlines()[0]
    cells = [[each.strip() for each in line.split("|")[1:-1]] for line in table.splitlines()[1:]]
    markdown = parameter_count_table(small(), max_depth=2).splitlines()
    rows = [[each.strip() for each in line.split("|")[1:-1]] for line in markdown]
    assert [row for row in cells if row] == [rows[0], *rows[2:]]
