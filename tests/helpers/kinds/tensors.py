"""Tensors and numpy arrays that a forward changes: arguments, buffers and plain attributes."""

import numpy
import torch
from torch import nn

from .making import Does, Sample, both, given, kind, x
from .objects import Plain


def t23():
    """A tensor of six numbers."""
    return torch.arange(6.0).reshape(2, 3)


def rows(*calls):
    """A step that makes the calls on the tensor and returns the first of its sizes."""

    def step(m, y, t):
        for call in calls:
            call(t)
        return t.shape[0] if t.dim() else 0

    return step


def everywhere(name, step, make, times=1, **options):
    """Three kinds: the tensor is an argument, an attribute, or in a list that is an argument."""
    both(f"tensor, {name}", step, make, times, **options)
    given(
        f"tensor in a list, {name}",
        lambda m, y, c: step(m, y, c[0]),
        lambda: [make()],
        times,
        **options,
    )

    def buffered():
        model = Does(lambda m, y: step(m, y, m.b))
        model.register_buffer("b", make())
        return Sample(model, (x(),))

    kind(f"buffer, {name}", times, **options)(buffered)


everywhere("mul_", rows(lambda t: t.mul_(2)), t23, 2)
everywhere("+=", rows(lambda t: t.__iadd__(1)), t23, 2)
everywhere("an item set", rows(lambda t: t.__setitem__((0, 0), 7.0)), t23, 2)
everywhere("a column set by a view", rows(lambda t: t[:, 1].zero_()), t23, 2)
everywhere("copy_ under no_grad", rows(lambda t: under(torch.no_grad(), t)), t23, 2)
everywhere("normal_", rows(lambda t: t.normal_()), t23, 2)
everywhere("zero_ of integers", rows(lambda t: t.zero_()), lambda: torch.arange(3), 3)
everywhere(
    "integers that decide the path",
    lambda m, y, t: int(t.add_(1)[0]),
    lambda: torch.ones(2, dtype=torch.int64),
    2,
)
everywhere(
    "booleans that decide the path",
    lambda m, y, t: 3 if t.logical_not_().any() else 1,
    lambda: torch.ones(3, dtype=torch.bool),
    1,
)
everywhere("resize_ to more", rows(lambda t: t.resize_(4, 3).fill_(1)), t23, 4)
everywhere("resize_ to less", rows(lambda t: t.resize_(1, 3)), t23, 1)
everywhere("t_", rows(lambda t: t.t_()), t23, 3)
everywhere("transpose_", rows(lambda t: t.transpose_(0, 1)), t23, 3)
everywhere("swapaxes_", rows(lambda t: t.swapaxes_(0, 1)), t23, 3)
everywhere("squeeze_", rows(lambda t: t.squeeze_()), lambda: torch.zeros(1, 3), 3)
everywhere("unsqueeze_", rows(lambda t: t.unsqueeze_(0)), t23, 1)
everywhere("as_strided_", rows(lambda t: t.as_strided_((3, 2), (1, 3))), t23, 3)
everywhere("set_", rows(lambda t: t.set_(torch.zeros(3, 2))), t23, 3)
everywhere(".data set", rows(lambda t: setattr(t, "data", torch.zeros(3, 2))), t23, 3)
everywhere(
    ".data of another dtype",
    lambda m, y, t: setattr(t, "data", torch.zeros(1).double()) or t.element_size() // 4,
    t23,
    2,
)
everywhere(".data.add_", rows(lambda t: t.data.add_(1)), t23, 2)
everywhere(".detach().add_", rows(lambda t: t.detach().add_(1)), t23, 2)
everywhere(
    "requires_grad_", lambda m, y, t: 1 + 2 * t.requires_grad + (t.requires_grad_() is None), t23, 1
)
everywhere(
    "requires_grad set to False",
    lambda m, y, t: 2 - (not t.requires_grad) + 0 * bool(t.requires_grad_(False) is None),
    lambda: t23().requires_grad_(),
    2,
)
everywhere(
    ".grad set",
    lambda m, y, t: 1 + (t.grad is not None) + (setattr(t, "grad", torch.ones(2, 3)) is not None),
    t23,
    1,
)
everywhere(".grad.zero_()", rows(lambda t: t.grad.zero_()), lambda: with_grad(t23()), 2)
everywhere(
    ".grad = None",
    lambda m, y, t: 1 + (t.grad is None) + (setattr(t, "grad", None) is not None),
    lambda: with_grad(t23()),
    1,
)
everywhere(
    "an attribute", lambda m, y, t: setattr(t, "tag", getattr(t, "tag", 1) + 1) or t.tag, t23, 2
)
everywhere(
    "a list as attribute",
    lambda m, y, t: t.seen.append(y) or len(t.seen),
    lambda: with_list(t23()),
    1,
)
everywhere(
    "register_hook",
    lambda m, y, t: t.register_hook(lambda g: g) is None,
    lambda: t23().requires_grad_(),
    0,
)
everywhere(
    "register_post_accumulate_grad_hook",
    lambda m, y, t: t.register_post_accumulate_grad_hook(lambda g: None) is None,
    lambda: t23().requires_grad_(),
    0,
)
everywhere("written through its view", lambda m, y, t: t.view(6)[:3].add_(1) is None, t23, 0)
everywhere("out=", lambda m, y, t: torch.add(torch.ones(2, 3), 1, out=t).shape[0], t23, 2)
everywhere(
    "out=, empty before",
    lambda m, y, t: torch.add(torch.ones(2, 3), 1, out=t).shape[0],
    lambda: torch.empty(0),
    2,
)
everywhere(
    "out= of an activation, empty before",
    lambda m, y, t: torch.mul(y.detach(), 2, out=t).shape[0],
    lambda: torch.empty(0),
    2,
)
everywhere("not contiguous", rows(lambda t: t.mul_(2)), lambda: torch.zeros(3, 2).t(), 2)
everywhere(
    "a window of a larger storage",
    rows(lambda t: t.mul_(2)),
    lambda: torch.arange(12.0)[6:].view(2, 3),
    2,
)
everywhere("complex", rows(lambda t: t.mul_(2)), lambda: torch.ones(2, dtype=torch.complex64), 2)
everywhere("half", rows(lambda t: t.add_(1)), lambda: torch.ones(2, dtype=torch.bfloat16), 2)
everywhere("subclass", rows(lambda t: t.mul_(2)), lambda: t23().as_subclass(Own), 2)
everywhere("its class set", lambda m, y, t: setattr(t, "__class__", Own) or 1, t23)
both(
    "non-leaf tensor, written",
    lambda m, y, t: t.mul_(2) is None,
    lambda: t23().requires_grad_() * 1,
    0,
)
both(
    "non-leaf tensor, detach_",
    lambda m, y, t: t.detach_() is None,
    lambda: t23().requires_grad_() * 1,
    0,
)
both(
    "non-leaf tensor, retain_grad",
    lambda m, y, t: t.retain_grad() is not None,
    lambda: t23().requires_grad_() * 1,
    0,
)
both(
    "inference tensor",
    lambda m, y, t: under(torch.inference_mode(), t).shape[0],
    lambda: in_inference(t23),
    2,
)
both("numpy array, filled", lambda m, y, a: a.fill(7) or len(a), lambda: numpy.zeros(2), 2)
both(
    "numpy array that decides the path",
    lambda m, y, a: a.__iadd__(1)[0],
    lambda: numpy.ones(2, int),
    2,
)
both(
    "numpy array, reshaped",
    lambda m, y, a: setattr(a, "shape", (3, 2)) or len(a),
    lambda: numpy.zeros((2, 3)),
    3,
)
both(
    "numpy array, sorted", lambda m, y, a: a.sort() or int(a[0]), lambda: numpy.array([3, 1, 2]), 1
)
both(
    "numpy array, structured",
    lambda m, y, a: a["n"].__iadd__(1)[0] and len(a),
    lambda: numpy.zeros(2, [("n", "i4"), ("f", "f4")]),
    2,
)
both(
    "numpy array of objects",
    lambda m, y, a: a[0].append(y) or len(a[0]),
    lambda: of_objects([], None),
)
both(
    "numpy array of objects, item replaced",
    lambda m, y, a: a.__setitem__(1, y) or len(a),
    lambda: of_objects([], None),
    2,
)
both(
    "numpy array, a view of another",
    lambda m, y, a: a[1].fill(3) or len(a[0]),
    lambda: [(whole := numpy.zeros(4)), whole[1:3]],
    4,
)
both(
    "numpy array in an object",
    lambda m, y, c: c.a.fill(7) or len(c.a),
    lambda: Plain(a=numpy.zeros(2)),
    2,
)
both(
    "numpy array that shows a tensor",
    lambda m, y, c: c[1].fill(7) or c[0].shape[0],
    lambda: [(t := t23()), t.numpy()],
    2,
)
both(
    "base written, its view looked at",
    lambda m, y, c: c[0].zero_() is None,
    lambda: [(t := t23()), t[0]],
    0,
)
both(
    "view written, its base looked at",
    lambda m, y, c: c[1].zero_() is None,
    lambda: [(t := t23()), t[0]],
    0,
)
both(
    "overlapping tensors",
    lambda m, y, c: c[1].add_(1) is None,
    lambda: [(t := torch.arange(6.0))[:4], t[2:]],
    0,
)
both(
    "the same tensor twice",
    lambda m, y, c: c[0].add_(1) is not c[1].add_(1),
    lambda: [(t := t23()), t],
    0,
)


class Own(torch.Tensor):
    """A tensor subclass without behaviour of its own."""


def under(mode, t):
    """Write to a tensor under a mode."""
    with mode:
        return t.copy_(torch.ones_like(t))


def with_grad(t):
    """The tensor, with a gradient."""
    t.grad = torch.ones_like(t)
    return t


def with_list(t):
    """The tensor, with a list as attribute."""
    t.seen = []
    return t


def in_inference(make):
    """A tensor made under ``inference_mode``."""
    with torch.inference_mode():
        return make()


def of_objects(*items):
    """An array of objects."""
    made = numpy.empty(len(items), object)
    made[:] = items
    return made


given(
    "argument: a view of an expanded tensor",
    lambda m, y, c: c[0].add_(1) is None,
    lambda: [(t := torch.zeros(1, 3)), t.expand(4, 3)],
    0,
)
given(
    "argument: a gradient accumulates",
    lambda m, y, t: backward(t),
    lambda: t23().requires_grad_(),
    1,
    shapes_may_fail=True,
)
given(
    "argument: a Parameter, written",
    lambda m, y, t: under(torch.no_grad(), t).shape[0],
    lambda: nn.Parameter(t23()),
    2,
)
given(
    "argument: a module in train mode",
    lambda m, y, norm: norm(y).shape[0],
    lambda: nn.BatchNorm1d(4),
    2,
)
given(
    "argument: a module, its mode set",
    lambda m, y, norm: norm.eval() is None,
    lambda: nn.BatchNorm1d(4),
    0,
)
given(
    "argument: a list of modules",
    lambda m, y, c: c[0](y).shape[0] + len(c) + (c.append(1) or 0),
    lambda: [nn.BatchNorm1d(4)],
    3,
)


def backward(t):
    """Accumulate a gradient. The tensor has none before."""
    times = 1 if t.grad is None else 5
    with torch.enable_grad():
        t.sum().backward()
    return times


@kind("x itself: mul_", 1)
def first_argument():
    class Scales(Does):
        def forward(self, x):
            x.mul_(2)
            return super().forward(x)

    return Sample(Scales(lambda m, y: 1), (x(),))


@kind("x itself: shares memory with a numpy array that is changed")
def shares_memory():
    class Writes(Does):
        def forward(self, x, a):
            a += 1
            return super().forward(x)

    first = x()
    return Sample(Writes(lambda m, y: 1), (first, first.numpy()))


@kind("x itself: a numpy array of the caller shows what is written")
def callers_array():
    array = numpy.ones((2, 4), numpy.float32)

    class Writes(Does):
        def forward(self, x):
            x.add_(1)
            return super().forward(x)

    return Sample(Writes(lambda m, y: 1), (torch.from_numpy(array),), look=(array,))


@kind("x itself: an attribute of an outer list shows what is written")
def callers_view():
    whole = torch.zeros(4, 4)

    class Writes(Does):
        def forward(self, x):
            x.add_(1)
            return super().forward(x)

    return Sample(Writes(lambda m, y: 1), (whole[1:3],), look=(whole, whole[2:]))


@kind("numpy array that shows a parameter")
def shows_parameter():
    model = Does(lambda m, y: m.a.fill(3))
    model.a = model.lin.weight.detach().numpy()
    return Sample(model, (x(),))


@kind("numpy array that shows a buffer", 2)
def shows_buffer():
    model = Does(lambda m, y: m.a.fill(3) or m.b.shape[0])
    model.register_buffer("b", t23())
    model.a = model.b.numpy()
    return Sample(model, (x(),))


@kind("buffer written, a numpy array shows it", 2)
def buffer_written():
    model = Does(lambda m, y: m.b.add_(1).shape[0])
    model.register_buffer("b", t23())
    model.a = [model.b.numpy()]
    return Sample(model, (x(),))
