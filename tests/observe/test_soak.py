"""Counts leave nothing that grows: no class, model, input or exception of a count lives on."""

import collections
import gc
import json
import os
import pathlib
import subprocess
import sys
import types
import weakref

import pytest
import torch
from helpers.marks import sees_higher_order_ops
from torch import nn
from torch.nn.attention.flex_attention import flex_attention
from torch.nn.utils import parametrizations

import hookcount

TEXT = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 2, 3)

    def forward(self, x):
        return torch.tanh(self.conv(x.reshape(1, 2, 8)))

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def forward(self, x):
        return self.block(x) @ torch.ones(6, 3)
"""


class Fails(Exception):
    """An exception of a forward. It refers to the model."""


def by_a_function():
    Pair = collections.namedtuple("Pair", "first second")

    class Config:
        width = 4

    class Width(int):
        pass

    class Layer(nn.Linear):
        pass

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = Layer(4, 4)
            self.norm = parametrizations.weight_norm(nn.Linear(4, 4))
            self.kind, self.apply_first = Layer, lambda x: x
            self.table = {"pair": Pair(1, 2), "width": Width(3)}
            self.kept = [torch.zeros(3)]
            self.register_buffer("scale", torch.ones(4))

        def forward(self, x, config=Config):
            y = self.norm(self.layer(self.apply_first(x))) * self.scale
            return Pair(y, {Width(2): y + 1})

    model = Model()
    return model, [Pair, Width, Layer, Model, type(model.norm), Config]


def by_exec():
    names = {"__name__": "fresh"}
    exec(compile(TEXT, "<fresh>", "exec"), names)
    model = names["Model"]()
    return model, [names["Model"], names["Block"], names["Block"].forward.__code__]


def raising():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            self.layer(x)
            raise Fails(self)

    return Model(), [Model]


MAKERS = {"function": by_a_function, "exec": by_exec, "raising": raising}


def soak(times, make, counter, reads=()):
    """Count ``times`` fresh models. Returns what is alive afterwards, of all that was made."""
    watched = []
    for _ in range(times):
        model, made = make()
        x = torch.zeros(4, 4)
        watched += map(weakref.ref, (model, x, *made))
        try:
            report = (counter or hookcount.Counter()).count(model, x)
            for convention in reads:
                str(report.under(convention))
        except Fails as error:
            watched.append(weakref.ref(error))
        report = None
    del model, made, x
    gc.collect()
    return [each() for each in watched if each() is not None]


@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize("kind", MAKERS)
def test_nothing_of_a_count_lives_on(kind, one):
    counter = hookcount.Counter() if one else None
    assert soak(20, MAKERS[kind], counter, reads=("thop", "torch")) == []


@pytest.mark.slow
@pytest.mark.parametrize("one", [False, True])
@pytest.mark.parametrize(
    ("kind", "times"), [("function", 2_000), ("exec", 2_000), ("raising", 500)]
)
def test_2000_counts_of_fresh_classes_grow_by_less_than_half_a_kibibyte_each(kind, times, one):
    """In a process of its own. After thousands of other tests a count has grown by 1.1 KiB."""
    here = pathlib.Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE, kind, str(times), str(int(one))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (here, here.parent)))},
    )
    assert done.returncode == 0, done.stderr
    alive, grown = json.loads(done.stdout)
    assert alive == 0
    assert grown <= 512 * times


ALONE = """
import json, sys, tracemalloc
import hookcount, test_soak

kind, times, one = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
make, counter = test_soak.MAKERS[kind], hookcount.Counter() if one else None
test_soak.soak(50, make, counter)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
alive = test_soak.soak(times, make, counter)
print(json.dumps([len(alive), tracemalloc.get_traced_memory()[0] - before]))
"""


def test_a_counter_forgets_a_class_that_was_redefined(monkeypatch):
    """As in a notebook, where a cell that defines a class runs again."""
    module = types.ModuleType("notebook")
    monkeypatch.setitem(sys.modules, "notebook", module)
    counter, old, x = hookcount.Counter(), [], torch.zeros(4, 4)
    for _ in range(5):
        exec(TEXT, vars(module))
        model = module.Model()
        assert counter.count(model, x).macs == 1 * 2 * 2 * 3 * 6 + 2 * 6 * 3
        assert counter.count(model, x).reuse[1] == 0  # all op shapes were known
        old.append(weakref.ref(module.Model))
        del model
    gc.collect()
    assert [each() for each in old[:-1]] == [None] * 4
    assert old[-1]() is module.Model


@sees_higher_order_ops
def test_a_function_that_an_op_receives_does_not_live_on_in_a_counter():
    """flex_attention is one op, and ``score_mod`` is an argument of it."""
    counter, ended = hookcount.Counter(), []

    class Attends(nn.Module):
        def forward(self, x):
            def score(score, batch, head, query, key):
                return score * 2

            ended.append(weakref.ref(score))
            return flex_attention(x, x, x, score_mod=score)

    x = torch.zeros(1, 2, 16, 16)
    macs = [counter.count(Attends(), x).macs for _ in range(3)]
    assert macs == [2 * 2 * 16 * 16 * 16] * 3  # two products, two heads
    gc.collect()
    assert len(ended) >= 3
    assert [each() for each in ended if each() is not None] == []
