"""The names that public code imports from the modules of other tools are in the same modules of the
doors. Each tool is asked in a process of its own.
"""

import contextlib
import importlib
import io
import warnings

import pytest
from helpers import apart
from torch import nn

from hookcount.compat.thop import utils
from hookcount.compat.thop.vision import calc_func
from hookcount.compat.ultralytics_thop.vision import calc_func as ultralytics_calc_func

NOT_OFFERED = {
    # the tool's own raises TypeError: it calls calculate_conv with three of five numbers
    "thop.vision.basic_hooks": {"count_convNd_ver2"},
    # for its counter of ONNX files, which the door does not have
    "thop.vision.calc_func": {
        "counter_div",
        "counter_matmul",
        "counter_mul",
        "counter_pow",
        "counter_sqrt",
    },
}
MODULES = ("", ".profile", ".utils", ".rnn_hooks", ".vision.basic_hooks", ".vision.calc_func")


def public_names(tool, module):
    """The functions and tables that a module of a tool defines."""
    defined = vars(importlib.import_module(tool + module))
    return {
        name
        for name, value in defined.items()
        if not name.startswith("_")
        and (getattr(value, "__module__", "") == tool + module or type(value) in (dict, str))
    }


def missing(tool, door, modules):
    """The names that the door lacks, by module of the tool."""
    lacks = {
        tool + each: {
            name
            for name in public_names(tool, each)
            if not hasattr(importlib.import_module(door + each), name)
        }
        for each in modules
    }
    return {module: names for module, names in lacks.items() if names}


CALLS = [
    ("l_prod", [2, 3, 4]),
    ("l_prod", []),
    ("l_sum", [2, 3, 4]),
    ("calculate_zero_ops",),
    ("calculate_conv2d_flops", [2, 4, 8, 8], [2, 6, 6, 6], [6, 2, 3, 3], 2),
    ("calculate_conv2d_flops", [2, 4, 9], [2, 6, 7], [6, 4, 3], 1, True),
    ("calculate_conv", 1, 9, 24, 3, 2),
    ("calculate_norm", 24),
    ("calculate_relu_flops", [2, 3]),
    ("calculate_relu", 24),
    ("calculate_softmax", 3, 8),
    ("calculate_avgpool", 24),
    ("calculate_adaptive_avg", 9, 24),
    *[("calculate_upsample", mode, 24) for mode in ("nearest", "linear", "bilinear", "bicubic")],
    ("calculate_upsample", "trilinear", 24),
    ("calculate_linear", 8, 24),
]
EXPECTED = [
    24,
    1,
    9,
    0,
    2 * 36 * 6 * 2 * 9,
    2 * 7 * 6 * 4 * 3,
    24 * (3 / 2 * 9 + 1),
    2 * 24,
    0,
    24,
    3 * (3 * 8 - 1),
    24,
    10 * 24,
    *(24, 5 * 24, 11 * 24, 259 * 24),
    31 * 24,
    8 * 24,
]


def answers(functions):
    """What the functions of a module give, with their types."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [
            getattr(functions, name)(*args) for name, *args in CALLS if name in vars(functions)
        ]
    linear = nn.Linear(8, 4)
    found += [functions.calculate_parameters(each) for each in (linear.parameters(), ())]
    return [(type(each), float(each)) for each in found]


def test_costs_by_numbers():
    assert [each for _, each in answers(calc_func)] == [*EXPECTED, 36, 0]
    own = [
        figure
        for (name, *_), figure in zip(CALLS, EXPECTED, strict=True)
        if hasattr(ultralytics_calc_func, name)
    ]
    assert answers(ultralytics_calc_func) == [(int, each) for each in (*own, 36, 0)]
    transposed = ultralytics_calc_func.calculate_conv2d_flops
    assert transposed([4, 8, 8], [6, 10, 10], [4, 6, 3, 3], 1, transpose=True) == 4 * 64 * 6 * 9
    lazy = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    assert ultralytics_calc_func.calculate_parameters(lazy.parameters()) == 10


def test_the_text_in_colour(capsys):
    utils.prRed("a", "b", sep="-")
    utils.prGreen("c")
    assert capsys.readouterr().out == "\033[91ma-b\n\033[00m\033[92mc\n\033[00m"


def _ask_thop():
    found = missing("thop", "hookcount.compat.thop", MODULES)
    assert found == {name: names for name, names in NOT_OFFERED.items() if names}, found
    _ask_both(calc_func, "hookcount.compat.thop.utils")


def _ask_ultralytics_thop():
    found = missing("thop", "hookcount.compat.ultralytics_thop", MODULES)
    assert found == {"thop.profile": {"functional_hooks"}}, found
    _ask_both(ultralytics_calc_func, "hookcount.compat.ultralytics_thop.utils")
    theirs = importlib.import_module("thop.vision.calc_func")
    for given in (
        ([4, 8, 8], [6, 10, 10], [4, 6, 3, 3], 2, False, True),
        ([4, 8], [6], [6, 4, 3], 1),
    ):
        assert theirs.calculate_conv2d_flops(*given) == (
            ultralytics_calc_func.calculate_conv2d_flops(*given)
        )


def _ask_both(functions, texts):
    assert answers(importlib.import_module("thop.vision.calc_func")) == answers(functions)
    printed = []
    for module in (importlib.import_module(texts), importlib.import_module("thop.utils")):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            module.prYellow(1, 2)
            module.colorful_print(print)("x", end="")
        printed.append(out.getvalue())
    assert printed[0] == printed[1]


def _ask_mmengine():
    modules = ("", ".complexity_analysis", ".jit_handles", ".jit_analysis", ".print_helper")
    found = missing("mmengine.analysis", "hookcount.compat.mmengine", modules)
    # the class in which its analyzers hold their results, and a type of its annotations
    assert found == {"mmengine.analysis.jit_analysis": {"Statistics", "T"}}, found


@pytest.mark.peers
def test_the_names_of_mmengine():
    file = "mmengine/analysis/print_helper.py"
    apart.ask("mmcv-lite", __file__, _ask_mmengine, file)


@pytest.mark.peers
def test_the_names_of_thop():
    apart.ask("thop", __file__, _ask_thop)


@pytest.mark.peers
def test_the_names_of_ultralytics_thop():
    apart.ask("ultralytics-thop", __file__, _ask_ultralytics_thop)
