"""A step of an optimizer as one op, against the same step op by op."""

import itertools

import pytest
import torch
from helpers.asked import ask
from torch import Size, nn

import hookcount
from hookcount import Ops

LIST = (Size([2, 3]), Size([4]))
N = 2 * 3 + 4


def step(make, fused, steps):
    """All operations of the last of so many steps."""
    model = nn.Linear(4, 3)
    how = {"fused": True} if fused else {"fused": False, "foreach": False}
    optimizer = make(model.parameters(), **how)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    for _ in range(steps - 1):
        optimizer.step()
    with hookcount.Counter().watch(model) as watch:
        optimizer.step()
    report = watch.report()
    assert not report.uncounted
    assert fused == any(each.target.startswith("aten::_fused_") for each in report.records)
    return report.total


def cases():
    flags = {"weight_decay": (0, 0.1), "maximize": (False, True)}
    more = {
        torch.optim.Adam: {"amsgrad": (False, True)},
        # without decay AdamW of torch 2.6 multiplies by 1, op by op
        torch.optim.AdamW: {"amsgrad": (False, True), "weight_decay": (0.1,)},
        torch.optim.SGD: {"momentum": (0, 0.9), "nesterov": (False, True), "dampening": (0, 0.1)},
        torch.optim.Adagrad: {},
    }
    for optimizer, own in more.items():
        options = {**flags, **own}
        for values in itertools.product(*options.values()):
            chosen = dict(zip(options, values, strict=True))
            if not (chosen.get("nesterov") and (not chosen["momentum"] or chosen["dampening"])):
                yield optimizer, chosen


@pytest.mark.parametrize(("optimizer", "chosen"), list(cases()))
@pytest.mark.parametrize("steps", [1, 2])
def test_as_the_step_op_by_op(optimizer, chosen, steps):
    def make(parameters, **how):
        return optimizer(parameters, lr=0.01, **chosen, **how)

    assert step(make, True, steps) == step(make, False, steps)


def test_adam_by_hand():
    """Per element, with decay and amsgrad.

    g + w p: 1 add, 1 mul. m: 2 adds, 1 mul. v: 3 muls, 1 add. The largest v: a compare. A root, a
    division, an add. p: an add, a mul, a division.
    """
    lists = (LIST,) * 6
    flags = {"amsgrad": True, "maximize": False}
    rates = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.1, "eps": 1e-8}
    expected = Ops(adds=6 * N, muls=6 * N, compares=N, specials=3 * N)
    assert ask("aten::_fused_adam", *lists, **rates, **flags, out=None) == expected


def test_a_scaled_gradient_is_divided():
    lists = (LIST,) * 4
    rates = {"lr": 0.1, "lr_decay": 0.0, "weight_decay": 0.0, "eps": 1e-8, "maximize": False}
    # s: 1 add, 1 mul; a root, an add; p: an add, a mul, a division; and the division by the scale
    expected = Ops(adds=3 * N, muls=2 * N, specials=3 * N)
    scale = Size([])
    assert ask("aten::_fused_adagrad", *lists, **rates, grad_scale=scale, out=None) == expected
