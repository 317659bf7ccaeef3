"""Dtypes that a real forward refuses are refused on shapes too."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import hookcount

HALF = {"dtype": torch.bfloat16}
X, SQUARE = torch.ones(2, 4, 8), torch.ones(4, 4)


class Calls(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x * 2, x.bfloat16())


def calls(function):
    return Calls(function), X


def grid_sample(x, half):
    return functional.grid_sample(x[None], half[None, ..., :2], align_corners=False)


def attention(x, half):
    return functional.scaled_dot_product_attention(x, half, half)


REFUSED = {
    "convolution without a bias": (nn.Conv1d(4, 4, 3, bias=False, **HALF), X),
    "convolution with a bias": (nn.Conv1d(4, 4, 3, **HALF), X),
    "transposed convolution": (nn.ConvTranspose1d(4, 4, 3, bias=False, **HALF), X),
    "two axes": (nn.Conv2d(2, 4, 3, bias=False, **HALF), X[None]),
    "linear": (nn.Linear(8, 4, **HALF), X),
    "linear without a bias": (nn.Linear(8, 4, bias=False, **HALF), X),
    "layer norm": (nn.LayerNorm(8, **HALF), X),
    "group norm": (nn.GroupNorm(2, 4, **HALF), X),
    "batch norm": (nn.BatchNorm1d(4, **HALF), X),
    "attention": (nn.MultiheadAttention(8, 2, **HALF), X, X, X),
    "product": calls(lambda x, half: x @ half.mT),
    "scaled_dot_product_attention": calls(attention),
    "grid_sample": calls(grid_sample),
    "polar": calls(torch.polar),
    "index_add": calls(lambda x, half: x.index_add(0, torch.tensor([0, 1]), half)),
    "index_put": calls(lambda x, half: x.index_put((torch.tensor([0, 1]),), half)),
}


@pytest.mark.parametrize("run", ["auto", "shapes", "real", "meta"])
@pytest.mark.parametrize("name", REFUSED)
def test_the_error_of_the_real_forward(name, run):
    model, *inputs = REFUSED[name]
    with pytest.raises(RuntimeError, match=r"(?i)type|but got"):
        model(*inputs)
    if run == "meta":
        model = copy.deepcopy(model).to("meta")
        inputs = [each.to("meta") for each in inputs]
    how = "auto" if run == "meta" else run
    with pytest.raises(RuntimeError, match=r"(?i)type|but got"):
        hookcount.Counter(run=how).count(model, *inputs)


TAKEN = {
    "norm in single precision": (nn.LayerNorm(8), X.bfloat16()),
    "group norm in single precision": (nn.GroupNorm(2, 4), X.bfloat16()),
    "batch norm in single precision": (nn.BatchNorm1d(4), X.bfloat16()),
    "sum": calls(lambda x, half: x + half),
    "concatenation": calls(lambda x, half: torch.cat([x, half])),
    "assignment": calls(lambda x, half: x.index_copy(0, torch.tensor([0, 1]), half.float())),
}


@pytest.mark.parametrize("name", TAKEN)
def test_mixed_dtypes_that_a_real_forward_takes(name):
    model, *inputs = TAKEN[name]
    model(*inputs)
    report = hookcount.count(model, *inputs)
    assert report.run == "shapes"
    real = hookcount.Counter(run="real").count(model, *inputs)
    assert report.to_dataframe().to_csv() == real.to_dataframe().to_csv()
