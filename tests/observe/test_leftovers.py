"""Tensors that outlive a run on shapes are named, with what holds them."""

import functools
import logging
import threading
import warnings
import weakref

import pytest
import torch
from torch import nn

import hookcount
from hookcount import LeftBehindWarning
from hookcount.observe.specs import Opaque

X = torch.ones(2, 8)
LIST, DICT = [], {}
LOCAL = threading.local()
WEAK = weakref.WeakValueDictionary()


@functools.cache
def cached(layer):
    return layer(X)


@functools.lru_cache(maxsize=3)
def bounded(layer):
    return layer(X)


class Held:
    value = None


class Slots:
    __slots__ = ("value",)


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record.args)


def closure():
    held = None

    def keep(value):
        nonlocal held
        held = value

    return keep


def keep_by_default(value, store=[]):  # noqa: B006
    store.append(value)
    return store


OBJECT, SLOTS, KEEP, HANDLER, OUTSIDE = Held(), Slots(), closure(), Records(), nn.Module()
LOG = logging.Logger("left")
LOG.addHandler(HANDLER)
OUTSIDE.register_buffer("positions", None)


class Keeps(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.keep = keep

    def forward(self, x):
        self.last = y = self.layer(x)
        self.keep(self.layer, y)
        return y


CASES = {
    "the cache of the function `{0}.cached` (functools.lru_cache)": lambda f, y: cached(f),
    "the cache of the function `{0}.bounded` (functools.lru_cache)": lambda f, y: bounded(f),
    "the list `LIST` of the module `{0}`": lambda f, y: LIST.append(y),
    "the dict `DICT` of the module `{0}`": lambda f, y: DICT.update(a=[(y,)]),
    "the class attribute `{0}.Held.value`": lambda f, y: setattr(Held, "value", y),
    "the closure of the function `{0}.closure.<locals>.keep`": lambda f, y: KEEP(y),
    "a default argument of the function `{0}.keep_by_default`": lambda f, y: keep_by_default(y),
    "the attribute `inner` of a `Held` object": lambda f, y: setattr(OBJECT, "inner", y),
    "the attribute `value` of a `Slots` object": lambda f, y: setattr(SLOTS, "value", y),
    "the attribute `records` of a `Records` object": lambda f, y: LOG.error("%s", y),
    "the attribute `positions` of a `Module` object": lambda f, y: setattr(OUTSIDE, "positions", y),
    "a thread-local variable": lambda f, y: setattr(LOCAL, "value", y),
}


@pytest.fixture(autouse=True)
def nothing_held():
    yield
    for each in (LIST, DICT, HANDLER.records, keep_by_default.__defaults__[0]):
        each.clear()
    for function in (cached, bounded):
        function.cache_clear()
    KEEP(None)
    Held.value = OBJECT.inner = SLOTS.value = OUTSIDE.positions = LOCAL.value = None


def warned(model, x=X, run="auto"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        report = hookcount.Counter(run=run).count(model, x)
    return report, [each for each in caught if each.category is LeftBehindWarning]


@pytest.mark.parametrize("name", CASES)
def test_what_holds_a_tensor_is_named_once(name):
    model = Keeps(CASES[name])
    report, found = warned(model)
    text = f"  {name.format(__name__)} holds 1 tensor: 2x8 float32 on meta\n"
    assert text in str(found[0].message)
    assert "To fix it: " in str(found[0].message)
    assert [each.filename for each in found] == [__file__]
    layers = 2 if "lru_cache" in name else 1
    assert report.macs == layers * 2 * 8 * 8
    assert warned(Keeps(CASES[name]), run="real")[1] == []


@pytest.mark.parametrize(
    "keep", [lambda f, y: None, lambda f, y: WEAK.update(a=y), lambda f, y: LIST.append(y.shape)]
)
def test_nothing_is_named_where_nothing_is_left(keep):
    assert warned(Keeps(keep))[1] == []


class Embeds(nn.Module):
    """On a device without values its positions are made on the CPU, as its ids are."""

    def __init__(self):
        super().__init__()
        self.passes, self.table = nn.Identity(), nn.Embedding(9, 8)

    def forward(self, ids):
        positions = torch.arange(ids.shape[1], device=self.table.weight.device)
        return self.table(self.passes(ids)) + self.table(positions)


def test_an_input_that_a_module_returns_is_the_callers_own():
    LIST.append(torch.tensor([[1, 2, 3]]))
    model = Embeds().to("meta")
    assert warned(model, LIST[0])[1] == []
    model.register_forward_hook(
        lambda module, args, out: LIST.append(torch.arange(3, device="meta"))
    )
    assert "`LIST`" in str(warned(model, LIST[0])[1][0].message)


def test_a_report_does_not_hold_an_exception_that_a_forward_stored():
    class Stores(nn.Linear):
        def forward(self, x):
            try:
                super().forward(x[:, :3])
            except RuntimeError as error:
                self.error = error
            return super().forward(x)

    report, found = warned(Stores(8, 8))
    assert found == []
    assert report.macs == 2 * 8 * 8


class Lookups(nn.Module):
    """Has a dict with a tensor as a key, hands one to a layer, and adds to both."""

    class Layer(nn.Linear):
        def forward(self, x, table):
            self.table[x] = table[x] = 1
            return super().forward(x)

    def __init__(self):
        super().__init__()
        self.layer = self.Layer(8, 8)
        self.layer.table = {torch.zeros(3): 1}

    def forward(self, x):
        return self.layer(x * 2, {torch.ones(3): 1})


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_report_holds_no_tensor_that_is_a_key(run):
    report, found = warned(Lookups(), run=run)
    assert found == []
    assert report.macs == 2 * 8 * 8
    call = next(each.call for each in report.priced.trace.runs if each.path == "layer")
    assert list(call.args[1]) == [Opaque("Tensor 0"), Opaque("Tensor 1")]
    assert all(key.is_meta for key in call.module.table)
    assert len(call.module.table) == 2


def test_what_a_cache_of_a_method_holds_is_named():
    class Table(nn.Linear):
        @functools.cache  # noqa: B019
        def table(self):
            return nn.functional.linear(X, self.weight)

        def forward(self, x):
            return self.table()

    found = warned(Table(8, 8))[1]
    assert "Table.table` (functools.lru_cache) holds 1 tensor" in str(found[0].message)


def test_a_later_count_is_right_with_such_a_cache():
    model = Keeps(lambda layer, y: cached(layer) + y)
    assert warned(model)[0].macs == 2 * 2 * 8 * 8
    report, found = warned(model)
    assert (report.macs, found) == (2 * 8 * 8, [])


def test_a_failed_try_that_leaves_a_tensor_is_named():
    def keep(layer, y):
        LIST.append(y)
        y.nonzero()

    with pytest.warns(LeftBehindWarning, match="the list `LIST`"):
        report = hookcount.count(Keeps(keep), X)
    assert report.run == "real"
    LIST.clear()
    with pytest.warns(LeftBehindWarning, match="the list `LIST`"), pytest.raises(Exception):  # noqa: B017
        hookcount.Counter(run="shapes").count(Keeps(keep), X)


@pytest.mark.filterwarnings("error::hookcount.LeftBehindWarning")
def test_what_only_a_traceback_holds_is_not_named():
    def fails(layer, y):
        kept, held = [y * 2], Held()
        held.inner = y * 3
        return (lambda: (kept, held, y)) and torch.mm(y, y)

    for run in ("auto", "shapes"):
        with pytest.raises(RuntimeError, match="must have same reduction dim|cannot be multiplied"):
            hookcount.Counter(run=run).count(Keeps(fails), X)


def test_meta_tensors_of_the_caller_are_not_named():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("steps", torch.zeros(8, device="meta"))

        def forward(self, x):
            self.steps.add_(1)
            return x.add_(self.steps)

    x = torch.ones(2, 8, device="meta")
    assert warned(InPlace(), x)[1] == []


def test_a_constant_on_another_device_than_the_model_is_named():
    @functools.cache
    def positions(device):
        return torch.arange(8, device=device) * 2

    class Places(nn.Linear):
        def forward(self, x):
            return super().forward(x + positions(x.device))

    assert warned(Places(8, 8))[1] == []
    positions.cache_clear()
    model = Places(8, 8, device="meta")
    found = warned(model, torch.ones(2, 8, device="meta"))[1]
    assert "holds 1 tensor: 8 int64 on cpu" in str(found[0].message)


def test_scaling_names_them_once():
    model = Keeps(lambda layer, y: LIST.append(y))
    with pytest.warns(LeftBehindWarning, match="the list `LIST`") as caught:
        hookcount.scaling(model, lambda n: torch.ones(n, 8), [1, 2, 3, 4])
    assert [each.filename for each in caught if each.category is LeftBehindWarning] == [__file__]
