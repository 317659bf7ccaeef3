"""Which ops reach an output of the model."""

import pytest
import torch
from helpers.functions import Fn
from torch import nn

import hookcount
from hookcount.observe import reach
from hookcount.rules.registry import target_name


def lost(model, *args, run="auto"):
    """By op, how many of its calls reach no output."""
    with torch.no_grad():
        trace = hookcount.Counter(run=run).count(model, *args).priced.trace
    found = {}
    for each in trace.runs:
        for op in each.ops:
            if op.lost:
                name = target_name(op.call.target).partition(".")[0].removeprefix("aten::")
                found[name] = found.get(name, 0) + op.lost
    return found


def once(x):
    x.sin()
    return x.cos()


def in_place(x):
    y = x + 1
    y.sin_()
    return y


def by_a_view(x):
    y = x + 1
    y[0].sin_()
    return y


def a_view_made_before(x):
    y = x + 1
    z = y.view(-1)
    y.sin_()
    return z


def for_nothing(x):
    y = x.exp()
    y.sin_()
    return x + 1


def of_the_input(x):
    x.sin_()
    return x + 1


def in_a_loop(x):
    for _ in range(3):
        y = x.sin()
        x = x + 1
    return x, y


def into_a_list(x):
    return torch.cat([x.sin(), x.cos()])


def item(x):
    return x + torch.arange(3).sum().item()


CASES = {
    "a result that nobody uses": (once, {"sin": 1}),
    "in place": (in_place, {}),
    "by a view": (by_a_view, {}),
    "a view made before": (a_view_made_before, {}),
    "in place for nothing": (for_nothing, {"exp": 1, "sin_": 1}),
    "to the input": (of_the_input, {}),
    "some of equal calls": (in_a_loop, {"sin": 2}),
    "a list": (into_a_list, {}),
    "a value that is read": (item, {"arange": 1, "sum": 1}),
    "an output without a tensor": (lambda x: len(x.sin()), {}),
    "in a dict": (lambda x: {"a": [x.sin()], "b": 1}, {}),
}


@pytest.mark.parametrize("run", ["auto", "real"])
@pytest.mark.parametrize("case", CASES)
def test_what_is_lost(case, run):
    function, expected = CASES[case]
    found = lost(Fn(lambda me, x: function(x)), torch.zeros(2, 3), run=run)
    found = {name: times for name, times in found.items() if name not in ("select", "detach")}
    assert {n: t for n, t in found.items() if n in ("_local_scalar_dense",)} in (
        {},
        {"_local_scalar_dense": 1},
    )
    found.pop("_local_scalar_dense", None)
    assert found == expected


def test_a_layer_before_a_recurrent_one_is_not_lost():
    """The ops of a long sequence are derived from those of short ones."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.gru, self.last = nn.Linear(7, 7), nn.GRU(7, 11), nn.Linear(11, 3)

        def forward(self, x):
            return self.last(self.gru(self.first(x))[0])

    assert "addmm" not in lost(Net(), torch.zeros(40, 5, 7))


def test_a_branch_without_an_end():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.other = nn.Linear(7, 3), nn.Linear(7, 5)

        def forward(self, x):
            self.other(x)
            return self.used(x)

    with torch.no_grad():
        report = hookcount.count(Net(), torch.zeros(2, 7))
    assert report.macs == 2 * 7 * 3 + 2 * 7 * 5
    assert report.under("rfdetr").headline == 2 * 7 * 3


def test_too_many_ops_are_all_kept(monkeypatch):
    monkeypatch.setattr(reach.Reach.__init__, "__defaults__", (2,))
    assert lost(Fn(lambda me, x: once(x)), torch.zeros(2, 3)) == {}


def test_under_a_transform_nothing_is_lost():
    layer = nn.Linear(3, 3)
    model = Fn(lambda me, x: torch.func.vmap(layer)(x), layer=layer)
    assert lost(model, torch.zeros(2, 4, 3)) == {}


def test_a_tensor_without_an_op_is_nobodys_result():
    """The identity of a tensor that is gone may be that of the next one."""

    def function(x):
        for n in range(40):
            x.sin().cos().neg()
            x = x + torch.as_tensor([n, n, n])
        return x

    assert lost(Fn(lambda me, x: function(x)), torch.zeros(2, 3)) == {
        "sin": 40,
        "cos": 40,
        "neg": 40,
    }
