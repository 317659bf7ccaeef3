"""A count inside a function that ``torch.compile`` compiles."""

import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn

import hookcount

MACS = 3 * 8 * 4


@pytest.fixture(autouse=True)
def fresh_compiler():
    with warnings.catch_warnings():  # the compiler of torch 2.6 adds a filter
        torch._dynamo.reset()
        yield
        torch._dynamo.reset()


def compiled(function, **options):
    """``function`` compiled, and the list of its graphs' numbers of nodes."""
    sizes = []

    def backend(graph, inputs):
        sizes.append(len(graph.graph.nodes))
        return graph

    return torch.compile(function, backend=backend, **options), sizes


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
def test_the_graph_ends_at_the_count_and_a_new_one_begins(run):
    layer, x, counter = nn.Linear(8, 4), torch.ones(3, 8), hookcount.Counter(run=run)

    def counts(x):
        x = x + 1
        report = counter.count(layer, x)
        return x * 2, report

    function, sizes = compiled(counts)
    for _ in range(2):
        y, report = function(x)
        assert torch.equal(y, (x + 1) * 2)
        assert report.macs == MACS
    assert sizes == [3, 3]  # input, one op, output


def test_every_verb():
    layer, x = nn.Linear(8, 4, bias=False), torch.ones(3, 8)

    def counts(x):
        with hookcount.Counter().watch(layer) as watch:
            layer(x)
        macs = hookcount.count(layer, x).macs, watch.report().macs
        scaling = hookcount.scaling(layer, lambda n: torch.ones(n, 8), range(1, 6))
        return x + 1, macs, hookcount.size(layer).parameters, scaling

    function, _ = compiled(counts)
    y, macs, parameters, scaling = function(x)
    assert torch.equal(y, x + 1)
    assert macs == (MACS, MACS)
    assert parameters == 8 * 4
    assert "MACs(n) = 32 n" in str(scaling)


def test_one_whole_graph_is_refused_by_the_compiler():
    layer = nn.Linear(8, 4)
    function, _ = compiled(lambda x: x * hookcount.count(layer, x).macs, fullgraph=True)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="count"):
        function(torch.ones(3, 8))


def test_a_compiled_model_inside_a_compiled_function():
    model, _ = compiled(nn.Linear(8, 4))
    model(torch.ones(3, 8))
    function, _ = compiled(lambda x: hookcount.count(model, x))
    assert function(torch.ones(3, 8)).macs == MACS


def test_the_compiler_goes_on_after_a_count_that_raises():
    layer, x = nn.Linear(8, 4), torch.ones(3, 8)

    def counts(x):
        try:
            hookcount.count(layer, x[:, 1:])
        except RuntimeError:
            return x * 3
        raise AssertionError("the count did not raise")

    function, _ = compiled(counts)
    assert torch.equal(function(x), x * 3)
    other, sizes = compiled(lambda x: x + 1)
    other(x)
    assert sizes == [3]


def test_a_plain_count_does_not_import_the_compiler():
    code = """
import sys, torch, hookcount
layer = torch.nn.Linear(8, 4)
with hookcount.Counter().watch(layer) as watch:
    layer(torch.ones(3, 8))
print(hookcount.count(layer, torch.ones(3, 8)).macs, "torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == f"{MACS} False\n", done.stderr
