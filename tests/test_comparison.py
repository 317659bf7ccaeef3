"""``hookcount.compare``: models as rows, conventions as columns."""

import pytest
import torch
from torch import nn

import hookcount


@torch.library.custom_op("comparison::secret", mutates_args=())
def secret(x: torch.Tensor) -> torch.Tensor:
    return x.clone()


def test_a_row_for_each_model_and_a_column_for_each_convention():
    """An image of 6 x 6 outputs, 4 channels of 3 * 9 products; a norm of 4 per element."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)).eval()
    images = torch.zeros(1, 3, 8, 8)
    frame = hookcount.compare(
        {
            "report": hookcount.count(net, images),
            "pair": (net, images),
            "two images": (net, (torch.zeros(2, 3, 8, 8),)),
        },
        ["default", "torch", "thop"],
    )
    conv, norm = 4 * 36 * 3 * 9, 4 * 4 * 36
    assert frame.columns.tolist() == ["model", "params", "default", "torch", "thop", "uncounted"]
    assert frame.values.tolist() == [
        ["report", 4 * 3 * 9 + 8, conv, 2 * conv, conv + norm, 0],
        ["pair", 4 * 3 * 9 + 8, conv, 2 * conv, conv + norm, 0],
        ["two images", 4 * 3 * 9 + 8, 2 * conv, 4 * conv, 2 * (conv + norm), 0],
    ]
    assert frame.attrs["units"] == {"default": "MACs", "torch": "FLOPs", "thop": "MACs"}


def test_inputs_by_name():
    class Scales(nn.Module):
        def forward(self, x, times):
            return x @ x.T * times

    frame = hookcount.compare({"scales": (Scales(), {"x": torch.zeros(5, 3), "times": 2.0})})
    assert frame["default"].tolist() == [5 * 5 * 3]


def test_names_are_built():
    frame = hookcount.compare(["resnet18", "squeezenet1_1"])
    assert frame["params"].tolist() == [
        11689512,
        1235496,
    ]  # torchvision's table, with its 1.814 and 0.349 giga-MACs
    assert [round(macs / 1e9, 3) for macs in frame["default"]] == [1.814, 0.349]


def test_a_convention_of_ones_own_and_what_is_uncounted():
    class Secret(nn.Module):
        def forward(self, x):
            return secret(x) + x

    adds = hookcount.Convention("adds", weights={"adds": 1})
    with pytest.warns(hookcount.UncountedWarning):
        frame = hookcount.compare({"secret": (Secret(), torch.zeros(3))}, adds)
    assert frame.drop(columns="model").values.tolist() == [[0, 3, 1]]


@pytest.mark.parametrize(
    ("models", "conventions", "said"),
    [
        ("resnet18", "default", "one name"),
        (3, "default", "models is of type int"),
        ({"a": nn.Linear(2, 2)}, "default", "'a': the value is of type Linear"),
        ({"a": (nn.Linear(2, 2), 3)}, "default", "the input of 'a': the input is of type int"),
        ([nn.Linear(2, 2)], "default", "a value of type Linear is no name"),
        ({}, "thob", "'thob' names no convention"),
        ({}, hookcount.Convention("params"), "a convention is called 'params'"),
        ({}, ["thop", hookcount.Convention("thop")], "two conventions are called 'thop'"),
    ],
)
def test_what_cannot_be_compared(models, conventions, said):
    with pytest.raises(hookcount.InputError, match=said) as raised:
        hookcount.compare(models, conventions)
    assert "To fix it" in str(raised.value)


def test_none_at_all_is_an_empty_table():
    assert hookcount.compare({}).columns.tolist() == ["model", "params", "default", "uncounted"]
