"""Programs of torch.export, and graphs of torch.fx: the ops belong to the modules of the source."""

import warnings

import pytest
import torch
from helpers.blocks import Block
from torch import nn

import hookcount


class Model(nn.Module):
    """Repeated, shared and parameterless modules, and products of its own."""

    def __init__(self):
        super().__init__()
        self.act = nn.Sigmoid()
        self.first = nn.Linear(4, 8)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.shared = Block()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x, *, k):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(self.shared(self.shared(x)))
        return {"out": self.act(x) * 2, "product": x @ k}


X, K = torch.ones(2, 4), torch.ones(8, 3)
OWN = {
    # path: type, calls, MACs; 2 rows everywhere
    "": ("Model", 1, 2 * 8 * 3),
    "first": ("Linear", 1, 2 * 4 * 8),
    "blocks.0": ("Block", 1, 0),
    "blocks.0.lin": ("Linear", 1, 2 * 8 * 8),
    "blocks.0.act": ("ReLU", 1, 0),
    "blocks.1": ("Block", 1, 0),
    "blocks.1.lin": ("Linear", 1, 2 * 8 * 8),
    "blocks.1.act": ("ReLU", 1, 0),
    "shared": ("Block", 2, 0),
    "shared.lin": ("Linear", 2, 2 * 2 * 8 * 8),
    "shared.act": ("ReLU", 2, 0),
    "norm": ("BatchNorm1d", 1, 0),
    "act": ("Sigmoid", 1, 0),
}


def exported(model, args, kwargs=None, strict=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.export.export(model, args, kwargs, strict=strict)


def own(report, below=""):
    """Type, calls, own MACs and all own operations, by path, of what has run."""
    return {
        node.path.removeprefix(below): (node.type, node.calls, node.own.macs, node.own)
        for node in report.tree
        if node.calls and node.path.startswith(below) and "_guards_fn" not in node.path
    }


@pytest.fixture(params=["training", "eval"])
def model(request):
    return Model().train(request.param == "training")


@pytest.mark.parametrize("how", ["shapes", "real"])
@pytest.mark.parametrize("strict", [False, True])
def test_every_module_has_its_work(model, strict, how):
    program = exported(model, (X,), {"k": K}, strict)
    counter = hookcount.Counter(run=how)
    before = {name: each.clone() for name, each in program.state_dict.items()}
    report = counter.count(program.module(), X, k=K)
    found = own(report)
    assert {path: row[:3] for path, row in found.items()} == OWN
    assert found == own(hookcount.count(model, X, k=K))
    assert report.macs == 2 * (8 * 3 + 4 * 8 + 4 * 8 * 8)
    assert report.run == how
    assert report.params == sum(each.numel() for each in model.parameters())
    for name, each in program.state_dict.items():
        assert torch.equal(each, before[name]), name


def test_a_program_is_counted_as_it_is(model):
    program = exported(model, (X,), {"k": K})
    report = hookcount.count(program, X, k=K)
    assert {path: row[:3] for path, row in own(report).items()} == OWN
    assert hookcount.size(program).parameters == report.params
    assert hookcount.Counter().count(program, X, k=K).total == report.total
    frame = report.to_dataframe()
    assert frame["own_macs"].sum() == report.macs
    layer = exported(nn.Sequential(nn.Linear(4, 8)), (X,))
    assert hookcount.compare({"layer": (layer, X)})["default"].tolist() == [2 * 4 * 8]
    with pytest.raises(hookcount.ModelError, match=r"program.module\(\)"):
        hookcount.Counter().watch(program).__enter__()


def test_the_rows_are_in_the_order_of_the_calls(model):
    report = hookcount.count(exported(model, (X,), {"k": K}), X, k=K)
    called = [node.path for node in report.tree if node.path in OWN]
    assert called == list(OWN)
    assert [node.path for node in report.tree if node.leaf and node.path in OWN] == [
        path for path in OWN if path and path not in ("blocks.0", "blocks.1", "shared")
    ]


def test_inside_another_model(model):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(exported(model, (X,), {"k": K}).module())
            self.head = nn.Linear(8, 5)

        def forward(self, x, k):
            return self.head(self.inner[0](x, k=k)["out"])

    report = hookcount.count(Outer(), X, K)
    found = own(report, "inner.0")
    assert {path.removeprefix("."): row[:3] for path, row in found.items()} == OWN
    assert own(report)["head"][2] == 2 * 8 * 5


def test_a_watch_sees_them_too(model):
    module = exported(model, (X,), {"k": K}).module()
    with hookcount.Counter().watch(module) as watch:
        module(X, k=K)
        module(X, k=K)
    expected = {path: (cls, 2 * calls, 2 * macs) for path, (cls, calls, macs) in OWN.items()}
    assert {path: row[:3] for path, row in own(watch.report()).items()} == expected


def test_what_runs_in_another_grad_mode_is_a_graph_in_the_graph():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = Block()
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            with torch.no_grad():
                x = self.body(x)
            return self.head(x)

    report = hookcount.count(exported(Frozen(), (torch.ones(2, 8),)), torch.ones(2, 8))
    found = {path: row[:3] for path, row in own(report).items() if row[2]}
    assert found == {
        "body.lin": ("Linear", 1, 2 * 8 * 8),
        "head": ("Linear", 1, 2 * 8 * 3),
    }


def test_an_exception_names_the_part():
    class Checks(nn.Module):
        def forward(self, x):
            return torch.linalg.cholesky(x)

    model = nn.Sequential(nn.Linear(3, 3), Checks())
    module = exported(model, (torch.eye(3),)).module()
    with pytest.raises(torch.linalg.LinAlgError) as raised:
        hookcount.Counter(run="real").count(module, -torch.eye(3) * 100)
    assert "hookcount: raised in '1' (Checks)" in "".join(raised.value.__notes__)


def test_an_edited_graph_runs_as_it_is():
    """A graph whose code was not made again: the old code runs, and its work is the model's."""
    module = exported(nn.Sequential(nn.Linear(4, 8)), (X,)).module()
    code = module.code
    for node in list(module.graph.nodes):
        if node.op == "call_function":
            with module.graph.inserting_after(node):
                module.graph.call_function(torch.relu, (node,))
    report = hookcount.count(module, X)
    assert module.code == code
    assert own(report)["0"][:3] == ("Linear", 1, 2 * 4 * 8)


def test_a_forward_of_ones_own_is_left_alone():
    module = exported(nn.Sequential(nn.Linear(4, 8)), (X,)).module()
    module.forward = lambda x: x * 2
    report = hookcount.count(module, X)
    assert (report.macs, report.total.muls) == (0, 2 * 4)
    other = exported(nn.Sequential(nn.Linear(4, 8)), (X,)).module()
    type(other).forward = lambda self, x: x * 3
    assert hookcount.count(other, X).total == hookcount.Ops(muls=2 * 4)


def test_a_symbolic_trace_keeps_its_modules():
    report = hookcount.count(
        torch.fx.symbolic_trace(nn.Sequential(Block(), Block())), torch.ones(2, 8)
    )
    source = hookcount.count(nn.Sequential(Block(), Block()), torch.ones(2, 8))
    assert report.total == source.total
    assert own(report)["0.lin"][:3] == ("Linear", 1, 2 * 8 * 8)
    assert own(report)["1.act"][:2] == ("ReLU", 1)


def test_nothing_stays(model):
    module = exported(model, (X,), {"k": K}).module()
    forward = type(module).forward
    hookcount.count(module, X, k=K)
    assert type(module).forward is forward
    assert [name for name, _ in module.named_modules() if "Original" in name] == []


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.yes = nn.Linear(4, 5)
        self.no = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 5))

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.yes(x), lambda x: self.no(x), (x,))


@pytest.mark.skipif(torch.__version__ < "2.7", reason="a mode of torch 2.6 sees no torch.cond")
@torch.no_grad()
def test_a_branch_is_a_graph_in_the_graph():
    """torch.export names the modules in a branch if it is strict."""
    program = exported(Branches(), (X,), strict=True)
    for sign, expected in (
        (1, {"yes": ("Linear", 1, 2 * 4 * 5)}),
        (-1, {"no.0": ("Linear", 1, 2 * 4 * 3), "no.1": ("Linear", 1, 2 * 3 * 5)}),
    ):
        report = hookcount.Counter(run="real").count(program, sign * X)
        found = {path: row[:3] for path, row in own(report).items() if row[2]}
        assert found == expected


def test_an_unflattened_program_has_the_types_of_the_source():
    unflattened = torch.export.unflatten(exported(Model(), (X,), {"k": K}))
    report = hookcount.count(unflattened, X, k=K)
    found = own(report)
    typed = "_ty" in vars(unflattened)  # torch 2.6 keeps no types
    for path in ("", "first", "blocks.1.lin", "blocks.1.act"):
        assert found[path][1:3] == OWN[path][1:]
        assert found[path][0] == OWN[path][0] or not typed
