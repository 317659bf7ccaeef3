"""A count inside other tools: its figure is the usual one, and the tools see nothing of it."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import hookcount

RUNS = ("auto", "shapes", "real")
MACS = 2 * 4 * 36 * 27 + 2 * 144 * 5  # a 3 x 3 convolution of 3 to 4 channels; 144 to 5 features


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))


def images(*more):
    return torch.ones(*more, 2, 3, 8, 8)


def macs(model, x, run="auto"):
    return hookcount.Counter(run=run).count(model, x).macs


class SeesOps(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


class SeesFunctions(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("mode", [SeesOps, SeesFunctions])
def test_a_mode_sees_nothing(mode, run):
    model, x = net(), images()
    with mode() as outer, mode() as inner:
        assert macs(model, x, run) == MACS
        assert outer.seen == inner.seen == []
        model(x)
    assert outer.seen
    assert inner.seen


@pytest.mark.parametrize("run", RUNS)
def test_a_flop_counter_shows_what_it_shows_without_the_count(run):
    model, x = net(), images()
    with FlopCounterMode(display=False) as flops:
        assert macs(model, x, run) == MACS
        model(x)
    assert flops.get_total_flops() == 2 * MACS


def test_a_mode_inside_the_forward_works_as_always():
    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            with SeesOps() as mode:
                y = self.net(x)
            assert mode.seen
            return y

    assert [macs(Watched(), images(), run) for run in RUNS] == [MACS] * 3


@pytest.mark.parametrize("run", RUNS)
def test_a_default_device_reaches_the_factories_of_the_model(run):
    class Makes(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net()

        def forward(self, x):
            assert torch.zeros(2, device="cpu").device.type == "cpu"
            assert run != "real" or torch.zeros(2).is_meta
            return self.net(x)

    with SeesFunctions() as mode, torch.device("meta"):
        model, x = Makes().to_empty(device="cpu"), torch.ones(2, 3, 8, 8, device="cpu")
        mode.seen.clear()
        assert macs(model, x, run) == MACS
        assert mode.seen == []
        assert torch.zeros(1).is_meta


@pytest.mark.parametrize("run", RUNS)
def test_hooks_on_saved_tensors_get_none_of_the_counts(run):
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    model, x = net(), images()
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        assert macs(model, x, run) == MACS
        assert kept == []
        model(x)
        assert kept
        assert not any(tensor.is_meta for tensor in kept)


@pytest.mark.parametrize("profile", [torch.profiler.profile, torch.autograd.profiler.profile])
@pytest.mark.parametrize("run", RUNS)
def test_a_profiler_records_nothing_of_it(profile, run):
    model, x = net(), images()
    with profile() as profiler:
        assert macs(model, x, run) == MACS
        torch.zeros(3).sin()
    names = {event.key for event in profiler.key_averages()}
    assert "aten::sin" in names
    assert not names & {"aten::conv2d", "aten::convolution", "aten::linear", "aten::relu"}


@pytest.mark.parametrize("run", RUNS)
def test_a_forward_after_a_count_under_autocast_finds_its_own_weights(run):
    model, x = net(), images()
    with torch.autocast("cpu", torch.bfloat16):
        assert macs(model, x, run) == MACS
        assert torch.is_autocast_cache_enabled()
        after = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(x), after)


def test_anomaly_detection_and_a_backward_pass_around_a_count():
    model, x, found = net(), images(), []

    class Counts(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            found.extend(macs(model, x, run) for run in RUNS)
            return grad

    with torch.autograd.detect_anomaly(check_nan=False):
        Counts.apply(images().requires_grad_()).sum().backward()
    assert found == [MACS] * 3


def _vmap(count):
    torch.vmap(count)(images(3))


def _vmap_twice(count):
    torch.vmap(torch.vmap(count))(images(3, 2))


def _grad(count):
    torch.func.grad(lambda x: count(x).sum())(images())


def _jvp(count):
    torch.func.jvp(count, (images(),), (images(),))


def _functionalize(count):
    torch.func.functionalize(count)(images())


def _hessian(count):
    torch.func.jacrev(torch.func.grad(lambda x: count(x).square().sum()))(images())


TRANSFORMS = [_vmap, _vmap_twice, _grad, _jvp, _functionalize, _hessian]


@pytest.mark.parametrize("run", ["auto", "shapes"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_inside_a_transform_an_example_is_counted(transform, run):
    model, found = net(), []

    def counts(x):
        found.append(macs(model, x, run))
        return model(x)

    transform(counts)
    assert set(found) == {MACS}


def test_inside_vmap_also_ops_see_one_example():
    class Adds(nn.Module):
        def forward(self, pair, *, by):
            return pair["x"][0] + by

    flops = []

    def counts(x):
        flops.append(hookcount.count(Adds(), {"x": [x]}, by=1.0).flops)
        return x

    torch.vmap(counts)(torch.ones(5, 7))
    assert flops == [7]


@pytest.mark.parametrize("kind", ["function", "module"])
@pytest.mark.parametrize("run", RUNS)
def test_inside_torchscript_tracing_the_graph_stays(kind, run):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net().requires_grad_(False)

        def forward(self, x):
            assert macs(self.net, x, run) == MACS
            return self.net(x)

    model, x = Counts(), images()
    traced = torch.jit.trace(
        model if kind == "module" else lambda x: model(x), x, check_trace=False
    )
    plain = torch.jit.trace(model.net, x, check_trace=False)
    assert torch.equal(traced(x), plain(x))
    kinds = [
        sorted(node.kind() for node in each.inlined_graph.nodes() if "aten" in node.kind())
        for each in (traced, plain)
    ]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("before_autograd", [False, True])
@pytest.mark.parametrize("mode", ["real", "fake"])
def test_inside_make_fx_the_graph_stays(mode, before_autograd):
    model, x = net(), images()

    def counts(x):
        assert [macs(model, x, run) for run in RUNS] == [MACS] * 3
        return model(x)

    nodes = [
        [
            node.target
            for node in make_fx(
                each,
                tracing_mode=mode,
                pre_dispatch=before_autograd,
                _allow_non_fake_inputs=True,
            )(x).graph.nodes
            if node.op == "call_function"
        ]
        for each in (counts, lambda x: model(x))
    ]
    assert nodes[0] == nodes[1]


@pytest.mark.parametrize("fails", [False, True])
def test_the_tools_are_back_after_a_count_that_raises(fails):
    model, x = net(), images()
    with SeesOps() as ops, SeesFunctions() as functions, saved_tensors_hooks(abs, abs):
        with pytest.raises(RuntimeError) if fails else nullcontext():
            macs(model, x[:, :2] if fails else x, "real")
        ops.seen.clear()
        functions.seen.clear()
        torch.ones(2).sin()
        assert torch.ops.aten.sin.default in ops.seen
        assert torch.Tensor.sin in functions.seen
