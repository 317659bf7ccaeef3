"""Modules of TorchScript: the ops belong to the submodules that ran them."""

import pytest
import torch
from helpers.blocks import Block
from torch import nn

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated")


class Loops(nn.Module):
    """Two lists with equal names inside, a loop, a branch, a method of its own, an early return."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)  # registered first, called last
        self.left = nn.ModuleList([Block(), Block()])
        self.right = nn.ModuleList([nn.Linear(8, 8)])
        self.shared = Block()
        self.sometimes = nn.Linear(8, 8)

    def forward(self, x, steps: int = 2, wide: bool = False):
        for block in self.left:
            x = block(x)
        for layer in self.right:
            x = layer(x)
        for _ in range(steps):
            x = self.shared(x)
        if wide:
            return self.sometimes(x), x
        return self.norm(x), self.product(x)

    @torch.jit.export
    def product(self, x):
        return x @ self.shared.lin(x).t()


X = torch.ones(2, 8)


def own(report):
    """Type, calls and all own operations by path."""
    return {node.path: (node.type, node.calls, node.own) for node in report.tree}


@pytest.mark.parametrize("how", ["shapes", "real"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("given", [{}, {"steps": 3}, {"wide": True}, {"steps": 0, "wide": False}])
def test_every_submodule_has_its_work(given, training, how):
    model = Loops().train(training)
    scripted = torch.jit.script(model)
    before = {name: each.clone() for name, each in scripted.state_dict().items()}
    report = hookcount.Counter(run=how).count(scripted, X, **given)
    assert report.run == how
    assert own(report) == own(hookcount.count(model, X, **given))
    square, steps = 2 * 8 * 8, given.get("steps", 2)
    end = 1 if given.get("wide") else 1 + 2 * 2 * 8 / square
    assert report.macs == square * (2 + 1 + steps + end)
    for name, each in scripted.state_dict().items():
        assert torch.equal(each, before[name]), name


def test_arguments_by_position_and_by_name():
    """The first Linear of each branch is the same: 4 blocks and layers, and one for ``wide``."""
    scripted = torch.jit.script(Loops().eval())
    expected = 2 * 8 * 8 * (2 + 1 + 1 + 1)
    assert hookcount.count(scripted, X, 1, True).macs == expected
    assert hookcount.count(scripted, wide=True, x=X, steps=1).macs == expected
    with pytest.raises((RuntimeError, TypeError), match="thick"):
        hookcount.count(scripted, X, thick=True)
    with pytest.raises((RuntimeError, TypeError), match="missing value"):
        hookcount.count(scripted)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_traced_module():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block()

        def forward(self, x):
            return self.block(self.block(x))

    model = nn.Sequential(nn.Linear(8, 8), nn.Sequential(Twice(), nn.ReLU()), Block()).eval()
    traced = torch.jit.trace(model, X)
    source = own(hookcount.count(model, X))
    assert own(hookcount.count(traced, X)) == source
    assert own(hookcount.count(traced, X)) == source  # torch has stored its forward by now


def test_inside_another_model():
    model = nn.Sequential(Block(), Block(), nn.Linear(8, 3))
    source = own(hookcount.count(model, X))
    model[1] = torch.jit.script(model[1])
    assert own(hookcount.count(model, X)) == source
    model[2] = torch.jit.script(model[2])
    assert own(hookcount.count(model, X)) == source


def test_a_watch_keeps_what_the_forward_changes():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0
            self.block = Block()

        def forward(self, x):
            self.calls += 1
            return self.block(x)

    scripted = torch.jit.script(Counts())
    with hookcount.Counter().watch(scripted) as watch:
        scripted(X)
        scripted(X)
    assert scripted.calls == 2
    found = own(watch.report())
    assert found["block.lin"][:2] == ("Linear", 2)
    assert found["block.lin"][2].macs == 2 * 2 * 8 * 8


def test_an_exception_names_the_submodule():
    class Checks(nn.Module):
        def forward(self, x):
            return torch.linalg.cholesky(x)

    scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 3), Checks()))
    with pytest.raises(RuntimeError, match="cholesky") as raised:
        hookcount.Counter(run="real").count(scripted, -torch.eye(3) * 100)
    assert "hookcount: raised in '1' (Checks)" in "".join(raised.value.__notes__)


def test_a_frozen_module_has_no_submodules():
    frozen = torch.jit.freeze(torch.jit.script(nn.Sequential(Block(), Block()).eval()))
    report = hookcount.count(frozen, X)
    assert report.macs == 2 * 2 * 8 * 8


def test_nothing_stays():
    scripted = torch.jit.script(Loops())
    cls = type(scripted)
    before = dict(vars(cls))
    graph = str(scripted.graph)
    hookcount.count(scripted, X)
    assert dict(vars(cls)) == before
    assert str(scripted.graph) == graph
    out, _ = scripted(X)
    assert out.shape == (2, 8)


class OfOldStyle(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.block = torch.jit.script(Block())

    @torch.jit.script_method
    def forward(self, x):
        return self.block(x) * 2


class InPython(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.block = torch.jit.script(Block())

    def forward(self, x):
        return self.block(x) * 2


@pytest.mark.parametrize("cls", [OfOldStyle, InPython])
def test_a_class_of_ones_own(cls):
    found = own(hookcount.count(cls(), X))
    assert {path: row[1] for path, row in found.items()} == {
        "": 1,
        "block": 1,
        "block.lin": 1,
        "block.act": 1,
    }
    assert found["block.lin"][2].macs == 2 * 8 * 8
    assert found[""][2] == hookcount.Ops(muls=2 * 8)
