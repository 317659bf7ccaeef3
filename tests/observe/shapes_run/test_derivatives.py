"""Forwards that differentiate, on real inputs, in a shapes-only run."""

import pytest
import torch
from torch import nn
from torch.autograd import functional, grad
from torch.func import functional_call, hessian, jacrev, jvp, vjp, vmap
from torch.func import grad as func_grad
from torch.nn.utils import clip_grad_norm_
from torch.utils.checkpoint import checkpoint

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
BATCH, WIDTH = 5, 8


class Model(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.net = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh(), nn.Linear(WIDTH, 1))
        self.weight = nn.Parameter(torch.ones(WIDTH, WIDTH))

    def forward(self, x):
        return self.function(self, x)

    def energy(self, x):
        return self.net(x).sum()

    def of_params(self, params, x):
        return functional_call(self.net, params, (x,)).sum()


class Same(torch.autograd.Function):
    """Its gradient is the one that it gets."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def leaf(x):
    return x.detach().requires_grad_()


def force(m, x):
    y = leaf(x)
    return grad(m.net(y), y, grad_outputs=torch.ones(BATCH, 1))[0].neg()


def by_an_input(m, x):
    y = leaf(x)
    return grad(m.net(y), y, grad_outputs=x[:, :1])[0] @ m.weight


def by_a_constant(m, x):
    strain = torch.zeros(WIDTH, WIDTH, requires_grad=True)
    return grad(m.energy(x + x @ (strain + strain.mT)), strain)[0].relu()


def penalty(m, x):
    y = leaf(x)
    slope = grad(m.energy(y), y, create_graph=True)[0]
    (slope.norm(dim=1) - 1).pow(2).mean().backward()
    return m.net[0].weight.grad.relu()


def a_step(m, x):
    for _ in range(2):
        m.energy(x).backward()
    with torch.no_grad():
        for each in m.net.parameters():
            each.add_(each.grad, alpha=-0.1)
    return m.net(x)


def hooked(m, x):
    handle = m.weight.register_hook(lambda gradient: gradient * 3)
    (x @ m.weight).sum().backward()
    handle.remove()
    return m.weight.grad.unsqueeze_(0).relu()


def adapted(m, x):
    params = dict(m.net.named_parameters())
    slopes = func_grad(m.of_params)(params, x)
    return m.of_params({name: each - slopes[name] for name, each in params.items()}, x)


def one_by_one(m, x):
    params = dict(m.net.named_parameters())
    return vmap(func_grad(m.of_params), (None, 0))(params, x)["0.weight"].relu()


def again(m, x, reentrant):
    y = leaf(x)
    checkpoint(m.net, y, use_reentrant=reentrant).sum().backward()
    return y.grad.relu()


FUNCTIONS = {
    "a force": force,
    "a gradient that is an input": by_an_input,
    "the derivative by a constant": by_a_constant,
    "the derivative by parameters": lambda m, x: grad(m.energy(x), [*m.net.parameters()])[0].relu(),
    "of a sum": lambda m, x: grad((x + m.weight[:BATCH] + m.weight[:1]).sum(), m.weight)[0].relu(),
    "of leaves alone": lambda m, x: grad((m.weight + m.weight).sum(), m.weight)[0] + x.sum(),
    "of a function of one's own": lambda m, x: grad((x @ Same.apply(m.weight)).sum(), m.weight)[0],
    "directly": lambda m, x: grad(Same.apply(m.weight).sum(), m.weight)[0].relu(),
    "unused": lambda m, x: grad(m.energy(x), [m.net[0].weight, m.weight], allow_unused=True)[0],
    "a penalty of a gradient": penalty,
    "a step": a_step,
    "a hook": hooked,
    "clipped": lambda m, x: (m.energy(x).backward(), clip_grad_norm_([m.net[0].weight], 1.0))[1],
    "a checkpoint": lambda m, x: again(m, x, False),
    "a reentrant checkpoint": lambda m, x: again(m, x, True),
    "func.grad": lambda m, x: func_grad(m.energy)(x).relu(),
    "func.vjp": lambda m, x: vjp(m.net, x)[1](torch.ones(BATCH, 1))[0].relu(),
    "func.jvp": lambda m, x: jvp(m.net, (x,), (torch.ones(BATCH, WIDTH),))[1].relu(),
    "func.jacrev": lambda m, x: jacrev(m.net)(x).relu(),
    "func.hessian": lambda m, x: hessian(m.energy)(x).relu(),
    "one step within": adapted,
    "example by example": one_by_one,
    "functional.jacobian": lambda m, x: functional.jacobian(m.net, x).relu(),
    "batched": lambda m, x: functional.jacobian(m.net, x, vectorize=True).relu(),
    "functional.hvp": lambda m, x: functional.hvp(m.energy, x, x)[1].relu(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_as_the_real_run(name):
    model, x = Model(FUNCTIONS[name]), torch.rand(BATCH, WIDTH)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    real = hookcount.Counter(run="real").count(model, x)
    counter = hookcount.Counter(run="shapes")
    for _ in range(2):
        found = counter.count(model, x)
        assert (found.run, found.total, found.uncounted) == ("shapes", real.total, ())
        if name != "clipped":
            assert found.records == real.records
    assert all(each.grad is None for each in model.parameters())
    assert all(value.equal(before[key]) for key, value in model.state_dict().items())
    assert type(model.weight) is nn.Parameter


def test_gradients_that_were_there():
    model, x = Model(a_step), torch.rand(BATCH, WIDTH)
    model.energy(x).backward()
    before = [each.grad for each in model.net.parameters()]
    values = [each.clone() for each in before]
    assert hookcount.count(model, x).run == "shapes"
    after = [each.grad for each in model.net.parameters()]
    assert all(new is old for new, old in zip(after, before, strict=True))
    assert all(new.equal(old) for new, old in zip(after, values, strict=True))


def test_macs_by_hand():
    """The derivative of two layers by their input has as many products as the layers."""
    report = hookcount.count(Model(force), torch.rand(BATCH, WIDTH))
    assert report.run == "shapes"
    assert report.macs == 2 * BATCH * (WIDTH * WIDTH + WIDTH)


def test_a_value_of_a_derivative_is_needed():
    model = Model(lambda m, x: x * float(force(m, x).sum()))
    with pytest.raises(hookcount.DataNeededError):
        hookcount.Counter(run="shapes").count(model, torch.rand(BATCH, WIDTH))
    assert hookcount.count(model, torch.rand(BATCH, WIDTH)).run == "real"


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_linearize_needs_values():
    """It computes what does not depend on the tangents. So the ops of each call are fewer."""

    def linearized(m, x):
        out, tangents_of = torch.func.linearize(m.net, x * 1.0)
        return out, tangents_of(torch.ones_like(x))

    model, x = Model(linearized), torch.ones(BATCH, WIDTH)
    with torch.no_grad():
        found, expected = hookcount.count(model, x), hookcount.Counter(run="real").count(model, x)
    assert (found.run, found.total) == ("real", expected.total)
    with pytest.raises(hookcount.DataNeededError, match=r"linearize.*\n.*torch\.func\.jvp"):
        hookcount.count(model.to("meta"), x.to("meta"))
    assert torch.func.linearize(torch.sin, x)[0].shape == x.shape
