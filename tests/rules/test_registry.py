"""Registering: three states, layers, names, subclasses, subtrees, and the warning about what nobody
registered.
"""

import re
import warnings

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, OBSERVED, Ops, Registry

X = torch.zeros(4, 6)


class Block(nn.Module):
    """Two children and an op of its own between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6, bias=False), nn.Linear(6, 5, bias=False)

    def forward(self, x):
        return self.b(self.a(x) * 2)


def count(registry, model=None):
    return hookcount.Counter(registry).count(model or Block(), X)


def test_own_formula_replaces_what_forward_itself_does():
    registry = Registry()

    @registry.register(Block)
    def block(module, x, *, out):
        assert isinstance(module, Block)
        assert tuple(module.b.weight.shape) == (5, 6)
        return Ops(specials=x.numel() + out.numel())

    report = count(registry)
    assert report.tree.own == Ops(specials=4 * 6 + 4 * 5)
    assert report.total == Ops(specials=4 * 6 + 4 * 5, macs=4 * 6 * 6 + 4 * 6 * 5)


def test_subtree_formula_pays_for_all_beneath():
    registry = Registry()
    registry.register(Block, lambda module, x, *, out: Ops(macs=7), covers="subtree")
    model = nn.Sequential(Block(), nn.Linear(5, 2, bias=False))
    report = count(registry, model)
    assert {node.path: node.own.macs for node in report.tree if node.own} == {
        "0": 7,
        "1": 4 * 5 * 2,
    }
    assert report.total == Ops(macs=7 + 4 * 5 * 2)
    assert [node.calls for node in report.tree] == [1] * 5


def test_free_covers_own_work_or_the_subtree():
    registry = Registry()
    registry.register(Block, FREE)
    assert count(registry).total == Ops(macs=4 * 6 * 6 + 4 * 6 * 5)
    registry.replace(Block, FREE, covers="subtree")
    model = nn.Sequential(Block(), nn.Linear(5, 2, bias=False))
    assert count(registry, model).total == Ops(macs=4 * 5 * 2)
    assert [node.calls for node in count(registry, model).tree] == [1] * 5


def test_what_is_in_a_free_subtree_is_not_uncounted():
    registry = Registry()
    registry.register(UsesCustomOp, FREE, covers="subtree")
    assert count(registry, custom()).require_complete().total == Ops(compares=24)


def test_observed_undoes_a_formula():
    registry = Registry()
    registry.register(nn.Linear, OBSERVED)
    report = count(registry)
    assert report.total == count(Registry()).total
    assert set(report.by_op().target) == {"aten::mm", "aten::mul"}
    assert set(count(Registry()).by_op().target) == {"Linear", "aten::mul"}


def test_an_ops_formula_by_object_name_and_overload():
    for target in (torch.ops.aten.mul, torch.ops.aten.mul.Tensor, "aten::mul", "aten::mul.Tensor"):
        registry = Registry()
        registry.register(target, lambda x, factor, *, out: Ops(specials=5))
        assert count(registry).tree.own == Ops(specials=5), target


def test_an_overload_answers_before_the_op():
    registry = Registry()
    registry.register("aten::mul", lambda x, factor, *, out: Ops(adds=1))
    registry.register("aten::mul.Tensor", lambda x, factor, *, out: Ops(adds=2))
    assert count(registry).tree.own == Ops(adds=2)


@pytest.mark.parametrize(
    "name", [f"{__name__}.Block", "torch.nn.Sequential", "torch.nn.modules.container.Sequential"]
)
def test_module_by_name(name):
    registry = Registry()
    registry.register(name, lambda module, x, *, out: Ops(adds=11))
    assert count(registry, nn.Sequential(Block())).total.adds == 11


def test_name_of_what_is_not_installed_is_no_error():
    registry = Registry()
    registry.register("no_such_package.Model", FREE)
    registry.register("no_such::op", FREE)
    assert count(registry).total == count(None).total


def test_user_layer_and_its_removal(user_registrations):
    @hookcount.register(Block)
    def block(module, x, *, out):
        return Ops(adds=3)

    assert block.__name__ == "block"  # the decorator gives the function back
    assert hookcount.count(Block(), X).tree.own == Ops(adds=3)
    hookcount.replace(Block, FREE)
    assert hookcount.count(Block(), X).tree.own == Ops()
    hookcount.unregister(Block)
    assert hookcount.count(Block(), X).tree.own == Ops(muls=4 * 6)


def test_a_counters_registry_answers_before_the_users(user_registrations):
    hookcount.register(Block, lambda module, x, *, out: Ops(adds=3))
    mine = Registry(name="mine")
    mine.register(Block, lambda module, x, *, out: Ops(adds=4))
    assert count(mine).tree.own == Ops(adds=4)
    assert count(Registry()).tree.own == Ops(adds=3)
    lower = Registry(name="lower")
    lower.register("aten::mul", FREE)
    upper = Registry(lower, name="upper")
    upper.register(Block, OBSERVED)
    assert count(upper).tree.own == Ops()
    assert upper.base is lower
    assert lower.base is None


def test_registering_later_reaches_a_counter_made_before(user_registrations):
    mine = Registry()
    counter = hookcount.Counter(mine)
    mine.register(Block, lambda module, x, *, out: Ops(adds=9))
    assert counter.count(Block(), X).tree.own == Ops(adds=9)


def test_registering_twice_names_both():
    registry = Registry(name="mine")

    def first(x, *, out): ...
    def second(x, *, out): ...

    registry.register("mylib::op", first)
    with pytest.raises(hookcount.RegistrationError) as caught:
        registry.register("mylib::op", second)
    for function in (first, second):
        assert f"test_registry.py:{function.__code__.co_firstlineno}" in str(caught.value)
    assert "mylib::op is registered in mine already" in str(caught.value)
    registry.replace("mylib::op", second)
    assert registry.get("mylib::op").price is second


def test_class_and_its_name_are_one_target():
    registry = Registry()
    registry.register(Block, FREE)
    with pytest.raises(hookcount.RegistrationError, match="already"):
        registry.register(f"{__name__}.Block", FREE)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda r: r.register(3, FREE), "cannot register 3 of int"),
        (
            lambda r: r.register(nn.Linear(2, 2), FREE),
            "an instance of Linear.*give an nn.Module class",
        ),
        (lambda r: r.register(dict, FREE), "cannot register"),
        (lambda r: r.register(3), "cannot register 3 of int"),
        (lambda r: r.replace(3), "cannot register 3 of int"),
        (lambda r: r.register_fake(3), "cannot register 3 of int"),
        (lambda r: Registry(3), "the base is not a Registry"),
        (lambda r: r.register("relu", FREE), "'relu' names no target.*namespace::op"),
        (lambda r: r.register(nn.Linear, 5), "5 is no formula"),
        (lambda r: r.register(nn.Linear, FREE, covers="all"), "covers='all'"),
        (
            lambda r: r.register(nn.Linear, OBSERVED, covers="subtree"),
            "Linear: OBSERVED pays for nothing.*hookcount.FREE",
        ),
        (lambda r: r.register("aten::mm", FREE, covers="subtree"), "aten::mm: nothing runs"),
        (lambda r: r.replace(nn.Linear, FREE), "not registered.*use register"),
        (lambda r: r.unregister(nn.Linear), "not registered"),
    ],
)
def test_wrong_registrations(wrong, says):
    with pytest.raises(hookcount.RegistrationError, match=says):
        wrong(Registry())


# -- subclasses ------------------------------------------------------------------------------------


class Kept(nn.Linear):
    pass


class Changed(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 2


class KeptOfChanged(Changed):
    pass


def test_formulas_go_by_who_owns_forward():
    registry = Registry()
    registry.register(nn.Linear, lambda module, input, *, out: Ops(adds=1))
    assert count(registry, Kept(6, 5)).total == Ops(adds=1)
    assert count(registry, Changed(6, 5, bias=False)).total == Ops(macs=4 * 6 * 5, muls=4 * 5)
    assert count(registry, KeptOfChanged(6, 5, bias=False)).total == Ops(macs=4 * 6 * 5, muls=4 * 5)
    registry.register(Changed, lambda module, input, *, out: Ops(adds=2))
    assert count(registry, Changed(6, 5)).total == Ops(adds=2)
    assert count(registry, KeptOfChanged(6, 5)).total == Ops(adds=2)


# -- what nobody registered ------------------------------------------------------------------------

torch.library.define("hookcount_test::triple", "(Tensor x, float by=3.0) -> Tensor")


@torch.library.impl("hookcount_test::triple", "CompositeExplicitAutograd")
def _triple(x, by=3.0):
    return x * by


class UsesCustomOp(nn.Module):
    def forward(self, x):
        return torch.ops.hookcount_test.triple(x) + torch.ops.hookcount_test.triple(x)


def custom():
    return nn.Sequential(UsesCustomOp(), nn.ReLU(), UsesCustomOp())


def test_custom_op_warns_once_names_all_and_what_to_paste():
    with pytest.warns(hookcount.UncountedWarning) as caught:
        report = hookcount.count(custom(), X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert "hookcount_test::triple has no formula: 4 calls in '0', '2'" in text
    (missed,) = report.uncounted
    assert (missed.target, missed.by, missed.paths, missed.calls) == (
        "hookcount_test::triple",
        "op",
        ("0", "2"),
        4,
    )
    assert report.total == Ops(adds=2 * 4 * 6, compares=4 * 6)
    assert report.to_dataframe().uncounted.tolist() == [0, 2, 0, 2]
    with pytest.raises(hookcount.UncountedError, match="hookcount_test::triple"):
        report.require_complete()
    assert "hookcount_test::triple" in str(report)


def test_the_lines_of_the_warning_can_be_pasted(user_registrations):
    with pytest.warns(hookcount.UncountedWarning) as caught:
        hookcount.count(custom(), X)
    lines = str(caught[0].message).splitlines()
    pasted = "\n".join(
        line.strip() if not line.strip().startswith("return") else "    " + line.strip()
        for line in lines[2:5]
    )
    exec(pasted.replace("macs=...", "muls=x.numel()"), {"hookcount": hookcount})
    report = hookcount.count(custom(), X).require_complete()
    assert report.total.muls == 4 * 4 * 6
    hookcount.unregister("hookcount_test::triple")
    exec(re.search(r"hookcount\.register\(.*FREE\)", lines[5]).group(), {"hookcount": hookcount})
    assert hookcount.count(custom(), X).require_complete().total.muls == 0


def test_custom_op_beneath_a_formula_is_paid():
    registry = Registry()
    registry.register(
        UsesCustomOp, lambda module, x, *, out: Ops(muls=2 * x.numel(), adds=x.numel())
    )
    assert count(registry, custom()).require_complete().total == Ops(
        muls=2 * 2 * 24, adds=2 * 24, compares=24
    )


class NumpyInside(nn.Module):
    """Makes its output where no op can be seen."""

    def forward(self, x):
        return torch.from_numpy(x.detach().numpy() * 2)


class FillsAnEmptyTensor(nn.Module):
    """As a hand-written kernel does that writes into memory from outside."""

    def forward(self, x):
        out = torch.empty_like(x)
        out.numpy()[...] = 5
        return out


@pytest.mark.parametrize("leaf", [NumpyInside, FillsAnEmptyTensor])
def test_a_leaf_that_works_unseen_warns(leaf):
    with pytest.warns(
        hookcount.UncountedWarning, match="made its output without any visible op: 1 call in '0'"
    ):
        report = hookcount.count(nn.Sequential(leaf()), X)
    (missed,) = report.uncounted
    assert (missed.target, missed.by) == (f"{__name__}.{leaf.__name__}", "module")
    registry = Registry()
    registry.register(leaf, lambda module, x, *, out: Ops(muls=out.numel()))
    assert count(registry, nn.Sequential(leaf())).require_complete().total == Ops(muls=4 * 6)


class Remembered(nn.Module):
    """A table from a cache, made before, as the position embedding of RT-DETR in transformers."""

    def forward(self, length):
        return TABLES[length]


TABLES = {3: torch.zeros(3)}


class Returns(nn.Module):
    def __init__(self, what):
        super().__init__()
        self.what, self.p, self.lin = what, nn.Parameter(torch.zeros(3)), nn.Linear(6, 6)
        self.plain, self.register = torch.zeros(2), [torch.zeros(2)]
        self.register_buffer("buffer", torch.zeros(4))

    def forward(self, x):
        return self.what(self, x)


@pytest.mark.parametrize(
    "what",
    [
        lambda self, x: x,
        lambda self, x: x.t()[1:].reshape(-1),
        lambda self, x: (x, None, [self.p]),
        lambda self, x: self.p,
        lambda self, x: self.buffer[1:],
        lambda self, x: self.plain,
        lambda self, x: self.register[0],
        lambda self, x: self.lin.weight,
        lambda self, x: x.clone(),
        lambda self, x: torch.cat([x, x]).contiguous().to(torch.float64),
        lambda self, x: torch.zeros(3),
        lambda self, x: torch.tensor([1.0, 2.0]),
        lambda self, x: torch.arange(5),
        lambda self, x: x[x > 0],
        lambda self, x: None,
        lambda self, x: 3,
        lambda self, x: x.new_empty(0),
        lambda self, x: Remembered()(3),
    ],
)
def test_what_is_free_never_warns(what):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = hookcount.count(
            nn.Sequential(
                nn.Dropout().eval(), nn.Flatten(0), nn.Unflatten(0, (4, 6)), Returns(what)
            ),
            X,
        )
    assert report.macs == 0
    assert report.uncounted == ()
