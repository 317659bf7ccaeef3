"""The second listener: module calls of its own thread, with exceptions, shared and nested calls."""

import threading
import warnings

import pytest
import torch
from helpers.ticking import Takes, ticking
from torch import nn

from hookcount.observe.clocks import HostClock
from hookcount.observe.model import checked
from hookcount.observe.timing import Listener, Spent, listening


@pytest.fixture
def clock(monkeypatch):
    return ticking(monkeypatch)


def spent_in(model, run):
    """What a listener saw of ``run()``, and the listener."""
    listener = Listener(HostClock(), Spent(checked(model)))
    with listening(listener):
        run()
    listener.end()
    return listener.spent


def test_a_module_has_the_time_without_its_children(clock):
    model = Takes(clock, 5, 7, a=Takes(clock, 11, 0, b=Takes(clock, 100)), c=Takes(clock, 1000))
    spent = spent_in(model, lambda: model(torch.zeros(1)))
    assert spent.own == {"": 5 + 7, "a": 11, "a.b": 100, "c": 1000}
    assert spent.outermost == [5 + 7 + 11 + 100 + 1000]


def test_a_module_that_is_called_several_times(clock):
    inner = Takes(clock, 10)
    model = Takes(clock, 1)
    model.inner = inner
    model.forward = lambda x: inner(inner(inner(x)))
    spent = spent_in(model, lambda: model(torch.zeros(1)))
    assert (spent.own["inner"], spent.calls) == (30, {"": 1, "inner": 3})


def test_a_module_that_calls_itself(clock):
    class Again(nn.Module):
        def forward(self, x, times):
            clock.pass_(10)
            return self(x, times - 1) if times else x

    model = nn.Sequential(Again())
    spent = spent_in(model, lambda: model[0](torch.zeros(1), 4))
    assert (spent.own, spent.calls) == ({"0": 50}, {"0": 5})


def test_a_shared_module_has_the_path_of_its_caller(clock):
    shared = Takes(clock, 10)
    model = Takes(clock, 0, a=shared, b=Takes(clock, 1, 0, c=shared))
    # `children` lists a shared module once at one parent, here at two parents
    spent = spent_in(model, lambda: model(torch.zeros(1)))
    assert spent.own == {"": 0, "a": 10, "b": 1, "b.c": 10}


def test_an_exception_ends_a_call(clock):
    class Raises(nn.Module):
        def forward(self, x):
            clock.pass_(10)
            raise ValueError

    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(Raises())

        def forward(self, x):
            try:
                self.inner(x)
            except ValueError:
                clock.pass_(100)

    model = Catches()
    spent = spent_in(model, lambda: model(torch.zeros(1)))
    assert spent.own == {"": 100, "inner": 0, "inner.0": 10}


def test_many_notes_are_added_up_in_between(clock, monkeypatch):
    monkeypatch.setattr("hookcount.observe.timing._MOST", 5)
    model = Takes(clock, 5, 7, a=Takes(clock, 11, 0, b=Takes(clock, 100)), c=Takes(clock, 1000))
    listener = Listener(HostClock(), Spent(checked(model)))
    longest = 0
    with listening(listener):
        for _ in range(6):
            model(torch.zeros(1))
            longest = max(longest, len(listener.notes))
    assert longest <= 6
    listener.end()
    assert listener.spent.own == {"": 6 * 12, "a": 6 * 11, "a.b": 6 * 100, "c": 6 * 1000}
    assert listener.spent.outermost == [1123] * 6


def test_other_threads_are_not_listened_to(clock):
    model = Takes(clock, 10)

    def elsewhere():
        thread = threading.Thread(target=model, args=(torch.zeros(1),))
        thread.start()
        thread.join()

    assert spent_in(model, elsewhere).own == {}


def test_listeners_in_two_threads_hear_each_their_own():
    models = [nn.Sequential(nn.Identity()), nn.Identity()]
    both, found = threading.Barrier(2), {}

    def run(index):
        def calls():
            both.wait()
            for _ in range(20):
                models[index](torch.zeros(1))
            both.wait()

        found[index] = spent_in(models[index], calls)

    threads = [threading.Thread(target=run, args=(index,)) for index in (0, 1)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [found[0].calls, found[1].calls] == [{"": 20, "0": 20}, {"": 20}]


def test_the_inner_of_two_listeners_hears_and_then_the_outer_again():
    model = nn.Identity()
    outer, inner = (Listener(HostClock(), Spent(checked(model))) for _ in range(2))
    with listening(outer):
        with listening(inner):
            model(torch.zeros(1))
        assert (len(outer.notes), len(inner.notes)) == (0, 2)
        model(torch.zeros(1))
    assert (len(outer.notes), len(inner.notes)) == (2, 2)
    model(torch.zeros(1))
    assert len(outer.notes) == 2


def test_a_wrapper_has_the_place_of_what_it_wraps():
    model = nn.Sequential(nn.DataParallel(nn.Linear(2, 2)))
    spent = spent_in(model, lambda: model(torch.zeros(1, 2)))
    assert spent.calls == {"": 1, "0": 1}


def test_a_module_from_outside_of_the_model_is_named_after_its_class(clock):
    other = Takes(clock, 10)

    class Calls(nn.Module):
        def forward(self, x):
            return other(x)

    model = Calls()
    assert spent_in(model, lambda: model(torch.zeros(1))).own == {"": 0, "<Takes>": 10}


def test_the_fused_path_of_the_encoder_layer_is_kept():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with torch.no_grad():
        spent = spent_in(layer, lambda: layer(torch.zeros(1, 3, 8)))
    assert spent.calls == {"": 1}


def test_no_function_is_compiled_inside_compiled_code():
    compiled = []

    def backend(graph, inputs):
        compiled.append(graph)
        return graph.forward

    class Breaks(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            x = self.a(x)
            torch._dynamo.graph_break()
            return self.b(x)

    model = torch.compile(Breaks(), backend=backend)
    x = torch.zeros(1, 4)
    with warnings.catch_warnings():  # torch 2.6 adds a filter
        model(x)
    before = len(compiled)
    assert before == 2
    for _ in range(12):  # more than torch's limit of recompilations
        spent = spent_in(model, lambda: model(x))
    assert spent.calls[""] == 1
    model(x)
    assert len(compiled) == before
