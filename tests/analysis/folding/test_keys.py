"""When two modules are equal, and when names run on."""

import pytest
import torch
from torch import nn

import hookcount
from hookcount.analysis.folding.keys import Keys, follows, label, least


@pytest.mark.parametrize(
    ("before", "name", "expected"),
    [
        ("0", "1", True),
        ("9", "10", True),
        ("1", "0", False),
        ("block_9", "block_10", True),
        ("block_1", "other_2", False),
        ("a", "b", False),
        ("a", "a1", False),
        ("9" * 5000, "1" + "0" * 5000, False),
        ("²", "³", False),
    ],
)
def test_running_numbers(before, name, expected):
    assert follows(before, name) is expected


def test_a_run_of_names_with_a_stem_has_three():
    assert [least("0"), least("cv1"), least("conv")] == [2, 3, 3]
    assert label("layer.9", "layer.11") == "layer.9-11"


@pytest.mark.parametrize(
    ("one", "other", "equal", "alike"),
    [
        (nn.Linear(8, 8), nn.Linear(8, 8), True, True),
        (nn.Linear(8, 8), nn.Linear(8, 8, bias=False), False, True),
        (nn.Linear(8, 8), nn.ReLU(), False, False),
        (
            nn.Sequential(nn.Linear(8, 9), nn.Linear(9, 8)),
            nn.Sequential(nn.Linear(8, 7), nn.Linear(7, 8)),
            False,
            True,
        ),
        (nn.Sequential(nn.ReLU()), nn.Sequential(nn.ReLU(), nn.ReLU()), False, False),
    ],
)
def test_equal_and_alike(one, other, equal, alike):
    tree = hookcount.count(nn.Sequential(one, other), torch.zeros(2, 8)).tree
    first, second = tree.children
    assert Keys(tree).equal(first, second) is equal
    assert Keys(tree, alike=True).equal(first, second) is alike


def test_another_number_of_calls_or_another_input_is_not_equal():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.ReLU() for _ in range(3))

        def forward(self, x):
            one, two, three = self.layers
            return one(x), two(two(x)), three(x[:1])

    tree = hookcount.count(Twice(), torch.zeros(2, 8)).tree
    one, two, three = tree.children[0].children
    assert not Keys(tree).equal(one, two)
    assert not Keys(tree).equal(one, three)
    assert Keys(tree, alike=True).equal(one, two)
