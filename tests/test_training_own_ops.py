"""The backward pass of a user's op or function: named with its module, until it has a formula."""

import pickle

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FREE, Counter, Ops, Registry, Training

RUNS = ("shapes", "real")
pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")


@torch.library.custom_op("own_ops::product", mutates_args=())
def product(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x @ w


@product.register_fake
def _(x, w):
    return x.new_empty(x.shape[0], w.shape[1])


@torch.library.custom_op("own_ops::product_backward", mutates_args=())
def product_backward(
    g: torch.Tensor, x: torch.Tensor, w: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return g @ w.t(), x.t() @ g


@product_backward.register_fake
def _(g, x, w):
    return torch.empty_like(x), torch.empty_like(w)


product.register_autograd(
    lambda ctx, g: product_backward(g, *ctx.saved_tensors),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
)


class Function(torch.autograd.Function):
    """A product with the backward pass of the op."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, g):
        return product_backward(g, *ctx.saved_tensors)


class Own(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.run = run
        self.weight = nn.Parameter(torch.zeros(8, 4))

    def forward(self, x):
        return self.run(x, self.weight)


def model(run):
    return nn.Sequential(nn.Linear(8, 8, bias=False), Own(run))


def formulas():
    registry = Registry()
    registry.register("own_ops::product", lambda x, w: Ops(macs=x.numel() * w[1]), kind="product")

    def backward(x, w):
        return Ops(macs=2 * x.numel() * w[1])

    registry.register("own_ops::product_backward", backward, kind="gradient")
    return registry


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("function", [product, Function.apply])
def test_an_unknown_backward_op_is_named_with_its_module(function, run):
    report = Training(counter=Counter(run=run)).count(model(function), torch.zeros(3, 8))
    (each,) = report.backward.uncounted
    assert (each.target, each.calls, each.paths) == ("own_ops::product_backward", 1, ("1",))
    assert report.backward.macs == 3 * 8 * 8  # the layer before it
    said = report.backward.explain_uncounted()
    assert "own_ops::product_backward has no formula: 1 call in '1'" in said
    assert '@hookcount.register("own_ops::product_backward")' in said
    with pytest.raises(hookcount.UncountedError):
        report.step.require_complete()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("function", [product, Function.apply])
def test_a_formula_prices_it(function, run):
    counter = Counter(formulas(), run=run)
    report = Training(counter=counter).count(model(function), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.macs == 3 * 8 * 8 + 3 * 8 * 4
    assert report.backward["1"].macs == 2 * 3 * 8 * 4
    assert report.backward["0"].macs == 3 * 8 * 8


def test_a_backward_op_may_be_free():
    registry = formulas()
    registry.replace("own_ops::product_backward", FREE)
    report = Training(counter=Counter(registry)).count(model(product), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward["1"].macs == 0


@pytest.mark.parametrize("run", RUNS)
def test_a_backward_of_usual_ops_needs_no_formula(run):
    class Usual(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return g @ w.t(), x.t() @ g

    report = Training(counter=Counter(run=run)).count(model(Usual.apply), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward["1"].macs == 2 * 3 * 8 * 4


class Hidden(torch.autograd.Function):
    """Its backward pass computes outside of torch."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(w)
        return x @ w

    @staticmethod
    def backward(ctx, g):
        (w,) = ctx.saved_tensors
        return torch.from_numpy(g.numpy() @ w.detach().numpy().T), None


class Filled(Hidden):
    """A kernel that no op shows fills its result."""

    @staticmethod
    def backward(ctx, g):
        made = torch.empty(3, 8, device=g.device)
        if not made.is_meta:
            made.numpy()[:] = 1
        return made, None


class Partly(Filled):
    """An op prepares what the kernel reads, and another one what it adds to."""

    @staticmethod
    def backward(ctx, g):
        g, w = g * 2, torch.zeros(8, 4)
        return Filled.backward(ctx, g)[0], w


@pytest.mark.parametrize("function", [Hidden, Filled, Partly])
def test_work_that_no_op_shows_is_named_with_its_function(function):
    report = Training().count(model(function.apply), torch.zeros(3, 8))
    (each,) = report.backward.uncounted
    name = f"autograd::{function.__name__}"
    assert (each.target, each.calls, each.paths) == (name, 1, ("1",))
    assert f'@hookcount.register("{name}")' in report.backward.explain_uncounted()
    assert pickle.loads(pickle.dumps(report)).backward.uncounted == report.backward.uncounted
    registry = Registry()
    registry.register(name, lambda grad: Ops(macs=grad.numel() * 8))
    report = Training(counter=Counter(registry)).count(model(function.apply), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward["1"].macs == 3 * 4 * 8


class WithOps(Filled):
    """Ops write to all that it allocates."""

    @staticmethod
    def backward(ctx, g):
        (w,) = ctx.saved_tensors
        made, part = torch.empty(3, 8, device=g.device), torch.empty(8, 4, device=g.device)
        torch.mm(g, w.t(), out=made)
        part[:3].copy_(w[:3])
        return made, part


@pytest.mark.parametrize("run", RUNS)
def test_memory_that_ops_fill_hides_nothing(run):
    report = Training(counter=Counter(run=run)).count(model(WithOps.apply), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward["1"].macs == 3 * 4 * 8


class Block(nn.Module):
    """A layer and a product."""

    def __init__(self, run):
        super().__init__()
        self.inner, self.own = nn.Linear(8, 8, bias=False), Own(run)

    def forward(self, x):
        return self.own(self.inner(x))


@pytest.mark.parametrize("covers", ["own", "subtree"])
@pytest.mark.parametrize("price", [FREE, lambda x: Ops(macs=7)])
def test_the_formula_of_a_module_prices_its_forward(covers, price):
    """The backward pass is counted by its ops, and a kernel in it is named."""
    registry = formulas()
    registry.register(Block, price, covers=covers)
    report = Training(counter=Counter(registry)).count(Block(product), torch.zeros(3, 8))
    paid = 0 if price is FREE else 7
    beneath = 3 * 8 * 8 + 3 * 8 * 4
    assert report.macs == paid + (beneath if covers == "own" else 0)
    assert report.backward.macs == 3 * 8 * 8 + 2 * 3 * 8 * 4
    hidden = Training(counter=Counter(registry)).count(Block(Hidden.apply), torch.zeros(3, 8))
    assert [each.target for each in hidden.backward.uncounted] == ["autograd::Hidden"]
    assert hidden.backward.uncounted[0].paths == ("own",)


class Valued(Own):
    """Its forward reads a value."""

    def forward(self, x):
        return self.run(x, self.weight) * float(x.sum() >= 0)


def test_a_fake_has_the_backward_pass_of_its_ops():
    registry = Registry()
    registry.register_fake(Valued, lambda module, x: x @ module.weight)
    counted = nn.Sequential(nn.Linear(8, 8, bias=False), Valued(Hidden.apply))
    report = Training(counter=Counter(registry, run="shapes")).count(counted, torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward.macs == 3 * 8 * 8 + 2 * 3 * 8 * 4


class Through(torch.autograd.Function):
    """A gradient that is passed on, or a view of it."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(w)
        return x.t().clone()

    @staticmethod
    def backward(ctx, g):
        return g.t(), ctx.saved_tensors[0]


@pytest.mark.parametrize("run", RUNS)
def test_a_gradient_that_is_passed_on_is_no_work(run):
    report = Training(counter=Counter(run=run)).count(model(Through.apply), torch.zeros(3, 8))
    assert report.step.uncounted == ()
    assert report.backward["1"].flops == 0


class Keeps(torch.autograd.Function):
    """A product that keeps a tensor under the name that a node of torch's has for its leaf."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.variable = w
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        return g @ w.t(), x.t() @ g


@pytest.mark.parametrize("run", RUNS)
def test_what_a_function_keeps_makes_it_no_leaf(run):
    """Two products of 3 x 8 x 4 in the backward pass, of the module that ran the function."""
    report = Training(counter=Counter(run=run)).count(model(Keeps.apply), torch.ones(3, 8))
    products = [
        (each.phase, each.path)
        for each in report.priced.trace.runs
        for op in each.ops
        if each.of_step and op.call.target is torch.ops.aten.mm.default
    ]
    assert products.count(("backward", "1")) == 2
    assert {phase for phase, _ in products} == {"backward"}
    assert report.backward["1"].macs == 2 * 3 * 8 * 4
