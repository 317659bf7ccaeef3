"""What a forward changes in the model's own structure: parameters, buffers, modules, hooks."""

import threading

import torch
from torch import nn

from .making import MACS, Does, Sample, kind, x
from .objects import Plain


def on_model(name, step, times=1, prepare=lambda model: None, **options):
    """A kind whose step changes the model. ``prepare`` gets it ready."""

    def made():
        model = Does(step)
        prepare(model)
        return Sample(model, (x(),))

    kind(f"model: {name}", times, **options)(made)


def with_buffer(model):
    model.register_buffer("b", torch.zeros(2))


def with_norm(model):
    model.norm = nn.BatchNorm1d(4)


def with_parameter(model):
    model.p = nn.Parameter(torch.arange(6.0).reshape(2, 3))


def with_gradient(model):
    with_parameter(model)
    model.p.grad = torch.ones(2, 3)


def attribute(name, make):
    """A function that gives the model an attribute."""
    return lambda model: setattr(model, name, make())


def optimised():
    """A parameter and its optimizer, which is held in a list."""
    p = nn.Parameter(torch.ones(3))
    return p, [torch.optim.Adam([p], lr=0.1)]


def optimise(m, y):
    """One step of the optimizer. The answer says how many steps came before."""
    p, (optimizer,) = m.held
    with torch.enable_grad():
        optimizer.zero_grad()
        (p * 2).sum().backward()
        optimizer.step()
    return len(optimizer.state)


def accumulate(m, y):
    """The parameter's gradient accumulates."""
    times = 1 if m.p.grad is None else 5
    with torch.enable_grad():
        (m.p * 2).sum().backward()
    return times


def in_graph(m, y):
    """An exponential average of an activation becomes part of the graph."""
    times = 1 if m.b.grad_fn is None else 5
    with torch.enable_grad():
        m.b.mul_(0.9).add_(m.lin.weight[0, :2] * 0.1)
    return times


on_model(
    "attribute set", lambda m, y: setattr(m, "n", m.n + 1) or m.n, 2, attribute("n", lambda: 1)
)
on_model("attribute new", lambda m, y: setattr(m, "late", getattr(m, "late", 0) + 1) or m.late)
on_model("attribute deleted", lambda m, y: delattr(m, "n"), 1, attribute("n", lambda: 1))
on_model(
    "attributes in another order", lambda m, y: setattr(m, "asks", m.__dict__.pop("asks")) or 1, 1
)
on_model("class of a child set", lambda m, y: setattr(m.lin, "__class__", OtherLinear) or 1)
on_model("BatchNorm", lambda m, y: m.norm(y).shape[0], 2, with_norm)
on_model("BatchNorm twice", lambda m, y: m.norm(m.norm(y)).shape[0], 2, with_norm)
on_model(
    "BatchNorm in a plain list",
    lambda m, y: m.c[0](y).shape[0],
    2,
    attribute("c", lambda: [nn.BatchNorm1d(4)]),
)
on_model(
    "BatchNorm in a dict of lists",
    lambda m, y: m.c["a"][0](y).shape[0],
    2,
    attribute("c", lambda: {"a": [nn.BatchNorm1d(4)]}),
)
on_model(
    "BatchNorm in a tuple",
    lambda m, y: m.c[0](y).shape[0],
    2,
    attribute("c", lambda: (nn.BatchNorm1d(4),)),
)
on_model(
    "BatchNorm in a plain object",
    lambda m, y: m.c.norm(y).shape[0],
    2,
    attribute("c", lambda: Plain(norm=nn.BatchNorm1d(4))),
)
on_model(
    "BatchNorm in a closure",
    lambda m, y: m.c(y).shape[0],
    2,
    attribute("c", lambda: (lambda norm: lambda y: norm(y))(nn.BatchNorm1d(4))),
)
on_model(
    "BatchNorm in a plain list, its mode set",
    lambda m, y: m.c[0].eval() is None,
    0,
    attribute("c", lambda: [nn.BatchNorm1d(4)]),
)
on_model("optimizer in a list", optimise, 1, attribute("held", optimised), shapes_may_fail=True)
on_model("a gradient accumulates", accumulate, 1, with_parameter, shapes_may_fail=True)
on_model(
    "zero_grad(set_to_none=True)",
    lambda m, y: 1 + (m.p.grad is None) + bool(m.zero_grad()),
    1,
    with_gradient,
)
on_model(
    "zero_grad(set_to_none=False)", lambda m, y: m.zero_grad(set_to_none=False), 1, with_gradient
)
on_model("gradient scaled", lambda m, y: m.p.grad.mul_(0.5).shape[0], 2, with_gradient)
on_model(
    "gradient clipped", lambda m, y: nn.utils.clip_grad_norm_([m.p], 0.1) is None, 0, with_gradient
)
on_model("buffer added to", lambda m, y: m.b.add_(1).shape[0], 2, with_buffer)
on_model("buffer replaced", lambda m, y: setattr(m, "b", m.b + 1) or m.b.shape[0], 2, with_buffer)
on_model(
    "buffer grows",
    lambda m, y: setattr(m, "b", torch.cat([m.b, m.b])) or m.b.shape[0],
    4,
    with_buffer,
)
on_model(
    "buffer set to None", lambda m, y: setattr(m, "b", None) or len(m._buffers), 1, with_buffer
)
on_model("buffer deleted", lambda m, y: delattr(m, "b") or len(m._buffers), 0, with_buffer)
on_model("buffer registered", lambda m, y: m.register_buffer("late", y.detach()) or len(m._buffers))
on_model(
    "buffer not persistent any more",
    lambda m, y: m.register_buffer("b", torch.ones(2), persistent=False) or len(m._buffers),
    1,
    with_buffer,
)
on_model("buffer in a graph", in_graph, 1, with_buffer, shapes_may_fail=True)
on_model(
    "buffer replaced by an average in a graph",
    lambda m, y: setattr(m, "b", m.b * 0.9 + y[0, :2]) or m.b.shape[0],
    2,
    with_buffer,
)
on_model(
    "buffer of a running total of activations",
    lambda m, y: m.b.add_(y.detach()[0, :2]).shape[0],
    2,
    with_buffer,
)
on_model("parameter written under no_grad", lambda m, y: written(m.p), 2, with_parameter)
on_model("parameter transposed in place", lambda m, y: transposed(m.p), 3, with_parameter)
on_model(
    "parameter .data set to its transpose",
    lambda m, y: setattr(m.p, "data", m.p.data.t()) or m.p.shape[0],
    3,
    with_parameter,
)
on_model(
    "parameter, its storage grown through .data",
    lambda m, y: m.p.data.resize_(4, 3).fill_(1) is None,
    0,
    with_parameter,
)
on_model(
    "parameter .data of another shape",
    lambda m, y: setattr(m.p, "data", torch.zeros(3)) or m.p.shape[0],
    3,
    with_parameter,
)
on_model(
    "parameter .data of another dtype",
    lambda m, y: setattr(m.p, "data", m.p.data.double()) or m.p.element_size() // 4,
    2,
    with_parameter,
)
on_model(
    "parameter .data set to a clone",
    lambda m, y: setattr(m.p, "data", m.p.data.clone()),
    1,
    with_parameter,
)
on_model(
    "parameter requires_grad_",
    lambda m, y: 1 + (not m.p.requires_grad) + (0 * bool(m.p.requires_grad_(False) is None)),
    1,
    with_parameter,
)
on_model(
    "parameter attribute",
    lambda m, y: setattr(m.p, "n", getattr(m.p, "n", 0) + 1) or m.p.n,
    1,
    with_parameter,
)
on_model(
    "parameter replaced",
    lambda m, y: setattr(m, "p", nn.Parameter(torch.ones(3))) or m.p.shape[0],
    3,
    with_parameter,
)
on_model("parameter deleted", lambda m, y: delattr(m, "p") or len(m._parameters), 0, with_parameter)
on_model(
    "parameter registered",
    lambda m, y: m.register_parameter("late", nn.Parameter(torch.ones(1))) or len(m._parameters),
)
on_model("parameter turned into a buffer", lambda m, y: buffered(m), 1, with_parameter)
on_model("parameter hook", lambda m, y: m.p.register_hook(lambda g: g) is None, 0, with_parameter)
on_model(
    "child replaced",
    lambda m, y: setattr(m, "norm", nn.Identity()) or len(m._modules),
    2,
    with_norm,
)
on_model("child new", lambda m, y: m.add_module("late", nn.ReLU()) or len(m._modules), 2)
on_model(
    "child deleted and added again",
    lambda m, y: (m._modules.pop("lin") and None) or setattr(m, "lin", m.kept[0]) or 1,
    1,
    lambda m: setattr(m, "kept", [m.lin]) or with_norm(m),
)
on_model("child deleted", lambda m, y: delattr(m, "norm") or len(m._modules), 1, with_norm)
on_model(
    "children in another order",
    lambda m, y: m._modules.update(lin=m._modules.pop("lin")) or 1,
    1,
    with_norm,
)
on_model(
    "ModuleList grows",
    lambda m, y: m.all.append(nn.ReLU()) and len(m.all),
    2,
    attribute("all", lambda: nn.ModuleList([nn.ReLU()])),
)
on_model(
    "ParameterDict grows",
    lambda m, y: m.all.update({"b": nn.Parameter(torch.ones(1))}) or len(m.all),
    2,
    attribute("all", lambda: nn.ParameterDict({"a": torch.ones(1)})),
)
on_model(
    "a child's attribute, deep",
    lambda m, y: setattr(m.deep[0][0], "n", m.deep[0][0].n + 1) or m.deep[0][0].n,
    2,
    lambda m: deep(m),
)
on_model("eval()", lambda m, y: m.eval() and 1 + m.norm.training, 1, with_norm)
on_model(
    "train() of a child",
    lambda m, y: 2 - (m.norm.training and m.norm.train(False) is not None),
    1,
    with_norm,
)
on_model("frozen", lambda m, y: m.requires_grad_(False) and 1)
on_model("double()", lambda m, y: 2 - (m.norm.double() is m.norm), 1, with_norm)
on_model(
    "load_state_dict",
    lambda m, y: (
        1
        + (
            m.norm.load_state_dict({name: value + 1 for name, value in m.norm.state_dict().items()})
            is None
        )
    ),
    1,
    with_norm,
)
on_model(
    "reset_parameters",
    lambda m, y: m.norm.reset_running_stats() or 1,
    1,
    lambda m: with_norm(m) or m.norm.running_mean.fill_(3),
)
on_model("forward hook on itself", lambda m, y: m.register_forward_hook(lambda *_: None) is None, 0)
on_model(
    "forward pre-hook on a child",
    lambda m, y: m.lin.register_forward_pre_hook(lambda *_: None) is None,
    0,
)
on_model(
    "backward hook on a child",
    lambda m, y: m.norm.register_full_backward_hook(lambda *_: None) is None,
    0,
    with_norm,
)
on_model(
    "state dict hook", lambda m, y: m.register_state_dict_post_hook(lambda *_: None) is None, 0
)
on_model(
    "a hook that removes itself",
    lambda m, y: m.handles.pop().remove() or 1,
    1,
    lambda m: setattr(m, "handles", [m.lin.register_forward_hook(lambda *_: None)]),
)
on_model("a hook that collects", lambda m, y: len(m.seen), 1, lambda m: collecting_hook(m))
on_model("forward of a child replaced", lambda m, y: setattr(m.lin, "forward", m.lin.forward) or 1)
on_model("its __dict__ updated", lambda m, y: vars(m).update(late=1) or 1 + ("late" not in vars(m)))
on_model(
    "a lock beside a list",
    lambda m, y: m.c.append(m.lock.locked()) or len(m.c),
    2,
    lambda m: setattr(m, "lock", threading.Lock()) or setattr(m, "c", [1]),
)
on_model(
    "weight norm",
    lambda m, y: m.wn(y).shape[0] and None,
    1,
    macs=3 * MACS,
    leaves_nothing=True,
    prepare=attribute(
        "wn", lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4, bias=False))
    ),
)
# one power iteration: two products of the weight and a vector, then one more, and a dot product
on_model(
    "spectral norm in train mode",
    lambda m, y: m.deep(y).shape[0] and None,
    macs=3 * MACS + 3 * 4 * 4 + 4,
    prepare=lambda m: nn.utils.parametrizations.spectral_norm(deep(m)),
)


class OtherLinear(nn.Linear):
    """What a linear layer is turned into."""


def written(p):
    with torch.no_grad():
        return p.add_(1).shape[0]


def transposed(p):
    with torch.no_grad():
        return p.t_().shape[0]


def buffered(m):
    p = m.p.detach()
    del m.p
    m.register_buffer("p", p)
    return len(m._buffers)


def deep(m):
    """Give the model a child of a child. Returns a linear layer."""
    inner = nn.Sequential(nn.Linear(4, 4))
    inner.n = 1
    m.deep = nn.Sequential(nn.Sequential(inner))
    return inner[0]


def collecting_hook(m):
    m.seen = []
    m.lin.register_forward_hook(lambda module, args, out: m.seen.append(out))
