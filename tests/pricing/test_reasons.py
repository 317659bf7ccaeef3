"""Ops on sparse operands, and ops without tensors."""

import re
import warnings

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, Ops, Registry


class Gcn(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x, adjacency):
        return adjacency @ self.layer(x)


class Squared(nn.Module):
    def forward(self, x):
        return x @ x


SPARSE = {
    "coordinates": lambda: torch.eye(10).to_sparse(),
    "csr": lambda: torch.eye(10).to_sparse_csr(),
}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", SPARSE)
def test_the_advice_for_a_sparse_operand_prices_no_dense_product(layout, user_registrations):
    with pytest.warns(hookcount.UncountedWarning) as caught:
        report = hookcount.count(Gcn(), torch.zeros(10, 8), SPARSE[layout]())
    assert report.macs == 10 * 8 * 4  # of the layer
    text = report.explain_uncounted()
    assert text in [str(each.message) for each in caught]
    assert re.search(r"aten::\w*mm\w* on a sparse operand is not counted", text)
    assert "has no formula" not in text
    for line in text.splitlines():  # each line that is code, as a user may paste it
        if "hookcount." in line:
            exec(line[line.index("hookcount.") :])
    assert hookcount.count(Squared(), torch.zeros(10, 10)).macs == 10 * 10 * 10


def test_a_formula_for_the_module_counts_it():
    registry = Registry()
    registry.register(Gcn, lambda module, x, adjacency: Ops(macs=10 * 4))
    report = hookcount.Counter(registry).count(Gcn(), torch.zeros(10, 8), SPARSE["coordinates"]())
    assert report.require_complete().macs == 10 * 4 + 10 * 8 * 4


def test_an_op_that_is_free_is_free_on_a_sparse_operand_too():
    registry = Registry()
    registry.register("aten::mm", FREE)
    report = hookcount.Counter(registry).count(Gcn(), torch.zeros(10, 8), SPARSE["coordinates"]())
    assert report.require_complete().macs == 10 * 8 * 4


LIBRARY = torch.library.Library("hookcount_reasons", "DEF")
LIBRARY.define("version(int of=1, str name='', int[] more=[]) -> int")
LIBRARY.define("nothing() -> ()")
LIBRARY.define("made(int n) -> Tensor")
LIBRARY.define("sizes(Tensor[] x) -> int[]")
LIBRARY.impl("version", lambda of=1, name="", more=(): of, "CompositeExplicitAutograd")
LIBRARY.impl("nothing", lambda: None, "CompositeExplicitAutograd")
LIBRARY.impl("made", lambda n: torch.ones(n), "CompositeExplicitAutograd")
LIBRARY.impl("sizes", lambda x: list(x[0].shape), "CompositeExplicitAutograd")
MINE = torch.ops.hookcount_reasons


class Asks(nn.Module):
    def __init__(self, ask):
        super().__init__()
        self.ask, self.layer = ask, nn.Linear(8, 8, bias=False)

    def forward(self, x):
        self.ask(x)
        return self.layer(x)


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("ask", [lambda x: MINE.version(2, "a", [1, 2]), lambda x: MINE.nothing()])
def test_an_op_without_tensors_is_free(ask, run):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = hookcount.Counter(run=run).count(Asks(ask), torch.zeros(2, 8))
    assert (report.macs, report.uncounted) == (2 * 8 * 8, ())


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("ask", [lambda x: MINE.made(3), lambda x: MINE.sizes([x])])
def test_an_op_that_takes_or_gives_a_tensor_is_not(ask, run):
    with pytest.warns(hookcount.UncountedWarning, match="has no formula"):
        report = hookcount.Counter(run=run).count(Asks(ask), torch.zeros(2, 8))
    assert [each.calls for each in report.uncounted] == [1]


def test_a_formula_for_such_an_op_pays():
    registry = Registry()
    registry.register("hookcount_reasons::version", lambda of: Ops(macs=of))
    model = Asks(lambda x: MINE.version(7))
    assert hookcount.Counter(registry).count(model, torch.zeros(2, 8)).macs == 7 + 2 * 8 * 8


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_shapes_run_says_that_the_code_may_take_another_path_on_its_own_device(run):
    with pytest.warns(hookcount.UncountedWarning) as caught:
        hookcount.Counter(run=run).count(Asks(lambda x: MINE.made(3)), torch.zeros(2, 8))
    assert ("hookcount.Counter(run='real')" in str(caught[0].message)) == (run == "shapes")
