"""What a convention may say besides formulas: a price on top of a module's ops, and functions whose
ops it does not see.
"""

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8, bias=False)

    def forward(self, x):
        return torch.mm(self.linear(x), x.T) + x @ x.T


def test_a_price_on_top_of_the_ops():
    """The linear's product, those of ``mm`` and ``@``, and 5 per call that no op shows."""
    mine = hookcount.Registry(name="mine")
    mine.register(Gate, lambda module, x, *, out: Ops(muls=5), covers="nothing")
    convention = hookcount.Convention("mine", formulas=mine, weights={"macs": 1, "muls": 1})
    report = hookcount.count(nn.Sequential(Gate()), torch.zeros(2, 8)).under(convention)
    products = 2 * 8 * 8 + 2 * 2 * 8 + 2 * 2 * 8
    assert report.total.macs == products
    assert report.headline == products + 5
    assert sum(node.own.muls for node in report.tree) == 5
    assert report.uncounted == ()


def test_a_target_that_covers_something_else():
    with pytest.raises(
        hookcount.RegistrationError, match="covers='some'.*'own', 'subtree', 'modules', 'nothing'"
    ):
        hookcount.Registry().register(Gate, hookcount.FREE, covers="some")


def test_a_function_that_is_not_seen():
    convention = hookcount.Convention("no mm", unseen=frozenset({"torch.mm"}))
    report = hookcount.count(Gate(), torch.zeros(2, 8))
    assert report.headline - report.under(convention).headline == 2 * 2 * 8
