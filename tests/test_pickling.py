"""Reports, nodes and counters of any model go to another process and back, with equal figures."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from helpers.hard_to_pickle import (
    MODELS,
    X,
    counted,
    counted_with_formulas_of_that_process,
    figures,
    local,
)
from torch import nn

import hookcount
from hookcount import Counter, ModelError, Ops, PickleError, Registry
from hookcount.conventions import CONVENTIONS
from hookcount.counter import USER
from hookcount.formulas import BUILTIN


def through(protocol):
    return lambda each: pickle.loads(pickle.dumps(each, protocol))


def differing(report, expected):
    found = figures(report)
    return [name for name in expected if found[name] != expected[name]]


@pytest.mark.parametrize("name", MODELS)
def test_a_report_of_any_model_is_the_same_after_a_pickle(name):
    report, expected = counted(name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert differing(through(protocol)(report), expected) == [], protocol
    assert differing(through(5)(through(2)(report)), expected) == []
    assert differing(copy.deepcopy(report), expected) == []
    assert differing(copy.copy(report), expected) == []
    assert through(5)(report.tree) == report.tree == copy.deepcopy(report.tree)
    assert through(5)(report.coverage()) == report.coverage()


IN_A_POOL = ("local", "parametrized", "scripted", "quantized", "attributes", "structured")


def test_process_pools_return_reports():
    there = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=there) as pool:
        for report, expected in pool.map(counted, IN_A_POOL, chunksize=len(IN_A_POOL)):
            assert differing(report, expected) == []
        report, expected = pool.submit(counted_with_formulas_of_that_process).result()
        assert report.total == Ops(macs=7 * 2 * 4, specials=100 * 2 * 4)
        assert differing(report, expected) == []
        assert pool.submit(figures, report).result() == expected


def test_a_local_class_can_be_counted_after_it_is_gone():
    model, x = local()
    report = pickle.loads(pickle.dumps(hookcount.count(model, x)))
    rows, width, middle = 2, 8, 4
    assert report.macs == rows * (2 * width * middle) + 2 * rows * rows * width
    (call,) = report.tree.distinct
    assert (call.target.__qualname__, call.target.__module__) == (
        "local.<locals>.Local",
        local.__module__,
    )
    assert isinstance(call.module.a, nn.Linear)
    with pytest.raises(ModelError, match="could not be imported"):
        call.module(x)


def test_equal_calls_are_one_object_and_modules_are_shared_after_a_pickle():
    report, _ = counted("shared")
    made = through(5)(report)
    first, second = [run for run in made.priced.trace.runs if run.type == "Linear"]
    assert first.call is second.call
    root = made.tree.distinct[0].module
    assert root[0] is root[2] is first.call.module
    assert made.reuse == report.reuse


def test_the_formulas_of_a_report_need_not_be_picklable():
    mine = Registry(name="mine")
    mine.register(nn.Linear, lambda module, out: Ops(macs=100 * out.numel()))
    mine.register("aten::relu", lambda out: Ops(compares=3 * out.numel()))
    own = Registry(name="own")
    own.register("aten::mul", lambda out: Ops(macs=5))
    report = Counter(mine).count(*local())
    expected = figures(report)
    made = through(5)(report)
    mine.replace(nn.Linear, lambda module, out: Ops(macs=1))
    assert made.macs == 100 * 2 * (4 + 8) + 2 * 2 * 2 * 8
    assert differing(made, expected) == []
    assert made.coverage().macs_by_layer["mine"] == 100 * 2 * (4 + 8)
    under = hookcount.Convention("own", formulas=own)
    assert through(5)(report.under(under)).headline == report.under(under).headline
    assert made.under(under).headline == made.macs + 5


def test_a_pickled_report_is_not_changed_by_registrations_where_it_arrives(user_registrations):
    report = hookcount.count(nn.Sequential(nn.Linear(8, 4)), X)
    made = through(5)(report)
    user_registrations.register(nn.Linear, lambda module, out: Ops(macs=1))
    assert made.under("torch").under("default").macs == 2 * 8 * 4
    assert made.coverage().macs_of_modules == 2 * 8 * 4


def test_an_op_of_a_library_that_the_other_process_lacks():
    code = """
        import pickle, sys, torch, hookcount
        there = torch.library.Library("only_there", "DEF")
        there.define("times(Tensor x, int n=3) -> Tensor")
        there.impl("times", lambda x, n=3: x * n, "CompositeExplicitAutograd")
        class Times(torch.nn.Module):
            def forward(self, x):
                return torch.ops.only_there.times(x)
        mine = hookcount.Registry()
        mine.register("only_there::times", lambda x, n: hookcount.Ops(muls=n * x.numel()))
        report = hookcount.Counter(mine).count(Times(), torch.zeros(2, 8))
        sys.stdout.buffer.write(pickle.dumps(report))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=True
    )
    report = pickle.loads(done.stdout)
    assert report.total == Ops(muls=3 * 2 * 8)
    assert report.coverage().between[0].ops == Ops(muls=3 * 2 * 8)
    assert report.under("torch").headline == 0
    assert through(5)(report).by_role().to_csv() == report.by_role().to_csv()


def test_what_needs_the_model_says_that_a_pickle_has_none():
    report = through(5)(hookcount.count(*local()))
    with pytest.raises(ModelError, match=r"copied or pickled has no model\n  To fix it: call "):
        report.scaling(lambda n: torch.zeros(n, 8))
    with pytest.raises(ModelError, match="copied or pickled has no model"):
        report.under("thop").scaling(lambda n: torch.zeros(n, 8))


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, through(2), through(5)])
def test_what_exists_once_in_a_process_is_referred_to(copied):
    assert copied(USER) is USER
    assert copied(BUILTIN) is BUILTIN
    for convention in CONVENTIONS.values():
        assert copied(convention) == convention
    counter = copied(Counter(run="shapes"))
    assert (counter.registry, counter.run) == (USER, "shapes")


def linear(module, out):
    return Ops(macs=9 * out.numel())


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, through(2), through(5)])
def test_a_counter_with_formulas_of_its_own(copied, user_registrations):
    mine = Registry(name="mine")
    mine.register(nn.Linear, linear)
    counter = Counter(mine)
    counter.count(nn.Linear(8, 4), X)
    made = copied(counter)
    user_registrations.register("aten::relu", lambda out: Ops(compares=11))
    report = made.count(nn.Sequential(nn.Linear(8, 4), nn.Hardtanh()), X)
    assert report.macs == 9 * 2 * 4
    assert USER in made.registry.layers()


@pytest.mark.parametrize("wrap", [lambda each: each, Counter])
def test_a_local_formula_in_a_registry_is_an_error_that_names_it(wrap):
    mine = Registry(name="mine")
    mine.register("aten::sin", linear)
    mine.register("aten::cos", lambda out: Ops(specials=1))
    wrapped = wrap(mine)
    with pytest.raises(
        PickleError, match=r"(?s)^aten::cos: its formula in mine, .*To fix it: "
    ) as raised:
        pickle.dumps(wrapped)
    assert isinstance(raised.value, pickle.PicklingError)
    assert "test_pickling.py" in str(raised.value)
    mine.unregister("aten::cos")
    mine.register_fake("some.Module", lambda module, x: x)
    with pytest.raises(PickleError, match="some.Module: its fake in mine"):
        pickle.dumps(wrapped)
    assert copy.deepcopy(mine).get("aten::sin").price is linear


def test_a_pickle_holds_no_weights_and_no_long_lists():
    sizes = {}
    for name in ("local", "attributes"):
        report, _ = counted(name)
        sizes[name] = len(pickle.dumps(report))
    assert max(sizes.values()) < 10_000
    large = nn.Sequential(nn.Linear(2_000, 2_000))
    large[0].scripted = torch.jit.script(nn.Linear(2_000, 2_000))
    assert len(pickle.dumps(hookcount.count(large, torch.zeros(1, 2_000)))) < 10_000
