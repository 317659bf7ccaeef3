"""A training step, module by module: products written out, for shapes and for real runs."""

import copy
import gc
import pickle
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Training
from hookcount.core.ops import flops

RUNS = ("shapes", "real")


def training(run="shapes", **options):
    return Training(counter=hookcount.Counter(run=run), **options)


def own(report):
    """The MACs of each module itself, those above zero."""
    return {node.path: node.own.macs for node in report.tree if node.own.macs}


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.b = self.a

    def forward(self, x):
        return self.b(self.a(x).relu())


class Functional(nn.Module):
    """Two products with one weight, outside of any leaf module."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 8))

    def forward(self, x):
        return F.linear(x, self.weight) @ self.weight


class Square(torch.autograd.Function):
    """A product with a backward pass of its own."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight.t(), x.t() @ grad


class NoGradient(torch.autograd.Function):
    """The identity, with a gradient of zeros."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros(grad.shape, device=grad.device)


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_gradient_that_a_function_makes(run):
    class Stopped(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4)

        def forward(self, x):
            return NoGradient.apply(self.layer(x))

    report = training(run).count(Stopped(), torch.zeros(2, 8))
    assert own(report.backward) == {"layer": 2 * 8 * 4}
    assert report.run == run


class OfAFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 4))
        self.head = nn.Linear(4, 4)

    def forward(self, x):
        return self.head(Square.apply(x, self.weight))


class Interleaved(nn.Module):
    """The container works between the calls of its modules."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        y = self.a(x)
        y = y @ y.t() @ y
        return self.b(y)


class LoRA(nn.Module):
    """A frozen layer of 8 x 16 with an adapter of rank 2."""

    def __init__(self):
        super().__init__()
        self.base = nn.Linear(8, 16).requires_grad_(False)
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 16, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def frozen(which):
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    model[which].requires_grad_(False)
    return model


# Of a linear layer n x in -> out: n * in * out for its weight, and as much for its input, if each
# needs a gradient.
CASES = {
    "the input needs no gradient": (nn.Linear(8, 4), (2, 8), {"": 2 * 8 * 4}),
    "the first is frozen": (frozen(0), (2, 8), {"1": 2 * 16 * 4}),
    "the second is frozen": (frozen(1), (2, 8), {"0": 2 * 8 * 16, "1": 2 * 16 * 4}),
    "shared": (Shared(), (2, 8), {"a": 3 * 2 * 8 * 8}),
    "functional": (Functional(), (2, 8), {"": 3 * 2 * 8 * 8}),
    "custom function": (OfAFunction(), (2, 8), {"": 2 * 2 * 8 * 4, "head": 2 * 2 * 4 * 4}),
    "interleaved": (
        Interleaved(),
        (2, 8),
        # y @ y.t() and (...) @ y: each product has two operands with a gradient
        {"a": 2 * 8 * 8, "": 2 * 2 * (2 * 8 * 2), "b": 2 * (2 * 8 * 8)},
    ),
    "LoRA": (LoRA(), (3, 8), {"down": 3 * 8 * 2, "up": 2 * 3 * 2 * 16}),
    # an LSTM of width 16 has 4 gates: the input's product needs no gradient of the input
    "LSTM": (nn.LSTM(8, 16), (5, 2, 8), {"": 5 * 2 * 4 * 16 * (8 + 16) * 2}),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("case", CASES)
def test_the_backward_of_each_module(case, run):
    model, shape, products = CASES[case]
    if case == "LSTM":  # torch's backward computes the gradient of the input too
        products = {"": 5 * 2 * 4 * 16 * (8 + 16) * 2}
    report = training(run, loss=_summed).count(model, torch.zeros(shape))
    assert own(report.backward) == products
    assert report.step.uncounted == ()
    assert report.step.macs == report.macs + report.backward.macs


def _summed(out):
    return out[0].sum() if isinstance(out, tuple) else out.sum()


@pytest.mark.parametrize("run", RUNS)
def test_an_input_with_a_gradient_doubles_the_backward(run):
    x = torch.zeros(2, 8, requires_grad=True)
    report = training(run).count(nn.Linear(8, 4), x)
    assert report.backward.macs == 2 * report.macs == 2 * 2 * 8 * 4
    assert x.grad is None


@pytest.mark.parametrize("run", RUNS)
def test_the_graph_that_made_an_input_is_the_callers(run):
    leaf = torch.zeros(2, 8, requires_grad=True)
    x = leaf @ torch.zeros(8, 8)
    report = training(run).count(nn.Linear(8, 4), x)
    assert report.backward.macs == 2 * 2 * 8 * 4
    assert own(report.backward) == {"": 2 * 2 * 8 * 4}
    assert leaf.grad is None
    x.sum().backward()  # its graph is still there


class AsksWhichInput(nn.Module):
    """It has one product if it gets one tensor twice or its own parameter, and two otherwise."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, 8))

    def forward(self, x, y):
        one = x @ self.weight
        return one if y is x or y is self.weight else one + y @ self.weight


@pytest.mark.parametrize("run", RUNS)
def test_an_input_that_is_there_twice_is_one_tensor(run):
    model, x, y = AsksWhichInput(), torch.zeros(8, 8), torch.zeros(8, 8)
    made = y.clone().requires_grad_() * 2
    # products of the forward, and of the gradients of the weight and of the input
    for given, forward, backward in (((x, y), 2, 2), ((x, x), 1, 1), ((made, made), 1, 2)):
        report = training(run).count(model, *given)
        assert (report.macs, report.backward.macs) == (forward * 8**3, backward * 8**3)
    report = training(run).count(model, x, model.weight)
    assert (report.macs, report.backward.macs) == (8**3, 8**3)


def test_a_self_attention_projects_at_once():
    """Queries, keys and values that are one tensor take one product for all three."""
    x = torch.zeros(3, 2, 8)
    shapes, real = (training(run).count(nn.MultiheadAttention(8, 2), x, x, x) for run in RUNS)
    assert shapes.step.records == real.step.records


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.a, self.b = nn.Linear(8, 16), nn.Linear(16, 8)
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(lambda y: self.b(self.a(y).relu()), x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_runs_its_forward_again(run, reentrant):
    x = torch.zeros(2, 8, requires_grad=True)
    report = training(run).count(Checkpointed(reentrant), x)
    product = 2 * 8 * 16
    assert own(report) == {"a": product, "b": product}
    assert own(report.backward) == {"a": 2 * product, "b": 2 * product}
    # a checkpoint of the newer kind stops before the last layer, whose output nothing needs
    again = {"a": product, "b": product} if reentrant else {"a": product}
    assert own(report.recompute) == again
    assert report.step.macs == 6 * product + sum(again.values())


class Functions(nn.Module):
    """A checkpoint of ops outside of any leaf module."""

    def __init__(self, reentrant):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.zeros(8, 16)), nn.Parameter(torch.zeros(16, 8))
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(lambda y: (y @ self.w).relu() @ self.v, x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_of_ops(run, reentrant):
    x = torch.zeros(2, 8, requires_grad=True)
    report = training(run).count(Functions(reentrant), x)
    product = 2 * 8 * 16
    assert (report.macs, report.backward.macs) == (2 * product, 4 * product)
    assert own(report.recompute) == {"": product * (2 if reentrant else 1)}


class NestedFunctions(nn.Module):
    """A checkpoint in a checkpoint, of a product and of a custom Function."""

    def __init__(self, reentrant):
        super().__init__()
        self.w, self.v = nn.Parameter(torch.zeros(8, 16)), nn.Parameter(torch.zeros(16, 8))
        self.reentrant = reentrant

    def forward(self, x):
        def again(function, *args):
            return checkpoint(function, *args, use_reentrant=self.reentrant)

        def outer(y):
            return again(lambda z: (Square.apply(z, self.w)).relu() @ self.v, y)

        return again(outer, x)


@pytest.mark.parametrize("run", RUNS)
def test_a_checkpoint_in_a_checkpoint(run):
    x = torch.zeros(2, 8, requires_grad=True)
    report = training(run).count(NestedFunctions(True), x)
    product = 2 * 8 * 16
    assert (report.macs, report.backward.macs) == (2 * product, 4 * product)
    # the pass of the outer one runs the inner one's forward, whose pass runs it once more
    assert own(report.recompute) == {"": 2 * 2 * product}


class Reversed(torch.autograd.Function):
    """Its backward pass calls the module again, without grad mode first."""

    @staticmethod
    def forward(ctx, x, layer):
        ctx.layer = layer
        ctx.save_for_backward(x)
        return layer(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        ctx.layer(x)
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            out = ctx.layer(leaf)
        out.backward(grad)
        return leaf.grad, None


@pytest.mark.parametrize("run", RUNS)
def test_a_function_runs_its_module_again(run):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 4, bias=False)

        def forward(self, x):
            return Reversed.apply(x, self.layer)

    report = training(run).count(Model(), torch.zeros(2, 8, requires_grad=True))
    product = 2 * 8 * 4
    assert (report.macs, report.backward.macs) == (product, 2 * product)
    assert own(report.recompute) == {"layer": 2 * product}


class WithConstants(nn.Module):
    """A checkpoint of a tensor made in the forward, which requires grad. T5 has one."""

    def __init__(self, reentrant):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.reentrant = reentrant

    def forward(self, x):
        made = torch.zeros(2, 8, requires_grad=True)
        layers = lambda y, z: self.b(y * z)  # noqa: E731
        return checkpoint(layers, self.a(x), made, use_reentrant=self.reentrant)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_tensor_made_in_the_forward_requires_grad(run, reentrant):
    report = training(run).count(WithConstants(reentrant), torch.zeros(2, 8))
    product = 2 * 8 * 8
    assert own(report) == {"a": product, "b": product}
    assert own(report.backward) == {"a": product, "b": 2 * product}
    assert own(report.recompute) == ({"b": product} if reentrant else {})


class Scaled(torch.autograd.Function):
    """Its backward pass returns a gradient that it kept, and one that no op made there."""

    @staticmethod
    def forward(ctx, x, scale):
        ctx.kept = x.detach()
        return x * scale

    @staticmethod
    def backward(ctx, grad):
        return ctx.kept, ctx.kept


@pytest.mark.parametrize("run", RUNS)
def test_a_function_returns_what_it_kept(run):
    class Model(nn.Sequential):
        def forward(self, x):
            return Scaled.apply(super().forward(x), torch.zeros(2, 8, requires_grad=True))

    report = training(run).count(Model(nn.Linear(8, 8, bias=False)), torch.zeros(2, 8))
    assert own(report.backward) == {"0": 2 * 8 * 8}


class Penalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.b, self.a = nn.Linear(8, 8, bias=False), nn.Linear(8, 5, bias=False)

    def forward(self, x):
        return self.a(self.b(x).tanh()), x


def _penalty(given):
    out, x = given
    (grad,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    return grad.pow(2).sum()


@pytest.mark.parametrize("run", RUNS)
def test_a_gradient_penalty(run):
    x = torch.zeros(2, 8, requires_grad=True)
    report = training(run, loss=_penalty).count(Penalised(), x)
    of_a, of_b = 2 * 8 * 5, 2 * 8 * 8
    assert own(report) == {"a": of_a, "b": of_b}
    # First: the gradients of the inputs of a and b. Then of the penalty: the gradient of b's weight
    # and that of tanh's argument through the first gradient; a's weight; and once more through b's
    # own forward, its weight and its input.
    assert own(report.backward) == {"a": of_a + of_a, "b": of_b + 2 * of_b + 2 * of_b}


def _penalty_of_signs(given):
    out, x = given
    (grad,) = torch.autograd.grad(F.softsign(out).sum(), x, create_graph=True)
    return grad.sum()


@pytest.mark.parametrize("run", RUNS)
def test_a_gradient_of_zeros_costs_nothing(run):
    """The derivative of a sign is a tensor of zeros without memory, and is added to others."""
    report = training(run, loss=_penalty_of_signs).count(
        Penalised(), torch.ones(2, 8, requires_grad=True)
    )
    assert report.step.uncounted == ()
    assert not any("prims::" in each.target for each in report.step.records)


# Each is derived from the update of one element: see docs of torch.optim.
FLOPS_OF_A_PARAMETER = {
    # p -= lr * g
    "SGD": (torch.optim.SGD, 2),
    # v = a v + g; p -= lr * v
    "momentum": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 4),
    # s = b s + (1 - b) g g: 4; sqrt and + eps: 2; p -= lr * g / s: 3
    "RMSprop": (torch.optim.RMSprop, 9),
    # m += w (g - m): 3; v = b v + w g g: 4; sqrt / c + eps: 3; p -= lr * m / d: 3
    "Adam": (torch.optim.Adam, 13),
    # as Adam, and p *= 1 - lr * decay
    "AdamW": (torch.optim.AdamW, 14),
    "AdamW, foreach": (lambda p: torch.optim.AdamW(p, foreach=True), 14),
    "AdamW, fused": (lambda p: torch.optim.AdamW(p, fused=True), 14),
    "SGD, fused": (lambda p: torch.optim.SGD(p, fused=True), 2),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", FLOPS_OF_A_PARAMETER)
def test_an_optimizer_updates_each_module(name, run):
    make, each = FLOPS_OF_A_PARAMETER[name]
    model = nn.Sequential(nn.Linear(64, 32, bias=False), nn.Linear(32, 16, bias=False))
    report = training(run, optimizer=make).count(model, torch.zeros(2, 64))
    steps = {"SGD", "momentum", "SGD, fused"}
    counter = 0 if name in steps else 1  # the number of the step, one for each parameter
    found = {node.path: flops(node.own) for node in report.optimizer.tree if flops(node.own)}
    assert found == {"0": each * 64 * 32 + counter, "1": each * 32 * 16 + counter}
    assert report.optimizer.uncounted == ()


def test_gradients_of_several_passes_are_added_up():
    model = nn.Linear(8, 4, bias=False)
    report = training(steps=3, optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    once = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    assert report.macs == 3 * once.macs
    assert report.backward.flops == 3 * once.backward.flops + 2 * 8 * 4  # two additions
    assert report.optimizer.flops == once.optimizer.flops


def test_the_forward_is_that_of_a_count():
    model = nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4), nn.GELU())
    x = torch.zeros(2, 8)
    report, count = training(optimizer=torch.optim.Adam).count(model, x), hookcount.count(model, x)
    assert report.total == count.total
    forward = count.to_dataframe()
    assert report.to_dataframe()[forward.columns].equals(forward)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("make", [torch.optim.AdamW, lambda p: torch.optim.AdamW(p, fused=True)])
def test_the_model_is_as_before(run, make):
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.LSTM(4, 4))
    before, flat = copy.deepcopy(model.state_dict()), model[2]._flat_weights
    kept = list(model.parameters())
    training(run, loss=_summed, optimizer=make).count(model, torch.zeros(3, 8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(one is other for one, other in zip(kept, model.parameters(), strict=True))
    assert all(each.grad is None for each in kept)
    assert model[2]._flat_weights is flat


def test_the_model_is_as_before_after_an_error():
    model = nn.Linear(8, 4)
    kept = model.weight

    def fails(out):
        raise KeyError("no such label")

    for run in RUNS:
        with pytest.raises(KeyError, match="no such label"):
            training(run, loss=fails).count(model, torch.zeros(2, 8))
        assert model.weight is kept
        assert kept.grad is None


def test_gradients_that_are_there_stay():
    model = nn.Linear(8, 4)
    model(torch.ones(2, 8)).sum().backward()
    before = model.weight.grad.clone()
    for run in RUNS:
        training(run, optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
        assert torch.equal(model.weight.grad, before)


@pytest.mark.parametrize("run", RUNS)
def test_a_loss_may_have_tensors_and_layers_of_its_own(run):
    """A head in the loss is no part of the model. Its gradients are as before."""
    images, head = torch.zeros(2, 8), nn.Linear(4, 3, bias=False)
    scale, labels = torch.ones(1, requires_grad=True), torch.tensor([0, 2])
    scale.grad = before = torch.ones(1)

    def loss(out):
        return F.cross_entropy(head(out * scale), labels)

    report = training(run, loss=loss).count(nn.Linear(8, 4, bias=False), images)
    assert report.run == run
    assert report.tree[""].own.macs == 2 * 8 * 4
    assert (head.weight.grad, scale.grad) == (None, before)


def test_a_loss_that_reads_values_runs_for_real():
    """As a matcher does."""

    def loss(out):
        best = out.detach().cpu().numpy().argmax(1)
        return out[range(2), best].sum()

    report = Training(loss).count(nn.Linear(8, 4, bias=False), torch.zeros(2, 8))
    assert report.run == "real"
    assert report.backward.macs == 2 * 8 * 4


# -- a training loop ---------------------------------------------------------------------------


def _train(model, optimizer, steps=3):
    torch.manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(torch.randn(4, 8)), torch.randn(4, 2))
        loss.backward()
        optimizer.step()


def test_a_watched_training_goes_on_as_without():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.BatchNorm1d(16), nn.Linear(16, 2))
    other = copy.deepcopy(model)
    _train(other, torch.optim.AdamW(other.parameters()))
    optimizer = torch.optim.AdamW(model.parameters())
    with Training().watch(model) as watch:
        _train(model, optimizer)
    for one, two in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    report = watch.report()
    assert report.macs == 3 * 4 * (8 * 16 + 16 * 2)
    assert own(report.backward) == {"0": 3 * 4 * 8 * 16, "3": 2 * 3 * 4 * 16 * 2}
    # the first step of AdamW makes its state, and costs the same
    assert report.optimizer["3"].flops == 3 * (14 * (16 * 2 + 2) + 2)


def test_a_plain_watch_counts_the_forward():
    model = nn.Linear(8, 4)
    with hookcount.Counter().watch(model) as watch:
        model(torch.zeros(2, 8)).sum().backward()
    assert watch.report().macs == 2 * 8 * 4
    assert watch.report().backward_seen


def test_an_optimizer_with_a_closure():
    model = nn.Linear(4, 1, bias=False)
    report = Training(optimizer=torch.optim.LBFGS, loss=lambda out: out.pow(2).sum()).count(
        model, torch.ones(2, 4)
    )
    assert report.run == "real"
    passes = report.tree.calls
    assert passes >= 2
    assert report.macs == report.backward.macs == passes * 2 * 4


def test_threads_train_models_of_their_own():
    found = []

    def run():
        model = nn.Linear(8, 4, bias=False)
        for _ in range(5):
            report = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
            found.append((report.macs, report.backward.macs, report.optimizer.flops))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [(64, 64, 2 * 32)] * 40


# -- options -----------------------------------------------------------------------------------


def test_options_of_another_type_are_refused():
    for options in ({"loss": 1}, {"optimizer": "adam"}, {"steps": 0}, {"steps": 1.5}):
        with pytest.raises(hookcount.InputError, match="To fix it"):
            Training(**options)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_a_copy_counts_the_same_step(again):
    counter = hookcount.Counter(run="real")
    made = again(Training(mean, torch.optim.SGD, steps=2, counter=counter))
    report = made.count(nn.Linear(8, 4), torch.zeros(2, 8))
    assert (report.run, report.macs, report.backward.macs) == ("real", 2 * 64, 2 * 64)
    assert report.optimizer.flops == 2 * (8 * 4 + 4)


def mean(out):
    return out.mean()


def test_a_model_without_a_loss_is_refused():
    with pytest.raises(hookcount.InputError, match="requires grad"):
        Training().count(nn.ReLU(), torch.zeros(2))
    with pytest.raises(hookcount.InputError, match=r"shape \(2, 4\)"):
        Training(loss=lambda out: out).count(nn.Linear(8, 4), torch.zeros(2, 8))


# -- the reports of the phases -----------------------------------------------------------------


def test_each_phase_says_what_it_is():
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU())
    report = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    assert "forward of a training step" in str(report)
    assert "backward of a training step" in str(report.backward)
    assert "optimizer of a training step" in report.optimizer.summary()
    assert report.step.summary().endswith("a training step")
    assert "training step" not in str(hookcount.count(model, torch.zeros(2, 8)))


def test_calls_are_those_of_the_modules():
    model = Checkpointed(reentrant=False)
    report = training().count(model, torch.zeros(2, 8))
    assert [node.calls for node in report.backward.tree] == [1, 1, 1]
    assert report.backward.tree["a"].outputs == ("(2, 16)",)
    assert report.step.tree["a"].calls == 2  # the second one is the checkpoint's


def test_a_part_has_its_phases():
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    report = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    assert report["1"].backward.macs == report.backward["1"].macs == 2 * (2 * 16 * 4)
    assert report["1"].step.flops == report.step["1"].flops


def test_each_phase_survives_a_pickle():
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    report = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    copied = pickle.loads(pickle.dumps(report))
    assert copied.backward.macs == report.backward.macs
    assert copied.step.total == report.step.total
    assert pickle.loads(pickle.dumps(report.backward)).macs == report.backward.macs


def test_a_phase_is_not_counted_again():
    model = nn.Linear(8, 4, bias=False)
    report = Training().count(model, torch.zeros(2, 8))
    assert report.scaling(lambda n: torch.zeros(n, 8), (2, 3, 4, 5)).macs(10) == 10 * 8 * 4
    with pytest.raises(hookcount.ModelError, match="this is a phase of a training step"):
        report.step.scaling(lambda n: torch.zeros(n, 8))


def test_each_phase_is_priced_once():
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 4))
    report = training(optimizer=torch.optim.SGD).count(model, torch.zeros(2, 8))
    assert report.backward.priced is report.backward.priced
    assert report.step.step.priced is report.step.priced
    assert report["1"].backward.macs == report["1"].backward.macs == 2 * (2 * 16 * 4)
    for copied in (copy.copy(report), copy.deepcopy(report), pickle.loads(pickle.dumps(report))):
        assert copied.backward.total == report.backward.total
        assert copied.step.total == report.step.total
    assert len(pickle.dumps(report)) == len(pickle.dumps(copy.copy(report)))


def test_phases_are_freed_with_their_report():
    report = training(optimizer=torch.optim.SGD).count(nn.Linear(8, 4), torch.zeros(2, 8))
    phases = [report.backward, report.optimizer, report.step, report[""].backward]
    kept = [weakref.ref(each.priced) for each in (*phases, report)]
    gc.collect()
    gc.disable()
    try:
        del report, phases
        assert [each() for each in kept] == [None] * 5
    finally:
        gc.enable()


def test_a_file_has_one_phase():
    report = training().count(nn.Linear(8, 4), torch.zeros(2, 8))
    assert hookcount.Report.from_json(report.backward.to_json()).macs == report.backward.macs
    with pytest.raises(hookcount.InputError, match="no other part of a training step"):
        _ = hookcount.Report.from_json(report.to_json()).backward


def test_conventions_price_each_phase():
    report = training().count(nn.Linear(8, 4), torch.zeros(2, 8))
    assert report.backward.under("torch").headline == 2 * report.backward.macs


def test_the_source_line_is_that_of_the_user():
    report = training().count(nn.Linear(8, 4), torch.zeros(2, 8))
    lines = {charge.line.rpartition(":")[0] for charge in report.backward.charges()}
    assert all("hookcount/" not in line for line in lines)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, x, other: Training(counter=other),
        lambda model, x, other: hookcount.scaling(model, lambda n: x, counter=other),
        lambda model, x, other: hookcount.Timer().over(model, [x], counter=other),
    ],
    ids=["Training", "scaling", "Timer.over"],
)
def test_a_training_is_no_counter(use):
    with pytest.raises(hookcount.InputError, match="of type Training") as raised:
        use(nn.Linear(8, 4), torch.zeros(2, 8), Training())
    assert "To fix it" in str(raised.value)


def test_a_gradient_that_another_thread_drops_stays_dropped():
    """The thread began before, and calls no module of the model meanwhile."""
    model, at_work, done = nn.Linear(8, 4), threading.Event(), threading.Event()
    held = list(model.parameters())
    for each in held:
        each.grad = torch.zeros_like(each)

    def trains():
        at_work.wait()
        for each in held:
            each.grad = None
        done.set()

    thread = threading.Thread(target=trains)
    thread.start()

    def loss(out):
        at_work.set()
        done.wait()
        return out.sum()

    counter = hookcount.Counter(run="shapes")
    hookcount.Training(loss, counter=counter).count(model, torch.ones(2, 8))
    thread.join()
    assert [each.grad for each in held] == [None, None]


@contextmanager
def another_thread():
    """Another thread of the process runs meanwhile, as in a notebook. It does not train."""
    stop = threading.Event()

    def works():
        while not stop.is_set():
            sum(range(1000))

    thread = threading.Thread(target=works)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


COMPANY = {"alone": nullcontext, "in company": another_thread}


@pytest.mark.parametrize("company", COMPANY.values(), ids=COMPANY)
@pytest.mark.parametrize("to_none", [True, False])
@pytest.mark.parametrize("run", RUNS)
def test_a_loss_that_drops_the_gradients_leaves_them(run, to_none, company):
    model = nn.Linear(8, 4)
    optimizer = torch.optim.SGD(model.parameters())
    before = [torch.ones_like(each) for each in model.parameters()]
    for each, grad in zip(model.parameters(), before, strict=True):
        each.grad = grad

    def loss(out):
        optimizer.zero_grad(set_to_none=to_none)
        return out.sum()

    with company():
        training(run, loss=loss).count(model, torch.ones(2, 8))
    assert all(each.grad is grad for each, grad in zip(model.parameters(), before, strict=True))
    assert all(bool((grad == 1).all()) for grad in before)


@pytest.mark.parametrize("company", COMPANY.values(), ids=COMPANY)
@pytest.mark.parametrize("has_grads", [True, False])
def test_a_loss_with_layers_of_its_own_leaves_their_gradients(has_grads, company):
    model, head = nn.Linear(8, 4), nn.Linear(4, 1)
    held = [*model.parameters()]  # the loss has the user's own tensors, not those of the run
    before = [torch.ones_like(each) if has_grads else None for each in (*held, *head.parameters())]
    for each, grad in zip((*held, *head.parameters()), before, strict=True):
        each.grad = grad

    def loss(out):
        return head(out).sum() + sum(each.pow(2).sum() for each in held)

    with company():
        training("real", loss=loss).count(model, torch.ones(2, 8))
    assert all(
        each.grad is grad and (grad is None or bool((grad == 1).all()))
        for each, grad in zip((*held, *head.parameters()), before, strict=True)
    )


def test_a_complex_output_has_a_loss():
    class Turned(nn.Linear):
        def forward(self, x):
            return torch.complex(super().forward(x), torch.zeros(2, 4))

    report = hookcount.Training().count(Turned(8, 4, bias=False), torch.ones(2, 8))
    assert (report.macs, report.backward.macs) == (2 * 8 * 4, 2 * 8 * 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {"optimizer": torch.optim.SGD([torch.ones(1)])}, "not its class"),
        (lambda: {"optimizer": 3}, "3 cannot be called"),
        (lambda: {"loss": torch.optim.AdamW}, "AdamW is a class"),
        (lambda: {"optimizer": lambda parameters: None}, "has no method step"),
        (lambda: {"loss": lambda out: out.sum() * 1j}, "a complex tensor"),
    ],
)
def test_what_is_no_loss_and_no_optimizer(make, message):
    with pytest.raises(hookcount.InputError, match=message):
        hookcount.Training(**make()).count(nn.Linear(8, 4), torch.ones(2, 8))


def test_without_gradients():
    with torch.no_grad(), pytest.raises(hookcount.InputError, match="gradients are off"):
        hookcount.Training().count(nn.Linear(8, 4), torch.ones(2, 8))


def test_an_optimizer_without_parameters():
    frozen = nn.Linear(8, 4).requires_grad_(False)
    with pytest.raises(hookcount.InputError, match="no parameter of the model requires grad"):
        hookcount.Training(optimizer=torch.optim.SGD).count(
            frozen, torch.ones(2, 8, requires_grad=True)
        )


class Handed(nn.Module):
    """A layer, then four layers in two threads at once. Those begin with the same numbers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 8, bias=False)
        self.branches = nn.ModuleList(nn.Linear(8, n, bias=False) for n in (16, 32, 64, 128))

    def forward(self, x):
        x = self.stem(x).relu()
        together = threading.Barrier(2)

        def run(first):
            together.wait()
            return [branch(x).relu() for branch in self.branches[first : first + 2]]

        with ThreadPoolExecutor(2) as pool:
            return torch.cat([each for outs in pool.map(run, (0, 2)) for each in outs], -1)


def in_a_new_thread(function):
    """A new thread numbers the nodes of its graph from 0, as those of a pool do."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.parametrize("around", [in_a_new_thread, lambda function: function()])
@pytest.mark.parametrize("run", RUNS)
def test_the_owner_of_a_node_that_another_thread_made(run, around):
    model, x = Handed(), torch.ones(4, 8)
    report = around(lambda: training(run).count(model, x))
    products = {f"branches.{index}": 2 * 4 * 8 * n for index, n in enumerate((16, 32, 64, 128))}
    assert own(report.backward) == {"stem": 4 * 8 * 8, **products}


def test_a_watch_sees_the_owner_of_a_node_that_another_thread_made():
    model, x = Handed(), torch.ones(4, 8)

    def step():
        with Training().watch(model) as watch:
            model(x).sum().backward()
        return watch.report()

    products = {f"branches.{index}": 2 * 4 * 8 * n for index, n in enumerate((16, 32, 64, 128))}
    assert own(in_a_new_thread(step).backward) == {"stem": 4 * 8 * 8, **products}
