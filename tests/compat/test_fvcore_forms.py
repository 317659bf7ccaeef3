"""The forms in which people call fvcore: through ``hookcount.compat.fvcore`` against fvcore itself,
and against products written out.
"""

import copy
import gc
import importlib
import logging
from collections import Counter
from math import prod
from types import SimpleNamespace

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.autograd.function import FunctionMeta
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount.compat.fvcore import (
    ActivationCountAnalysis,
    FlopCountAnalysis,
    JitModelAnalysis,
    activation_count,
    flop_count,
    flop_count_str,
    flop_count_table,
    generic_activation_jit,
)

SUBMODULES = (
    "flop_count",
    "activation_count",
    "parameter_count",
    "print_model_statistics",
    "jit_analysis",
    "jit_handles",
)
TOKENS, IMAGE = torch.zeros(2, 10, 4), torch.zeros(2, 3, 8, 8)


class Scan(torch.autograd.Function):
    """A scan that a kernel of another package would run."""

    @staticmethod
    def forward(ctx, u, delta, size):
        made = torch.empty_like(u)
        return made.copy_((u @ delta.mT) @ u / size)


class Split(torch.autograd.Function):
    """A function that makes its context by itself, with two results."""

    @staticmethod
    def forward(u):
        return u.sin(), u.cos()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass


class Around(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        return Scan.apply(u, u, 1)


kept = Scan.apply
"""Looked up long before any count."""


class Mamba(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj, self.dt, self.unused = (nn.Linear(4, 4, bias=False) for _ in range(3))
        self.act = nn.SiLU()

    def forward(self, x):
        xs, dts = self.proj(x), self.dt(x)
        ys = kept(xs, dts, 4)
        return self.act(Scan.apply(ys, dts, 4))


def a_scan(inputs, outputs):
    """9 operations for each of B * L * C elements."""
    return 9 * prod(inputs[0].type().sizes())


def quiet(analysis):
    return analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)


# -- functions of autograd -------------------------------------------------------------------------


def test_a_function_of_autograd_is_one_op():
    figures, unsupported = flop_count(Mamba(), (TOKENS,), {"prim::PythonOp.Scan": a_scan})
    scans, products = 2 * 9 * 2 * 10 * 4, 2 * 2 * 10 * 4 * 4
    assert figures == {"PythonOp.Scan": scans / 1e9, "linear": products / 1e9}
    assert unsupported == Counter({"aten::silu": 1})


def test_a_handle_is_asked_once_per_call_and_sees_the_variables():
    seen = []

    def look(inputs, outputs):
        sizes = [each.type().sizes() for each in outputs]
        seen.append(([each.debugName() for each in inputs], sizes))
        return 1

    flops = quiet(FlopCountAnalysis(Mamba(), TOKENS)).set_op_handle("prim::PythonOp.Scan", look)
    assert flops.by_operator()["PythonOp.Scan"] == 2
    assert seen == [(["xs", "dts"], [[2, 10, 4]]), (["ys", "dts"], [[2, 10, 4]])]


def test_a_value_without_a_variable_has_a_number_for_a_name():
    names = []
    model = Fn(lambda self, x: Scan.apply(x + 1, x, 2))
    flops = quiet(FlopCountAnalysis(model, TOKENS)).set_op_handle(
        "prim::PythonOp.Scan",
        lambda inputs, outputs: names.extend(each.debugName() for each in inputs) or 0,
    )
    flops.total()
    assert names == ["0", "x"]


def test_a_function_without_a_handle_is_unsupported_with_all_that_it_runs():
    flops = quiet(FlopCountAnalysis(Mamba(), TOKENS))
    assert flops.total() == 2 * 2 * 10 * 4 * 4
    assert flops.unsupported_ops() == Counter({"prim::PythonOp.Scan": 2, "aten::silu": 1})
    assert flops.set_op_handle("prim::PythonOp.Scan", None).unsupported_ops() == Counter(
        {"aten::silu": 1}
    )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (Fn(lambda self, x: Around.apply(x)), "prim::PythonOp.Around"),
        (Fn(lambda self, x: sum(Split.apply(x))), "prim::PythonOp.Split"),
        (Fn(lambda self, x: self.f(x), f=torch.jit.script(nn.Identity())), ""),
    ],
    ids=["one in another", "two results", "none"],
)
def test_only_the_outermost_function_is_an_op(model, name):
    unsupported = quiet(FlopCountAnalysis(model, TOKENS)).unsupported_ops()
    found = {each: calls for each, calls in unsupported.items() if each.startswith("prim::")}
    assert found == ({name: 1} if name else {})


def test_a_forward_that_the_code_calls_itself_runs_its_ops():
    model = Fn(lambda self, x: Scan.forward(None, x, x, 2))
    assert quiet(FlopCountAnalysis(model, TOKENS)).by_operator() == Counter(
        matmul=2 * (2 * 10 * 10 * 4)
    )


def test_checkpointed_modules_count_as_they_are():
    """A jit trace fails here, so that the tool gives no figure."""
    model = Fn(lambda self, x: checkpoint(self.a, x, use_reentrant=True), a=nn.Linear(4, 4))
    flops = quiet(FlopCountAnalysis(model, TOKENS))
    assert flops.by_module() == Counter({"": 320, "a": 320})
    assert not flops.unsupported_ops()


def test_a_scripted_function_is_one_op():
    def squared(x: torch.Tensor):
        return x @ x.mT

    model = Fn(lambda self, x: self.scripted(x))
    model.scripted = torch.jit.script(squared)
    flops = quiet(FlopCountAnalysis(model, TOKENS))
    assert flops.unsupported_ops() == Counter({"prim::CallFunction": 1})
    handle = lambda inputs, outputs: prod(inputs[1].type().sizes())  # noqa: E731
    assert flops.set_op_handle("prim::CallFunction", handle).total() == 2 * 10 * 4


def test_functions_are_as_before_also_after_an_exception():
    model = Fn(lambda self, x: Scan.apply(x, x[0, :, :3], 2))
    with pytest.raises(RuntimeError):
        quiet(FlopCountAnalysis(model, TOKENS)).total()
    assert "__getattribute__" not in vars(FunctionMeta)
    assert Scan.apply(TOKENS, TOKENS, 1).shape == TOKENS.shape
    gc.collect()


def test_what_nobody_uses_does_not_count():
    model = Fn(lambda self, x: (self.a(x), self.b(x))[0], a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    flops = quiet(FlopCountAnalysis(model, TOKENS))
    assert flops.by_module() == Counter({"": 320, "a": 320, "b": 0})
    assert flops.uncalled_modules() == {"b"}


# -- activations, handles, names -------------------------------------------------------------------


def test_activations():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(2), nn.Linear(36, 5))
    acts = quiet(ActivationCountAnalysis(model, IMAGE))
    conv, linear = 2 * 4 * 6 * 6, 2 * 4 * 5
    assert acts.by_module_and_operator()[""] == Counter(conv=conv, linear=linear)
    figures, _ = activation_count(model, (IMAGE,))
    assert figures == {"conv": conv / 1e6, "linear": linear / 1e6}
    assert activation_count(model, (IMAGE,), {"aten::relu": generic_activation_jit("act")})[0][
        "act"
    ] == pytest.approx(conv / 1e6)


def test_an_analysis_without_handles():
    model = nn.Linear(4, 4)
    analysis = quiet(JitModelAnalysis(model, TOKENS))
    assert analysis.total() == 0
    assert analysis.unsupported_ops() == Counter({"aten::linear": 1})
    assert analysis.set_op_handle("aten::linear", generic_activation_jit()).total() == 2 * 10 * 4


def test_the_table_of_handles_is_read_by_each_new_analysis(monkeypatch):
    handles = importlib.import_module("hookcount.compat.fvcore.flop_count")._DEFAULT_SUPPORTED_OPS
    monkeypatch.setitem(handles, "aten::gelu", lambda inputs, outputs: 5)
    monkeypatch.delitem(handles, "aten::linear")
    flops = quiet(FlopCountAnalysis(nn.Sequential(nn.Linear(4, 4), nn.GELU()), TOKENS))
    assert flops.by_operator() == Counter(gelu=5)
    assert flops.unsupported_ops() == Counter({"aten::linear": 1})


def test_errors_are_those_that_code_for_the_tool_catches():
    flops = FlopCountAnalysis(nn.Linear(4, 4), TOKENS)
    with pytest.raises(KeyError) as caught:
        flops.total("fc")
    assert isinstance(caught.value, hookcount.InputError)
    assert str(caught.value).startswith("'fc': this names no module")
    with pytest.raises(TypeError, match="has no handle"):
        flops.set_op_handle("aten::mul")


def test_the_names_below_wrappers():
    inner = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    model = nn.Sequential(nn.DataParallel(inner), nn.Linear(4, 4))
    flops = quiet(FlopCountAnalysis(model, TOKENS))
    one = 2 * 10 * 4 * 4
    expected = {"": 2 * one, "0": one, "0.module": one, "0.module.0": one, "0.module.1": 0}
    assert flops.by_module() == Counter({**expected, "1": one})
    assert flops.ancestor_mode("caller").by_module() == Counter({**expected, "1": one})


# -- tables and texts ------------------------------------------------------------------------------


def wrapped(model):
    return Fn(lambda self, x: self.inner(x), inner=model)


def test_the_table_in_full():
    """110 parameters each; the wrapper has the figures of its only child."""
    model = nn.Sequential(wrapped(nn.Linear(10, 10)), nn.Linear(10, 10))
    x = torch.zeros(1, 10)
    flops, acts = FlopCountAnalysis(model, x), ActivationCountAnalysis(model, x)
    assert flop_count_table(flops, activations=acts, show_param_shapes=False).splitlines() == [
        "| module   | #parameters   | #flops   |   #activations |",
        "|:---------|:--------------|:---------|---------------:|",
        "| model    | 0.22K         | 0.2K     |             20 |",
        "|  0.inner |  0.11K        |  100     |             10 |",
        "|  1       |  0.11K        |  100     |             10 |",
    ]
    assert flop_count_table(flops, max_depth=1).splitlines() == [
        "| module   | #parameters or shape   | #flops   |",
        "|:---------|:-----------------------|:---------|",
        "| model    | 0.22K                  | 0.2K     |",
        "|  0.inner |  0.11K                 |  100     |",
        "|  1       |  0.11K                 |  100     |",
    ]


def test_a_name_that_all_rows_begin_with_is_in_the_first_row_alone():
    lines = flop_count_table(
        FlopCountAnalysis(wrapped(nn.Linear(10, 10)), torch.zeros(1, 10))
    ).splitlines()
    assert [line.split("|")[1].rstrip() for line in lines[2:]] == [" inner", "  weight", "  bias"]


def test_the_text_with_activations_and_modules_that_were_not_called():
    model = Fn(lambda self, x: self.a.forward(x), a=nn.Linear(10, 10), b=None)
    x = torch.zeros(1, 10)
    analyses = [each(model, x) for each in (FlopCountAnalysis, ActivationCountAnalysis)]
    first, *lines = flop_count_str(*analyses).splitlines()
    assert first.startswith("N/A indicates")
    assert lines == [
        "Fn(",
        "  #params: 0.11K, #flops: 100, #acts: 10",
        "  (a): Linear(",
        "    in_features=10, out_features=10, bias=True",
        "    #params: 0.11K, #flops: N/A, #acts: N/A",
        "  )",
        *(["  (b): None"] if "b" in model._modules else []),
        ")",
    ]


# -- each form against the tool --------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.SiLU())
        self.wrapper = wrapped(nn.Sequential(nn.Linear(6, 6)))
        self.same = self.stem[2]
        self.idle = nn.Linear(6, 6)

    def forward(self, x):
        x = self.stem(x).mean((2, 3))
        x = self.same(self.wrapper(x)) * 2
        return torch.einsum("bi,ij->bj", x, self.wrapper.inner[0].weight) @ x.t()


def cells(table):
    """tabulate 0.10 takes the spaces before a cell away, older ones do not."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return [rows[0], *rows[2:]]


def twice_the_output(fv):
    return lambda inputs, outputs: Counter(twice=2 * prod(fv.jit_handles.get_shape(outputs[0])))


def of_a_subclass(fv):
    """detectron2 ignores a list of ops in a class of its own."""

    class Analysis(fv.nn.FlopCountAnalysis):
        def __init__(self, model, inputs):
            super().__init__(model, inputs)
            self.set_op_handle(**dict.fromkeys(("aten::batch_norm", "aten::mul", "aten::mean")))

    flops = Analysis(Net(), (IMAGE,))
    return flops.by_module_and_operator(), flops.unsupported_ops()


def in_other_settings(fv):
    flops = fv.nn.FlopCountAnalysis(Net(), (IMAGE,)).ancestor_mode("caller")
    flops.set_op_handle("aten::silu", twice_the_output(fv), "aten::mean", None)
    flops.set_op_handle(**{"aten::mul": lambda inputs, outputs: 3, "prim::PythonOp.Never": None})
    other = flops.copy(new_inputs=(torch.zeros(1, 3, 8, 8),))
    return flops.by_operator("stem"), flops.by_operator("same"), other.by_operator()


def with_handles_of_the_tool(fv):
    handles = dict(fv.flop_count._DEFAULT_SUPPORTED_OPS)
    handles.update({"aten::silu": fv.jit_handles.elementwise_flop_counter(1, 2)})
    analysis = fv.jit_analysis.JitModelAnalysis(Net(), IMAGE).set_op_handle(**handles)
    return analysis.by_module(), sorted(fv.activation_count._DEFAULT_SUPPORTED_OPS)


def of_jit_values(fv):
    """A handle that gets the values of a real jit graph."""
    handle = fv.flop_count._DEFAULT_SUPPORTED_OPS["aten::linear"]
    graph = torch.jit.trace(lambda x: F.linear(x, torch.ones(3, 4)), TOKENS).graph
    [node] = [each for each in graph.nodes() if each.kind() == "aten::linear"]
    return handle(list(node.inputs()), list(node.outputs()))


def as_texts(fv):
    flops, acts = (
        each(Net(), IMAGE) for each in (fv.nn.FlopCountAnalysis, fv.nn.ActivationCountAnalysis)
    )
    shown = fv.print_model_statistics
    tables = [
        shown.flop_count_table(flops, max_depth=depth, activations=each, show_param_shapes=shapes)
        for depth in (1, 4)
        for each in (None, acts)
        for shapes in (True, False)
    ]
    tables += [fv.parameter_count.parameter_count_table(Net(), max_depth=depth) for depth in (1, 3)]
    return [cells(table) for table in tables], fv.nn.flop_count_str(flops, acts)


def of_wrappers(fv):
    model = nn.DataParallel(nn.Sequential(nn.DataParallel(Net()), nn.ReLU()))
    flops = fv.nn.FlopCountAnalysis(model, IMAGE)
    return flops.by_module(), flops.uncalled_modules(), fv.nn.parameter_count(model)


FORMS = {
    "flop_count": lambda fv: fv.nn.flop_count(Net(), (IMAGE,)),
    "flop_count, ops ignored": lambda fv: fv.nn.flop_count(
        model=Net(), inputs=(IMAGE,), supported_ops={"aten::silu": None, "aten::batch_norm": None}
    ),
    "a scan": lambda fv: fv.nn.flop_count(Mamba(), (TOKENS,), {"prim::PythonOp.Scan": a_scan}),
    "a scan without a handle": lambda fv: fv.nn.flop_count(Mamba(), (TOKENS,)),
    "activation_count": lambda fv: fv.nn.activation_count(Net(), (IMAGE,)),
    "total in GFLOPs": lambda fv: fv.nn.FlopCountAnalysis(Net(), IMAGE).total() / 1e9,
    "the figures of a part": lambda fv: fv.nn.FlopCountAnalysis(Net(), IMAGE).total("wrapper"),
    "a subclass": of_a_subclass,
    "other settings": in_other_settings,
    "handles of the tool": with_handles_of_the_tool,
    "jit values": of_jit_values,
    "texts": as_texts,
    "wrappers": of_wrappers,
}


def api(prefix):
    modules = {name: importlib.import_module(f"{prefix}.{name}") for name in SUBMODULES}
    return SimpleNamespace(nn=importlib.import_module(prefix), **modules)


@pytest.mark.peers
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore")
def test_a_form_gives_what_the_tool_gives(form, caplog):
    pytest.importorskip("fvcore.nn")
    with caplog.at_level(logging.ERROR), torch.random.fork_rng():
        mine, tools = (FORMS[form](api(each)) for each in ("hookcount.compat.fvcore", "fvcore.nn"))
    assert mine == tools


@pytest.mark.parametrize("form", FORMS)
def test_a_form_runs_without_the_tool(form):
    assert FORMS[form](api("hookcount.compat.fvcore"))


@pytest.mark.peers
@pytest.mark.parametrize("submodule", SUBMODULES)
def test_a_submodule_has_the_public_names_of_the_tools(submodule):
    pytest.importorskip("fvcore.nn")
    mine, tools = (
        getattr(api(each), submodule) for each in ("hookcount.compat.fvcore", "fvcore.nn")
    )
    own = {
        name
        for name, each in vars(tools).items()
        if getattr(each, "__module__", "") == tools.__name__ and not name.startswith("_")
    }
    assert own <= vars(mine).keys() | {"Statistics", "T"}


@pytest.mark.peers
def test_the_figures_of_a_copy_of_the_model_are_the_same():
    model = Net().eval()
    with torch.no_grad():
        first = quiet(FlopCountAnalysis(model, IMAGE)).by_module()
        assert quiet(FlopCountAnalysis(copy.deepcopy(model), IMAGE)).by_module() == first
