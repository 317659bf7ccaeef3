"""A count leaves no trace: not in the model, its inputs, the random state or torch, also after an
exception.
"""

import contextvars
import dataclasses
import random
import threading
import weakref

import numpy
import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops

HOOK_DICTS = [name for name in vars(nn.Module()) if "hooks" in name]


def snapshot(model, *tensors):
    """All that could change, by value and, where it matters, by identity."""
    return {
        "attributes": {
            path: {
                name: (id(value), repr(value) if isinstance(value, (list, dict, set)) else None)
                for name, value in vars(m).items()
            }
            for path, m in model.named_modules()
        },
        "hooks": {
            path: {name: list(getattr(m, name)) for name in HOOK_DICTS}
            for path, m in model.named_modules()
        },
        "tensors": {
            name: (
                id(t),
                t.data_ptr(),
                t._version,
                t.dtype,
                str(t.device),
                t.requires_grad,
                t.detach().clone().numpy().tobytes(),
            )
            for name, t in (*model.named_parameters(), *model.named_buffers())
        },
        "grads": {
            name: (id(p.grad), None if p.grad is None else p.grad.clone().numpy().tobytes())
            for name, p in model.named_parameters()
        },
        "training": {path: m.training for path, m in model.named_modules()},
        "keys": list(model.state_dict()),
        "inputs": [(t._version, t.detach().clone().numpy().tobytes()) for t in tensors],
        "random": (
            torch.get_rng_state().numpy().tobytes(),
            random.getstate(),
            repr(numpy.random.get_state()),
        ),
        "grad mode": torch.is_grad_enabled(),
    }


class Restless(nn.Module):
    """A forward that changes whatever a forward can."""

    def __init__(self, fails_at=None):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout()
        self.frozen = nn.BatchNorm2d(4).eval()
        self.register_buffer("steps", torch.zeros(3))
        self.history, self.cache, self.calls, self.state = [], {"deep": [1]}, 0, torch.ones(2)
        self.conv.weight.grad = torch.ones_like(self.conv.weight)
        self.fails_at = fails_at

    def forward(self, x):
        for step in (
            lambda: self.norm(self.conv(x)),
            lambda: self.frozen(self.norm(self.conv(x))),
            lambda: x.mul_(2),
            lambda: self.steps.add_(1),
            lambda: setattr(self, "steps", self.steps + 1),
            lambda: self.state.zero_(),
            lambda: self.history.append(self.drop(x)),
            lambda: self.cache["deep"].append(2),
            lambda: self.cache.update(new=x),
            lambda: setattr(self, "calls", self.calls + 1),
            lambda: setattr(self, "brand_new", x),
            lambda: delattr(self, "state"),
            lambda: self.norm.eval(),
            lambda: self.frozen.train(),
            lambda: self.conv.weight.requires_grad_(False),
            lambda: self.conv.bias.data.add_(1),
            lambda: setattr(self.conv.weight, "data", self.conv.weight.data.double().float()),
            lambda: setattr(self.conv.bias, "grad", torch.ones_like(self.conv.bias)),
            lambda: self.conv.weight.grad.zero_(),
            lambda: self.register_buffer("late", x.clone()),
            lambda: self.register_forward_hook(lambda *_: None),
            lambda: setattr(self, "extra", nn.Linear(2, 2)),
            lambda: (torch.rand(5), random.random(), numpy.random.rand()),
            lambda: torch.set_grad_enabled(False),
        )[: self.fails_at]:
            step()
        if self.fails_at is not None:
            raise ValueError("on purpose")
        return x.sum()


STEPS = 24


@pytest.mark.parametrize("fails_at", [None, *range(0, STEPS + 1, 3)])
def test_everything_is_as_before(fails_at):
    model, x = Restless(fails_at).train(), torch.randn(2, 3, 8, 8)
    model.frozen.eval()
    before = snapshot(model, x)
    if fails_at is None:
        hookcount.count(model, x)
    else:
        with pytest.raises(ValueError, match="on purpose"):
            hookcount.count(model, x)
    assert snapshot(model, x) == before


def test_steps_of_restless_do_change_it():
    """The test above is worth something only if a plain forward does leave traces."""
    model, x = Restless().train(), torch.randn(2, 3, 8, 8)
    before = snapshot(model, x)
    try:
        model(x)
        after = snapshot(model, x)
    finally:
        torch.set_grad_enabled(True)
    assert [name for name in before if before[name] == after[name]] == []


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm1d(3), nn.SyncBatchNorm(3).eval(), nn.InstanceNorm1d(3, track_running_stats=True)],
    ids=lambda m: type(m).__name__,
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_running_statistics(norm, mode):
    x = torch.randn(2, 3, 5)
    before = snapshot(norm, x)
    with mode():
        hookcount.count(norm, x)
    assert snapshot(norm, x) == before


def test_parametrized_and_hooked_modules():
    model = nn.Sequential(
        torch.nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
        torch.nn.utils.spectral_norm(nn.Linear(4, 4)),
    ).train()
    x = torch.randn(2, 4)
    model(x)  # the old spectral_norm makes its weight anew in each forward
    before = snapshot(model, x)
    hookcount.count(model, x)
    assert snapshot(model, x) == before


@pytest.mark.parametrize("broken", ["raises", "returns an int"])
def test_when_a_formula_fails(broken):
    registry = hookcount.Registry()
    registry.register(
        nn.Conv2d,
        (lambda module, x, *, out: 1 / 0) if broken == "raises" else (lambda module, x, *, out: 5),
    )
    model, x = Restless(), torch.randn(2, 3, 8, 8)
    before = snapshot(model, x)
    with pytest.raises(hookcount.FormulaError, match="'conv' \\(Conv2d\\)"):
        hookcount.Counter(registry).count(model, x)
    assert snapshot(model, x) == before


def test_keyboard_interrupt():
    class Interrupted(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.seen = nn.Linear(4, 4), []

        def forward(self, x):
            self.seen.append(self.lin(x))
            raise KeyboardInterrupt

    model, x = nn.Sequential(Interrupted()), torch.randn(2, 4)
    before = snapshot(model, x)
    with pytest.raises(KeyboardInterrupt):
        hookcount.count(model, x)
    assert snapshot(model, x) == before
    assert hookcount.count(nn.Linear(4, 4), x).macs == 2 * 4 * 4


def test_two_counts_in_two_threads_do_not_mix():
    """Both are inside their forward at the same time, and one uses the other's module class."""
    meet = threading.Barrier(2, timeout=30)

    class Meets(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.lin = nn.Linear(6, width, bias=False)

        def forward(self, x):
            meet.wait()
            x = self.lin(x)
            meet.wait()
            return x

    found = {}

    def work(width):
        for _ in range(3):
            found.setdefault(width, []).append(hookcount.count(Meets(width), torch.zeros(4, 6)))

    threads = [threading.Thread(target=work, args=(width,)) for width in (5, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for width in (5, 7):
        assert [report.total for report in found[width]] == [Ops(macs=4 * 6 * width)] * 3
        assert [node.path for node in found[width][0].tree] == ["", "lin"]


def test_same_model_in_two_threads():
    model = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU())
    found = []

    def work():
        found.extend(hookcount.count(model, torch.zeros(4, 6)).total for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Ops(macs=4 * 6 * 5, compares=4 * 5)] * 40


def test_a_count_inside_a_count():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin, self.inner = nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)

        def forward(self, x):
            x = self.lin(x)
            found.append(hookcount.count(self.inner, x).total)
            return self.inner(x)

    found = []
    report = hookcount.count(Counts(), torch.zeros(4, 6))
    assert found == [Ops(macs=4 * 5 * 3)]
    assert report.total == Ops(macs=4 * 6 * 5 + 4 * 5 * 3)
    assert [node.calls for node in report.tree] == [1, 1, 1]


@pytest.mark.parametrize("outer", ["shapes", "real"])
def test_a_real_count_in_a_forward_leaves_statistics_to_the_count_around_it(outer):
    """Both write to them: the inner count before the layer's own call, which comes after."""

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            hookcount.Counter(run="real").count(self.norm, x)
            return self.norm(x)

    model = Counts().train()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    hookcount.Counter(run=outer).count(model, torch.randn(4, 3))
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())


def test_a_watch_inside_a_watch_counts_in_both():
    one, two, x = nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False), torch.zeros(4, 6)
    with hookcount.Counter().watch(nn.Sequential(one, two)) as outer:
        y = one(x)
        with hookcount.Counter().watch(two) as inner:
            two(y)
    assert outer.report().macs == 4 * 6 * 5 + 4 * 5 * 3
    assert inner.report().macs == 4 * 5 * 3


def test_a_report_holds_neither_the_model_nor_activations():
    kept = []

    class Remembers(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(6, 5)

        def forward(self, x):
            y = self.lin(x)
            kept.append(weakref.ref(y))
            return y

    model = Remembers()
    weight = weakref.ref(model.lin.weight)
    report = hookcount.count(model, torch.zeros(4, 6))
    del model
    assert [reference() for reference in (*kept, weight)] == [None, None]
    assert hookcount.Report(dataclasses.replace(report.priced, prices={})).total == report.total


def test_a_trace_prices_the_module_as_it_was_when_it_ran():
    model = nn.Conv2d(3, 4, 3)
    report = hookcount.count(model, torch.zeros(1, 3, 8, 8))
    model.weight = nn.Parameter(torch.zeros(4, 3, 5, 5))
    model.training = False
    again = hookcount.Report(dataclasses.replace(report.priced, prices={}))
    assert again.total == report.total == Ops(macs=4 * 6 * 6 * 3 * 9, adds=4 * 6 * 6)


def test_watch_keeps_what_the_block_did():
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model[0].weight.detach().clone()
    with hookcount.Counter().watch(model) as watch:
        for _ in range(3):
            model(torch.randn(4, 6)).pow(2).sum().backward()
            optimizer.step()
    report = watch.report()
    assert not torch.equal(model[0].weight, before)
    assert model[1].num_batches_tracked == 3
    assert report.tree.calls == 3
    assert {node.path: node.own.macs for node in report.tree if node.own.macs} == {
        "0": 3 * 4 * 6 * 5
    }
    assert report.backward_seen
    assert "backward" in str(report)


def test_watch_several_calls_and_work_outside_modules():
    model = nn.Linear(6, 5, bias=False)
    with hookcount.Counter().watch(model) as watch:
        with pytest.raises(hookcount.InputError, match="with"):
            watch.report()
        model(torch.zeros(4, 6))
        model(torch.zeros(2, 6)) * 3
    report = watch.report()
    assert {node.path: node.own for node in report.tree if node.own} == {
        "": Ops(macs=4 * 6 * 5 + 2 * 6 * 5),
        "<outside>": Ops(muls=2 * 5),
    }
    assert report.tree.inputs == ("(4, 6)", "(2, 6)")


def test_watch_gives_its_report_after_an_exception_too():
    model = nn.Linear(6, 5, bias=False)
    with pytest.raises(ZeroDivisionError), hookcount.Counter().watch(model) as watch:
        model(torch.zeros(4, 6))
        1 / 0  # noqa: B018
    assert watch.report().macs == 4 * 6 * 5


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin, self.act = nn.Linear(6, 5), nn.ReLU()

    def forward(self, x):
        return self.act(self.lin(x))


EXPECTED = Ops(macs=4 * 6 * 5, adds=4 * 5, compares=4 * 5)


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.compile,
        lambda model: nn.DataParallel(torch.compile(model)),
        lambda model: torch.compile(nn.DataParallel(model)),
    ],
)
def test_wrappers_are_seen_through(wrap):
    report = hookcount.count(wrap(Branching()), torch.zeros(4, 6))
    assert report.total == EXPECTED
    assert [(node.path, node.type) for node in report.tree] == [
        ("", "Branching"),
        ("lin", "Linear"),
        ("act", "ReLU"),
    ]


def test_wrapped_submodules_keep_the_users_names():
    model = nn.Sequential(torch.compile(Branching()), nn.DataParallel(nn.ReLU()))
    report = hookcount.count(model, torch.zeros(4, 6))
    assert report.total == EXPECTED + Ops(compares=4 * 5)
    assert [node.path for node in report.tree] == ["", "0", "0.lin", "0.act", "1"]


def test_model_compiled_in_place_and_compiled_function():
    model = Branching()
    model.compile()
    assert hookcount.count(model, torch.zeros(4, 6)).total == EXPECTED

    class Calls(nn.Module):
        def forward(self, x):
            return compiled(x)

    compiled = torch.compile(lambda x: torch.relu(x) * 2)
    assert hookcount.count(Calls(), torch.zeros(4, 6)).total == Ops(compares=4 * 6, muls=4 * 6)


def test_distributed_wrapper(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    try:
        model = nn.parallel.DistributedDataParallel(Branching())
        report = hookcount.count(model, torch.zeros(4, 6))
    finally:
        torch.distributed.destroy_process_group()
    assert report.total == EXPECTED
    assert [node.path for node in report.tree] == ["", "lin", "act"]


@pytest.mark.parametrize(
    "make", [torch.jit.script, lambda model: torch.jit.trace(model, torch.zeros(4, 6))]
)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_script_modules_are_counted_op_by_op(make, mode):
    with mode():
        model = make(Branching())
        first = hookcount.count(nn.Sequential(model), torch.zeros(4, 6))
        for _ in range(3):  # the interpreter optimises after some runs
            model(torch.zeros(4, 6))
        later = hookcount.count(model, torch.zeros(4, 6))
    assert first.total == later.total == EXPECTED
    assert first.params == 6 * 5 + 5
    assert first.uncounted == later.uncounted == ()


@pytest.mark.parametrize("run", ["shapes", "real", "auto"])
def test_memory_that_a_forward_gave_away_is_there_again(run):
    class Frees(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.arange(8.0))

        def forward(self, x):
            y = x * self.scale
            self.scale.untyped_storage().resize_(0)
            return y

    model = Frees()
    hookcount.Counter(run=run).count(model, torch.ones(8))
    assert model.scale.tolist() == list(range(8))


class Local(threading.local):
    """Values for each thread."""


VARIABLE = contextvars.ContextVar("VARIABLE")


@pytest.mark.parametrize("kind", ["thread", "context", "records"])
@pytest.mark.parametrize("run", ["shapes", "real", "auto"])
def test_lists_that_are_hard_to_reach_are_as_before(kind, run):
    class Grows(nn.Linear):
        def forward(self, x):
            items = self.items()
            items.append(1)
            for _ in items:
                x = super().forward(x)
            return x

    model, items = Grows(4, 4, bias=False), []
    if kind == "thread":
        model.local = Local()
        model.local.items = items
        model.items = lambda: model.local.items
    elif kind == "context":
        VARIABLE.set(items)
        model.variable, model.items = VARIABLE, VARIABLE.get
    else:
        model.records = numpy.zeros(1, dtype=[("number", "f4"), ("items", "O")])
        model.records[0]["items"] = items
        model.items = lambda: model.records[0]["items"]
    counter = hookcount.Counter(run=run)
    assert [counter.count(model, torch.zeros(2, 4)).macs for _ in range(2)] == [2 * 4 * 4] * 2
    assert items == []
