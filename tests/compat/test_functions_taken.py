"""Each way to call a function of torch, in the doors of the tools that replace such functions.

The tools see a call if the code took the function from torch while they were at work. A function
that the code took before is not theirs.
"""

import contextlib
import functools
import io
import operator
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import linear as linear_of_before
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount.compat import calflops, deepspeed, ptflops
from hookcount.observe.patches import in_use

TABLE = {"linear": F.linear, "relu": F.relu, "add": torch.add}
LINEAR, RELU, ADD, PRODUCT = (64, 32, 0), (8, 0, 8), (8, 0, 8), (64, 32, 32)
"""On [2, 4] with [4, 4]: the FLOPs and MACs of calflops and DeepSpeed, and what ptflops counts.

The product has 2 * 4 * 4 MACs, each other function 2 * 4 elements. ptflops has a hook for
``nn.Linear`` and does not replace ``F.linear``.
"""
NOTHING = 0, 0, 0


def call(function, *args):
    return function(*args)


def closure_of_before(function):
    return lambda me, x: function(x, me.w)


def in_a_variable(me, x):
    f = F.linear
    return f(x, me.w)


def in_a_conditional(me, x):
    f = F.relu if x.dim() == 2 else F.gelu
    return f(x)


def in_a_loop(me, x):
    for f in (torch.add, torch.mul):
        x = f(x, x)
    return x


def in_a_closure(me, x):
    f = F.linear

    def inner(y):
        return f(y, me.w)

    return inner(x)


def by_default_inside(me, x):
    def inner(y, f=F.linear):
        return f(y, me.w)

    return inner(x)


def by_default_before(me, x, f=F.linear):
    return f(x, me.w)


def imported_inside(me, x):
    from torch.nn.functional import linear

    return linear(x, me.w)


def of_an_attribute(me, x):
    me.taken = F.linear
    return me.taken(x, me.w)


def of_a_class(me, x):
    class Holder:
        taken = staticmethod(F.linear)

    return Holder.taken(x, me.w)


def beside_one_of_before(me, x):
    return TABLE["relu"](F.relu(x))


FORMS = {
    "by its name": (lambda me, x: F.linear(x, me.w), LINEAR),
    "by its full name": (lambda me, x: torch.nn.functional.linear(x, me.w), LINEAR),
    "alias of a module": (lambda me, x: linear_of_before(x, me.w), NOTHING),
    "in a table of before": (lambda me, x: TABLE["linear"](x, me.w), NOTHING),
    "in a table": (lambda me, x: {"f": F.linear}["f"](x, me.w), LINEAR),
    "in a variable": (in_a_variable, LINEAR),
    "in a conditional": (in_a_conditional, RELU),
    "in a loop": (in_a_loop, (16, 0, 16)),
    "in a closure": (in_a_closure, LINEAR),
    "in a closure of before": (closure_of_before(F.linear), NOTHING),
    "as a default of inside": (by_default_inside, LINEAR),
    "as a default of before": (by_default_before, NOTHING),
    "imported inside": (imported_inside, LINEAR),
    "as an attribute of inside": (of_an_attribute, LINEAR),
    "as an attribute of before": (lambda me, x: me.relu(x), NOTHING),
    "as an attribute with the name of a method": (lambda me, x: me.add(x, x), NOTHING),
    "in a class": (of_a_class, LINEAR),
    "partial": (lambda me, x: functools.partial(F.linear, weight=me.w)(x), LINEAR),
    "partial of before": (lambda me, x: me.partial(x), NOTHING),
    "as an argument": (lambda me, x: call(F.linear, x, me.w), LINEAR),
    "as an argument of before": (lambda me, x: call(TABLE["relu"], x), NOTHING),
    "as an argument of a module": (lambda me, x: me.inner(F.relu, x), RELU),
    "checkpoint": (lambda me, x: checkpoint(F.linear, x, me.w, use_reentrant=False), LINEAR),
    "map": (lambda me, x: next(map(F.relu, [x])), RELU),
    "reduce": (lambda me, x: functools.reduce(torch.add, [x, x, x]), (16, 0, 16)),
    "reduce of before": (lambda me, x: functools.reduce(TABLE["add"], [x, x, x]), NOTHING),
    "getattr": (lambda me, x: getattr(F, "lin" + "ear")(x, me.w), LINEAR),
    "attrgetter": (lambda me, x: operator.attrgetter("relu")(F)(x), RELU),
    "method": (lambda me, x: x.matmul(me.w), PRODUCT),
    "method in a variable": (lambda me, x: call(x.matmul, me.w), PRODUCT),
    "method of the class": (lambda me, x: functools.reduce(torch.Tensor.add, [x, x]), ADD),
    "operator": (lambda me, x: x + x, NOTHING),
    "einsum": (lambda me, x: torch.einsum("ij,jk->ik", x, me.w), (65, 0, 0)),  # numpy adds 1
    "beside one of before": (beside_one_of_before, RELU),
}


class Inner(nn.Module):
    def forward(self, function, x):
        return function(x)


class Model(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form, self.inner, self.w = form, Inner(), nn.Parameter(torch.ones(4, 4))
        self.relu, self.add = F.relu, torch.add
        self.partial = functools.partial(F.linear, weight=torch.ones(4, 4))

    def forward(self, x):
        return self.form(self, x)


def figures(model, tools):
    x, by_number = torch.ones(2, 4), {"print_results": False, "output_as_string": False}
    flops, macs, _ = tools[0].calculate_flops(model, args=[x], **by_number)
    options = {"args": [x], "print_profile": False, "as_string": False}
    profile = tools[1].get_model_profile(model, **options)
    of_ptflops, _ = tools[2].get_model_complexity_info(
        model,
        (4,),
        as_strings=False,
        print_per_layer_stat=False,
        input_constructor=lambda _: {"x": x},
    )
    return (flops, macs), profile[:2], of_ptflops


DOORS = calflops, deepspeed, ptflops


@pytest.mark.parametrize("form", FORMS)
def test_the_doors(form):
    function, (flops, macs, of_ptflops) = FORMS[form]
    found = figures(Model(function), DOORS)
    assert found == ((flops, macs), (flops, macs), of_ptflops)
    assert not in_use()


@pytest.mark.peers
@pytest.mark.parametrize("form", FORMS)
def test_the_tools(form):
    names = "calflops", "deepspeed.profiling.flops_profiler", "ptflops"
    tools = [pytest.importorskip(name) for name in names]
    with contextlib.redirect_stdout(io.StringIO()):
        expected = figures(Model(FORMS[form][0]), tools)
    assert figures(Model(FORMS[form][0]), DOORS) == expected


def test_a_function_that_a_mode_calls_again_counts_once():
    class Passes(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    def form(me, x):
        with Passes():
            return F.relu(x)

    assert figures(Model(form), DOORS)[0] == (8, 0)


class AfterACell(Model):
    """The form on what a recurrent cell gives. For such a model the count has a function mode."""

    def __init__(self, form):
        super().__init__(form)
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x):
        return super().forward(self.cell(x))


@pytest.mark.parametrize("form", FORMS)
def test_after_a_recurrent_cell_the_same_calls_count(form):
    function, (flops, macs, of_ptflops) = FORMS[form]
    of_calflops, of_deepspeed, whole = figures(AfterACell(function), DOORS)
    # for each of two samples: the products of 12 gates, and 7 for each unit
    assert of_calflops == of_deepspeed == (2 * (2 * 12 * (4 + 4) + 7 * 4) + flops, macs)
    # and in ptflops the MACs, and two biases for each gate
    assert whole == 2 * (12 * (4 + 4) + 2 * 12 + 7 * 4) + of_ptflops


@pytest.mark.peers
def test_the_tools_after_a_recurrent_cell():
    tools = [pytest.importorskip(name) for name in ("calflops", "deepspeed", "ptflops")]
    tools[1] = pytest.importorskip("deepspeed.profiling.flops_profiler")
    for form in (lambda me, x: x * 2 + x, lambda me, x: torch.add(x, 1).mul(2)):
        assert figures(AfterACell(form), DOORS) == figures(AfterACell(form), tools)


def test_a_program_that_runs_by_itself():
    profiler = deepspeed.FlopsProfiler(model := Model(in_a_variable))
    profiler.start_profile()
    model(torch.ones(2, 4))
    assert (profiler.get_total_flops(), profiler.get_total_macs()) == LINEAR[:2]
    profiler.end_profile()
    assert not in_use()


def test_doors_beside_each_other_and_beside_a_count():
    before = dict(vars(torch.Tensor))
    expected = figures(Model(in_a_variable), DOORS)
    found = []

    def doors():
        found.extend(figures(Model(in_a_variable), DOORS) for _ in range(4))

    threads = [threading.Thread(target=doors) for _ in range(3)]
    for each in threads:
        each.start()
    macs = {hookcount.count(Model(in_a_variable), torch.ones(2, 4)).total.macs for _ in range(8)}
    for each in threads:
        each.join()
    assert found == [expected] * 12
    assert macs == {2 * 4 * 4}
    assert not in_use()
    assert dict(vars(torch.Tensor)) == before
