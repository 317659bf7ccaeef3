"""Ops that change the shape of a tensor: in place, or of their ``out=``."""

import pytest
import torch
from torch import nn

import hookcount

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
GRAD_MODES = [torch.no_grad, torch.inference_mode]
ROWS, COLUMNS = 6, 8


class Model(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.register_buffer("kept", torch.ones(ROWS, COLUMNS))
        self.weight = nn.Parameter(torch.ones(COLUMNS, 4))

    def forward(self, x):
        return self.function(self, x)


def in_place(name, *args):
    def change(x):
        getattr(x, name)(*args)

    return change


CHANGES = {
    "t_": in_place("t_"),
    "transpose_": in_place("transpose_", 0, 1),
    "swapaxes_": in_place("swapaxes_", 0, 1),
    "unsqueeze_": in_place("unsqueeze_", 1),
    "squeeze_": lambda x: x.unsqueeze_(0).squeeze_(),
    "squeeze_ of a dimension": lambda x: x.unsqueeze_(0).squeeze_(0),
    "resize_": in_place("resize_", 3, 5),
    "resize_ to more": in_place("resize_", 2 * ROWS, COLUMNS),
    "resize_as_": in_place("resize_as_", torch.ones(3, 5)),
    "as_strided_": in_place("as_strided_", (3, 4), (4, 1)),
    "set_": in_place("set_", torch.ones(3, 5)),
    "set_ to an activation": lambda x: x.set_((x + 1)[:2]),
    "resize_as_ an activation": lambda x: x.resize_as_((x + 1)[:2].contiguous()),
}
TENSORS = {
    "an input": lambda model, x: x,
    "a buffer": lambda model, x: model.kept,
    "an activation": lambda model, x: x + 1,
    "a constant": lambda model, x: torch.ones(ROWS, COLUMNS),
    "a constant that became data": lambda model, x: torch.ones(ROWS, COLUMNS).add_(x),
}


def worked_with(tensor):
    return tensor.relu().sum() + (tensor @ tensor.mT).sum()


def counts(model, x, run):
    """The records of a first and of a second count: a second one knows the ops."""
    counter = hookcount.Counter(run=run)
    before = x.clone()
    reports = [counter.count(model, x) for _ in range(2)]
    assert x.shape == before.shape
    assert x.equal(before)
    assert {report.run for report in reports} == {"real" if run == "real" else "shapes"}
    return [report.records for report in reports]


@pytest.mark.parametrize("grad_mode", GRAD_MODES)
@pytest.mark.parametrize("of", TENSORS)
@pytest.mark.parametrize("change", CHANGES)
def test_shapes_that_change_in_place(change, of, grad_mode):
    def function(model, x):
        tensor = TENSORS[of](model, x)
        before = worked_with(tensor)
        CHANGES[change](tensor)
        after = worked_with(tensor)
        CHANGES[change](tensor)
        return before + after + worked_with(tensor) + x.sum()

    model, x = Model(function), torch.rand(ROWS, COLUMNS)
    with grad_mode():
        assert counts(model, x, "auto") == counts(model, x, "real")


def elsewhere():
    return torch.empty(0)


OUTPUTS = {
    "a sum": lambda m, x: torch.cat([x, x], out=elsewhere()).relu(),
    "an activation": lambda m, x: torch.mul(x, 2, out=(x + 1)[:0]).relu(),
    "a buffer": lambda m, x: torch.mm(x, m.weight, out=m.kept.resize_(0)).relu(),
    "a matmul": lambda m, x: torch.matmul(x, m.weight, out=elsewhere()).relu(),
    "two": lambda m, x: torch.sort(x, out=(elsewhere(), elsewhere().long()))[0].relu(),
}


def of_lists(model, x):
    outs = [elsewhere() for _ in range(2)]
    torch.split_with_sizes_copy(x, [ROWS // 2, ROWS // 2], out=outs)
    return torch.stack(outs).relu()


@pytest.mark.parametrize("grad_mode", GRAD_MODES)
@pytest.mark.parametrize("function", [*OUTPUTS.values(), of_lists], ids=[*OUTPUTS, "lists"])
def test_an_output_gets_its_shape(function, grad_mode):
    model, x = Model(function), torch.rand(ROWS, COLUMNS)
    model.requires_grad_(False)
    with grad_mode():
        assert counts(model, x, "auto") == counts(model, x, "real")


@torch.no_grad()
def test_products_by_hand():
    x = torch.rand(ROWS, COLUMNS)
    double = Model(lambda m, x: torch.mul(x, 2, out=elsewhere()).relu())
    assert hookcount.count(double, x).flops == 2 * ROWS * COLUMNS

    def squared(model, x):
        made = torch.mm(x, model.weight, out=torch.empty(0, 0))
        return made @ made.mT

    assert hookcount.count(Model(squared), x).macs == ROWS * COLUMNS * 4 + ROWS * 4 * ROWS
