"""Outputs that no seen op made are named, and free outputs are not."""

import ctypes
import dataclasses
import functools
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount

X = torch.ones(2, 8)
LINEAR = 2 * 8 * 8
HELD = torch.ones(2, 8)


class Layers(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.weight = nn.Parameter(torch.ones(8, 8))
        self.table = torch.ones(2, 8)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


@dataclasses.dataclass
class Output:
    value: object


def named(model, run="auto"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        report = hookcount.Counter(run=run).count(model, X.clone())
    return report, [(each.paths, each.unseen.what) for each in report.uncounted if each.unseen]


def stream(self, x):
    for _ in range(3):
        x = self.a(x)
        yield x


async def waits(self, x):
    return self.a(x)


LATER = {
    "a generator": stream,
    "a coroutine": waits,
    "a map object": lambda self, x: map(self.a, [x, x]),
    "a lambda": lambda self, x: lambda: self.a(x),
    "a functools.partial": lambda self, x: functools.partial(self.a, x),
}
WRAPPED = {
    "plain": lambda out: out,
    "dict": lambda out: {"out": [(out,)]},
    "dataclass": Output,
    "ordered": lambda out: OrderedDict(out=out),
}


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("kind", LATER)
@pytest.mark.filterwarnings("error::RuntimeWarning")  # a coroutine that nobody awaits
def test_work_after_the_forward_is_named(kind, wrap, run):
    model = Layers(lambda self, x: WRAPPED[wrap](LATER[kind](self, x)))
    report, found = named(model, run)
    assert found == [(("",), f"returned {kind}, which computes after the forward")]
    assert "runs it to its end" in report.explain_uncounted()


def test_a_generator_that_the_parent_consumes_is_counted():
    class Parent(nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = Layers(stream)

        def forward(self, x):
            return sum(self.steps(x))

    report, found = named(Parent())
    assert (report.macs, found) == (3 * LINEAR, [])


def test_ops_of_a_generator_are_not_paid_for_by_the_module_that_runs_it():
    class Products(nn.Module):
        def forward(self, x):
            yield x @ x.t()

    class Sum(nn.Module):
        def forward(self, items):
            return sum(items)

    formulas = hookcount.Registry()
    formulas.register(Sum, lambda: hookcount.Ops())
    model = nn.Sequential(Products(), Sum())
    assert hookcount.Counter(formulas).count(model, X).macs == 2 * 8 * 2


def test_a_generator_that_a_watch_block_consumes_is_counted():
    model = Layers(stream)
    with hookcount.Counter().watch(model) as watch:
        list(model(X))
    assert (watch.report().macs, watch.report().uncounted) == (3 * LINEAR, ())


def through_ctypes(self, x):
    hidden, out = self.a(x), torch.empty(2, 8)
    ctypes.memmove(out.data_ptr(), hidden.data_ptr(), 64)
    return out


UNSEEN = {
    "numpy": lambda self, x: torch.from_numpy(self.a(x).detach().numpy() * 2),
    "a view": lambda self, x: torch.from_numpy(self.a(x).detach().numpy() * 2)[0],
    "no op at all": lambda self, x: torch.from_numpy(x.numpy() * 2),
    "dlpack": lambda self, x: torch.from_dlpack(self.a(x).detach().numpy() * 2),
    "ctypes": through_ctypes,
}


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("kind", UNSEEN)
def test_an_output_that_no_op_made_is_named(kind, wrap):
    model = nn.Sequential(Layers(lambda self, x: WRAPPED[wrap](UNSEEN[kind](self, x))))
    found = named(model, "real")[1]
    assert found == [(("0",), "made its output without any visible op")]
    with hookcount.Counter().watch(model) as watch:
        kept = model(X)
    with pytest.warns(hookcount.UncountedWarning, match="without any visible op"):
        assert [each.paths for each in watch.report().uncounted] == [("0",)]
    del kept


@functools.cache
def positions(n):
    return torch.arange(n * 8.0).view(n, 8)


@functools.lru_cache(maxsize=2)
def few_positions(n):
    return torch.arange(n * 8.0).view(n, 8)


def closure():
    held = torch.ones(2, 8)
    return lambda: held


closed = closure()


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2


class Special(torch.Tensor):
    pass


def filled(self, x):
    out = torch.empty(2, 8)
    for index in range(2):
        out[index] = self.a(x[index])
    return out


def by_parts(fill):
    def forward(self, x):
        made = self.a(x).new_empty(2, 8)
        fill(made, x)
        return made

    return forward


FILLS = {
    "copy_": lambda out, x: out.copy_(x),
    "rows": lambda out, x: [out[index].copy_(x[index]) for index in range(2)],
    "an item": lambda out, x: out.__setitem__(0, 1.0),
    "index_put": lambda out, x: out.__setitem__(torch.tensor([0, 1]), x),
    "out=": lambda out, x: torch.mul(x, 2, out=out),
    "out= of a composite op": lambda out, x: torch.special.ndtr(x, out=out),
    "zero_": lambda out, x: out.zero_(),
    "scatter_": lambda out, x: out.scatter_(1, torch.zeros(2, 1, dtype=torch.long), 1.0),
    "a transposed view": lambda out, x: out.t().copy_(x.t()),
    "noise": lambda out, x: out.normal_(),
}


def scripted(x):
    hidden = x * 2
    return hidden, hidden + 1, [hidden]


scripted = torch.jit.script(scripted)
FREE = {
    "identity": lambda self, x: x,
    "view": lambda self, x: x.view(16),
    "cached": lambda self, x: positions(2),
    "cached, bounded": lambda self, x: few_positions(2),
    "global": lambda self, x: HELD,
    "closure": lambda self, x: closed(),
    "attribute": lambda self, x: self.table,
    "parameter": lambda self, x: self.weight,
    "view of a parameter": lambda self, x: self.a.weight[0],
    "new parameter": lambda self, x: nn.Parameter(x * 2),
    "subclass": lambda self, x: (x * 2).as_subclass(Special),
    "function": lambda self, x: Twice.apply(x),
    "vmap": lambda self, x: torch.vmap(self.a)(x),
    "checkpoint": lambda self, x: checkpoint(self.a, x, use_reentrant=False),
    "constant": lambda self, x: torch.tensor([1.0, 2.0]),
    "filled": filled,
    **{f"filled by {name}": by_parts(fill) for name, fill in FILLS.items()},
    "filled later": lambda self, x: torch.empty_like(self.a(x)).view(16).fill_(1.0),
    "scripted": lambda self, x: scripted(x),
    "nothing": lambda self, x: torch.empty(0),
    "iterator over results": lambda self, x: iter([self.a(x)]),
    "a plain function": lambda self, x: (self.a(x), torch.relu),
    "dropout": lambda self, x: nn.functional.dropout(x, training=False),
    "attribute set here": lambda self, x: (setattr(self, "last", self.a(x)), self.last)[1],
}


@pytest.mark.parametrize("run", ["auto", "real"])
@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("kind", FREE)
def test_free_outputs_are_not_named(kind, inference, run):
    positions(2)
    few_positions(2)
    with torch.inference_mode(inference):
        model = nn.Sequential(Layers(FREE[kind]))
        assert named(model, run)[1] == []
        assert named(model, run)[1] == []


BARE = {
    "empty_like": lambda self, x: torch.empty_like(self.a(x)),
    "new_empty": lambda self, x: self.a(x).new_empty(2, 8),
    "a view": lambda self, x: x.new_empty(2, 8).t(),
    "of the input": lambda self, x: torch.empty_like(x),
    "one of two": lambda self, x: (self.a(x), torch.empty_like(x)),
}


@pytest.mark.parametrize("kind", BARE)
def test_a_bare_allocation_is_named_in_every_run(kind):
    for run in ("real", "shapes"):
        model = nn.Sequential(Layers(BARE[kind]))
        assert named(model, run)[1] == [(("0",), "made its output without any visible op")]


def test_numpy_tables_of_a_cache_are_not_named():
    @functools.cache
    def table():
        return torch.from_numpy(np.ones((2, 8), dtype=np.float32))

    table()
    assert named(Layers(lambda self, x: table()))[1] == []
