"""The tables of hooks by class that people add their modules to: those of ptflops and of both
thops. They are held against products written out, and against the tools' own tables.
"""

import copy
import importlib
import io
import threading

import pytest
import torch
from helpers import apart
from torch import nn

import hookcount
from hookcount.compat import ptflops
from hookcount.compat.ptflops import pytorch_engine, pytorch_ops
from hookcount.compat.thop.profile import register_hooks as thops_hooks
from hookcount.compat.ultralytics_thop import profile
from hookcount.compat.ultralytics_thop.profile import register_hooks
from hookcount.compat.ultralytics_thop.vision import basic_hooks


@pytest.fixture(autouse=True)
def _as_before():
    """The tables have what they had before the test, in the same order."""
    tables = (pytorch_ops.MODULES_MAPPING, pytorch_ops.CUSTOM_MODULES_MAPPING, register_hooks)
    before = [dict(each) for each in (*tables, thops_hooks)]
    yield
    for table, had in zip((*tables, thops_hooks), before, strict=True):
        table.clear()
        table.update(had)


class OwnLinear(nn.Linear):
    pass


class Cube(nn.Module):
    def forward(self, x):
        return x**3


def counts_two_each(module, input, output):
    module.__flops__ += 2 * output.numel()


def model_of_own_layers():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), Cube(), nn.Flatten(2), OwnLinear(36, 5), nn.Linear(5, 2)
    )


RES = (3, 8, 8)
CONV, LAST = 4 * 36 * (27 + 1), 4 * 2 * (5 + 1)
RELU, OWN = 4 * 36, 4 * 5 * (36 + 1)
RAW = {"print_per_layer_stat": False, "as_strings": False}


def changes_of_ptflops(tool, table):
    """Each step of changes, after which the models are counted."""
    yield
    table[OwnLinear] = tool.pytorch_ops.linear_flops_counter_hook
    table[Cube] = counts_two_each
    yield
    table[nn.ReLU] = counts_two_each
    del table[nn.Conv2d]
    yield


AFTER = [
    (CONV + RELU + LAST, RELU),
    (CONV + RELU + LAST + OWN + 2 * RELU, RELU),
    (2 * RELU + LAST + OWN + 2 * RELU, RELU),
]
"""After each step, the cost of the modules, and of the functions: ``F.relu`` in ``nn.ReLU``."""


def test_the_table_of_ptflops():
    model, table = model_of_own_layers(), pytorch_ops.MODULES_MAPPING
    for expected, _ in zip(AFTER, changes_of_ptflops(ptflops, table), strict=True):
        assert ptflops.get_model_complexity_info(model, RES, **RAW)[0] == sum(expected)


def test_the_methods_go_by_the_tables():
    model, table = model_of_own_layers(), pytorch_ops.MODULES_MAPPING
    for expected, _ in zip(AFTER, changes_of_ptflops(ptflops, table), strict=True):
        assert _mean_cost(pytorch_engine, model) == (expected[0], 3 * 4 * 9 + 4 + 185 + 12)
    pytorch_ops.CUSTOM_MODULES_MAPPING[nn.Linear] = counts_two_each
    assert _mean_cost(pytorch_engine, model)[0] == AFTER[-1][0] - LAST + 2 * 8


def _mean_cost(engine, model, **options):
    model = engine.add_flops_counting_methods(copy.deepcopy(model))
    model.start_flops_count(ost=io.StringIO(), verbose=False, ignore_list=[], **options)
    model(torch.zeros(3, *RES))
    found = model.compute_average_flops_cost()
    model.stop_flops_count()
    return found


def test_a_given_hook_comes_before_the_table():
    pytorch_ops.MODULES_MAPPING[Cube] = counts_two_each
    hooks = {Cube: pytorch_ops.empty_flops_counter_hook}
    found = ptflops.get_model_complexity_info(
        model_of_own_layers(), RES, custom_modules_hooks=hooks, **RAW
    )
    assert found[0] == sum(AFTER[0])


def test_a_class_that_is_ignored_may_be_in_the_table():
    pytorch_ops.MODULES_MAPPING[Cube] = counts_two_each
    for ignored, macs in ((Cube, sum(AFTER[0])), (nn.Conv2d, sum(AFTER[0]) - CONV + 2 * RELU)):
        found = ptflops.get_model_complexity_info(
            model_of_own_layers(), RES, ignore_modules=[ignored], **RAW
        )
        assert found[0] == macs


@pytest.mark.parametrize("module", [ptflops.flops_counter, pytorch_engine])
def test_each_module_has_the_same_table(module):
    """Code for older versions takes it from ``flops_counter``."""
    assert module.MODULES_MAPPING is ptflops.pytorch_ops.MODULES_MAPPING


def test_a_wrong_entry_is_named():
    pytorch_ops.MODULES_MAPPING[Cube] = 3
    with pytest.raises(hookcount.InputError, match="MODULES_MAPPING: 3 is no function"):
        ptflops.get_model_complexity_info(nn.Sequential(Cube()), (3,), **RAW)


def test_another_thread_may_change_the_table():
    """Each count has the figure of the table before or after a change."""
    model, stop = nn.Sequential(nn.Linear(6, 4), Cube()), threading.Event()

    def change():
        while not stop.is_set():
            made = type("Made", (nn.Module,), {})
            pytorch_ops.MODULES_MAPPING[made] = register_hooks[made] = counts_two_each
            pytorch_ops.MODULES_MAPPING[Cube] = counts_two_each
            del pytorch_ops.MODULES_MAPPING[Cube]
            del pytorch_ops.MODULES_MAPPING[made], register_hooks[made]

    thread = threading.Thread(target=change)
    thread.start()
    try:
        found = {ptflops.get_model_complexity_info(model, (6,), **RAW)[0] for _ in range(40)}
        found |= {profile(model, (torch.zeros(1, 6),), verbose=False)[0] for _ in range(40)}
    finally:
        stop.set()
        thread.join()
    assert found <= {4 * 6 + 4, 4 * 6 + 4 + 2 * 4, 4 * 6}


def test_the_text_of_the_methods():
    model = pytorch_engine.add_flops_counting_methods(nn.Sequential(nn.Linear(4, 2), nn.ReLU()))
    with pytest.raises(hookcount.InputError, match="no forward"):
        pytorch_engine.print_model_with_flops(model, 12, 10)
    model.start_flops_count()
    model(torch.zeros(3, 4))
    out = io.StringIO()
    pytorch_engine.print_model_with_flops(model, 12, 10, "KMac", "K", precision=3, ost=out)
    assert out.getvalue().splitlines() == [
        "Sequential(",
        "  0.01 K, 100.000% Params, 0.012 KMac, 100.000% MACs, ",
        "  (0): Linear(0.01 K, 100.000% Params, 0.01 KMac, 83.333% MACs, "
        "in_features=4, out_features=2, bias=True)",
        "  (1): ReLU(0.0 K, 0.000% Params, 0.002 KMac, 16.667% MACs, )",
        ")",
    ]


@pytest.mark.peers
def test_the_table_of_ptflops_as_in_the_tool():
    pytest.importorskip("ptflops")
    theirs = importlib.import_module("ptflops.pytorch_ops").MODULES_MAPPING
    before, model = dict(theirs), model_of_own_layers()
    mine = pytorch_ops.MODULES_MAPPING
    # hookcount imports neither torchvision nor timm
    assert {cls.__name__ for cls in theirs.keys() - mine.keys()} <= {"DeformConv2d", "Attention"}
    assert _names(mine, pytorch_ops) == {
        cls: name
        for cls, name in _names(theirs, importlib.import_module("ptflops.pytorch_ops")).items()
        if cls in mine
    }
    try:
        found = [_all_of_ptflops(ptflops, model, mine)]
        found.append(_all_of_ptflops(importlib.import_module("ptflops"), model, theirs))
    finally:
        theirs.clear()
        theirs.update(before)
    assert found[0] == found[1]


def _names(table, *modules):
    """By class, the name of its hook in the modules."""
    names = {id(hook): name for each in modules for name, hook in vars(each).items()}
    return {cls: names[id(getattr(hook, "func", hook))] for cls, hook in table.items()}


def _all_of_ptflops(tool, model, table):
    """The figures and texts after each change of a table."""
    engine, found = importlib.import_module(f"{tool.__name__}.pytorch_engine"), []
    for _ in changes_of_ptflops(tool, table):
        for options in ({"verbose": True}, {"ignore_modules": [nn.Conv2d, Cube]}):
            out, given = io.StringIO(), copy.deepcopy(model)
            info = tool.get_model_complexity_info(given, RES, ost=out, as_strings=False, **options)
            found += [info, out.getvalue()]
        out, counted = io.StringIO(), engine.add_flops_counting_methods(copy.deepcopy(model))
        counted.start_flops_count(ost=out, verbose=True, ignore_list=[nn.Conv2d])
        counted(torch.zeros(3, *RES))
        cost = counted.compute_average_flops_cost()
        engine.print_model_with_flops(counted, *cost, "KMac", "K", precision=4, ost=out)
        counted.stop_flops_count()
        found += [cost, out.getvalue()]
    return found


# -- ultralytics-thop ------------------------------------------------------------------------------


class OwnConv(nn.Conv2d):
    pass


class Product(nn.Module):
    """A product of functions: 5 x 4 with 4 x 4, and a layer."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x @ x.new_zeros(4, 4))


def counts_three_each(m, x, y):
    m.total_ops += 3 * y.numel()


PRODUCT, INNER = 5 * 4 * 4, 5 * 4 * 2
IMAGE, ROWS = torch.zeros(1, 3, 8, 8), torch.zeros(5, 4)
OWN_CONV, EACH = 4 * 36 * 27, 3 * 4 * 36
"""The products of a convolution, and 3 for each of its outputs."""

RULES = [
    # what is put into the table or taken out of it, custom_ops, and the MACs of both models
    ({}, {}, OWN_CONV, PRODUCT + INNER),
    ({Product: counts_three_each}, {}, OWN_CONV, 3 * 10 + INNER),
    ({Product: counts_three_each}, {Product: basic_hooks.zero_ops}, OWN_CONV, PRODUCT + INNER),
    ({OwnConv: counts_three_each}, {}, EACH, PRODUCT + INNER),
    ({nn.Conv2d: counts_three_each}, {}, EACH, PRODUCT + INNER),
    ({nn.Conv2d: None}, {}, 0, PRODUCT + INNER),
    ({nn.Conv2d: None}, {nn.Module: counts_three_each}, EACH, 3 * 10 + INNER),
    ({nn.Linear: None}, {}, OWN_CONV, PRODUCT + INNER),
    # a rule for a base is for modules without a nearer one
    ({}, {nn.modules.conv._ConvNd: counts_three_each}, OWN_CONV, PRODUCT + INNER),
    ({nn.modules.conv._ConvNd: counts_three_each}, {}, OWN_CONV, PRODUCT + INNER),
    ({nn.RMSNorm: counts_three_each, nn.Sequential: None}, {}, OWN_CONV, PRODUCT + INNER),
]


def _counts_by(count, table, changes, rules):
    """The MACs of both models with a changed table, which is then as before."""
    before = dict(table)
    try:
        for cls, hook in changes.items():
            table.pop(cls) if hook is None else table.update({cls: hook})
        models = (nn.Sequential(OwnConv(3, 4, 3)), IMAGE), (nn.Sequential(Product()), ROWS)
        return tuple(count(model, (x,), rules, verbose=False)[0] for model, x in models)
    finally:
        table.clear()
        table.update(before)


@pytest.mark.parametrize(("changes", "rules", "convolution", "product"), RULES)
def test_the_table_of_ultralytics_thop(changes, rules, convolution, product):
    found = _counts_by(profile, register_hooks, changes, rules)
    assert found == (convolution, product)


def test_what_has_no_rule_is_named(capsys):
    model = nn.Sequential(nn.Dropout(), nn.SiLU(), nn.Flatten())
    profile(model, (ROWS,), report_missing=True)
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "[WARN] SiLU"
    ]


def _ask_ultralytics_thop():
    import thop

    theirs = importlib.import_module("thop.profile")
    hooks = importlib.import_module("thop.vision.basic_hooks")
    recurrent = importlib.import_module("thop.rnn_hooks")
    mine = importlib.import_module("hookcount.compat.ultralytics_thop.rnn_hooks")
    assert _names(register_hooks, basic_hooks, mine) == _names(
        theirs.register_hooks, hooks, recurrent
    )
    for changes, rules, *expected in RULES:
        given = {cls: hooks.zero_ops if cls is Product else hook for cls, hook in rules.items()}
        found = _counts_by(thop.profile, theirs.register_hooks, changes, given)
        assert found == tuple(expected), (changes, rules, found)


@pytest.mark.peers
def test_the_table_of_ultralytics_thop_as_in_the_tool():
    apart.ask("ultralytics-thop", __file__, _ask_ultralytics_thop)
