"""Which operands a product has, followed by shape through the ops of a module's run.

The operands are known from each model's code. N, D and M differ, so shapes meet only where a test
makes them meet.
"""

import pytest
import torch
from torch import nn

import hookcount
from hookcount.analysis.roles.operands import Followed, factors, op_name
from hookcount.core.trace import Call, Spec

N, D, M = 5, 7, 3
X = torch.zeros(N, D)


def operands(model, *args, path="", op="mm", **options):
    """The operands of each product that the module at a path runs."""
    trace = hookcount.Counter(**options).count(model, *args).priced.trace
    (index,) = [index for index, run in enumerate(trace.runs) if run.path == path]
    calls = [each.call for each in trace.runs[index].ops if op_name(each.call) == op]
    shapes = Followed(trace).of(index)
    return [shapes.of(call) for call in calls]


class Model(nn.Module):
    """Runs ``function(model, x)``. It has a weight of some shape, if any, and a child."""

    def __init__(self, function, *shape):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.zeros(*shape)) if shape else None
        self.child = nn.Linear(D, M)

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda m, x: x @ m.weight, (D, M)),
        (lambda m, x: x @ m.weight.T, (M, D)),
        (lambda m, x: x @ m.weight.unflatten(0, (D, M)), (D * M,)),
        (lambda m, x: x @ (m.weight.double().float() * 2).T, (M, D)),
        (lambda m, x: x @ m.weight.chunk(2)[1].T, (2 * M, D)),
        (lambda m, x: x @ m.child.weight.T, ()),  # the child itself is never called
        (lambda m, x: x.relu().neg() @ m.weight, (D, M)),
    ],
    ids=["plain", "transposed", "reshaped", "cast", "split", "of a child", "after other ops"],
)
def test_a_product_with_a_weight(function, shape, run):
    assert operands(Model(function, *shape), X, run=run) == ["weight"]


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda m, x: x @ x.T, ()),
        (lambda m, x: m.child(x).T @ x, ()),
        (lambda m, x: x @ torch.ones(D, 2), ()),
        (lambda m, x: x @ (x.sum(0)[:, None] * m.weight), (4,)),
    ],
    ids=["twice the input", "an output of a child", "made of nothing", "a weight that is scaled"],
)
def test_a_product_of_two_activations(function, shape, run):
    assert operands(Model(function, *shape), X, run=run) == ["activations"]


def test_shapes_that_meet_are_unclear():
    model = Model(lambda m, x: x @ m.weight + (x @ x.T) @ x, D, D)
    assert operands(model, torch.zeros(N, D)) == ["weight", "activations", "activations"]
    assert set(operands(model, torch.zeros(D, D))) == {"unclear"}


@pytest.mark.parametrize("width", [D, M])
@pytest.mark.parametrize("positions", [N, D, M])
def test_as_many_products_as_weights(positions, width):
    """A fused projection, and a router of experts: each weight is in the only product."""
    x = torch.zeros(positions, D)
    assert operands(Model(lambda m, x: x @ m.weight.T, width, D), x) == ["weight"]
    router = Model(lambda m, x: (x @ m.weight.T).softmax(-1).topk(1), width, D)
    assert operands(router, x) == ["weight"]
    both = Model(lambda m, x: (x @ m.weight.T) @ m.other, width, D)
    both.other = nn.Parameter(torch.zeros(width, D))
    assert set(operands(both, x)) == {"weight"}


def test_a_weight_beside_a_product_is_not_in_it():
    model = Model(lambda m, x: (x @ x.T) * m.weight, D, D)
    assert operands(model, torch.zeros(D, D)) == ["unclear"]


def test_a_bias_shows_that_the_other_operand_is_a_weight():
    """Products of activations add nothing, and a bias has one dimension."""
    model = Model(lambda m, x: torch.addmm(m.weight[0], x, m.weight), D, D)
    assert operands(model, torch.zeros(D, D), op="addmm") == ["weight"]
    model = Model(lambda m, x: torch.addmm(x, x, m.weight) @ x, D, D)
    assert operands(model, torch.zeros(D, D), op="addmm") == ["unclear"]


def test_a_weight_that_is_added_to_scores_has_their_shape():
    attention = Model(lambda m, x: (x @ x.T + m.weight).softmax(-1) @ x, N, N)
    assert operands(attention, X) == ["activations", "activations"]
    without_softmax = Model(lambda m, x: (x @ x.T + m.weight) @ x, N, N)
    assert operands(without_softmax, X) == ["activations", "unclear"]


def test_an_op_that_ran_first_on_a_weight_and_later_on_an_activation():
    """The trace holds the two sums of one line as one call, where the first ran."""

    def sums(x):
        return x.sum(1, keepdim=True)

    def function(m, x):
        of_weight = sums(m.weight)
        of_input = sums(x.T[:, :M].contiguous())
        return x @ of_input + x @ of_weight

    model = Model(function, D, M).requires_grad_(False)
    trace = hookcount.count(model, X).priced.trace
    (run,) = [run for run in trace.runs if run.path == ""]
    assert [each.times for each in run.ops if op_name(each.call) == "sum"] == [2]
    assert set(operands(model, X)) == {"unclear"}
    only_weight = Model(lambda m, x: x @ m.weight.sum(1)[:, None], D, M)
    assert operands(only_weight, X) == ["weight"]


class Times(nn.Module):
    def forward(self, x, other):
        return x @ other


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (lambda m, x: m.weight, "weight"),
        (lambda m, x: m.weight.T.contiguous().T, "weight"),
        (lambda m, x: x.T, "activations"),
        (lambda m, x: m.weight * x.sum(), "activations"),  # the caller knows both of this shape
    ],
)
def test_a_module_without_weights_gets_them_from_its_caller(other, expected):
    model = Model(lambda m, x: m.times(x, other(m, x)), D, M)
    model.times = Times()
    assert operands(model, X, path="times") == [expected]


def spec(*shape):
    return Spec(torch.Size(shape), torch.float32, 4, True)


def call(op, *shapes, module=None):
    return Call(op, tuple(spec(*shape) for shape in shapes), {}, spec(N, M), module)


def test_factors_leave_out_what_is_added():
    aten = torch.ops.aten
    assert factors(call(aten.mm.default, (N, D), (D, M))) == [(N, D), (D, M)]
    assert factors(call(aten.addmm.default, (M,), (N, D), (D, M))) == [(N, D), (D, M)]
    assert factors(call(aten.addmm_.default, (N, M), (N, D), (D, M))) == [(N, D), (D, M)]
    assert factors(call(nn.Bilinear, (N, D), (N, D), (M,), module=nn.Identity()))[0] == (N, D)
    by_name = Call(aten.mm.default, (spec(N, D),), {"mat2": spec(D, M)}, spec(N, M))
    assert factors(by_name) == [(N, D), (D, M)]


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (torch.ops.aten.mm.default, "mm"),
        (torch.ops.aten.mm, "mm"),
        (torch.ops.aten.add_.Tensor, "add"),
        (torch.ops.aten._softmax.default, "_softmax"),
        (torch.ops.aten.__and__.Tensor, "__and__"),
    ],
)
def test_the_name_of_an_op(op, name):
    assert op_name(call(op)) == name
