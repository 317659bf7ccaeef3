"""Options of optimizers: groups of parameters, CUDA graphs, steps that autograd records."""

import inspect
import math

import pytest
import torch
from torch import nn

from hookcount import Counter, InputError, Training
from hookcount.core.ops import flops
from hookcount.core.release import RELEASE
from hookcount.observe.shapes_run.data import Data

WIDE, TALL = (32, 64), (16, 8)
"""The shapes of the two weights."""


def model():
    return nn.Sequential(
        nn.Linear(WIDE[1], WIDE[0], bias=False),
        nn.Linear(WIDE[0], TALL[1], bias=False).requires_grad_(False),
        nn.Linear(TALL[1], TALL[0], bias=False),
    )


def report_of(make, run="shapes"):
    return Training(optimizer=make, counter=Counter(run=run)).count(model(), torch.ones(2, 64))


def of_modules(report):
    assert report.step.uncounted == ()
    return {node.path: flops(node.own) for node in report.optimizer.tree if flops(node.own)}


def expected(of_wide, of_tall, more=0):
    return {"0": of_wide * math.prod(WIDE) + more, "2": of_tall * math.prod(TALL) + more}


# name: (a function of two parameters, FLOPs per element of the first, of the second, per parameter)
GROUPS = {
    # v = a v + g, 2; g + a v, 2; p -= lr v, 2; and g + w p, 2; p -= lr g, 2
    "SGD": (
        lambda one, two: torch.optim.SGD(
            [
                {"params": [one], "momentum": 0.9, "nesterov": True},
                {"params": [two], "weight_decay": 0.1},
            ]
        ),
        6,
        4,
        0,
    ),
    # Adam 13, maximize 1, amsgrad 1; and Adam 13, g + w p, 2
    "Adam": (
        lambda one, two: torch.optim.Adam(
            [
                {"params": [one], "amsgrad": True, "maximize": True},
                {"params": [two], "fused": True, "weight_decay": 0.1},
            ]
        ),
        15,
        15,
        1,
    ),
    # amsgrad, in lists; and decay, one by one
    "Adam in lists": (
        lambda one, two: torch.optim.Adam(
            [
                {"params": [one], "amsgrad": True, "foreach": True},
                {"params": [two], "foreach": False, "weight_decay": 0.1},
            ]
        ),
        14,
        15,
        1,
    ),
    # the mean square 4, its root and + eps 2, p -= lr g / d, 3; and the mean 3, v - m m, 2
    "RMSprop": (
        lambda one, two: torch.optim.RMSprop(
            [{"params": [one]}, {"params": [two], "centered": True}]
        ),
        9,
        14,
        1,
    ),
}


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize("name", GROUPS)
def test_groups_with_options_of_their_own(name, run):
    make, of_wide, of_tall, more = GROUPS[name]
    report = report_of(lambda given: make(*given), run)
    assert of_modules(report) == expected(of_wide, of_tall, more)


@pytest.fixture
def on_cuda(monkeypatch):
    """A shapes-only run takes the path of a model on CUDA."""
    monkeypatch.setattr(Data, "device", torch.device("cuda"))


# name and whether in lists: FLOPs per element, and per parameter. The kernels of a CUDA graph may
# read no value, so that torch computes with tensors of one element. "a / t" are two operations.
CAPTURED = {
    # 13 as ever. n + 1; b1^n - 1; b2^n - 1, neg, sqrt; (...) / lr, 1 / (...)
    ("Adam", True): (13, 1 + 2 + 4 + 2),
    # p += m / d, without a rate: 12. n + 1; 1 - b1^n; 1 - b2^n; lr / a; neg; sqrt; mul; eps / a
    ("Adam", False): (12, 1 + 2 + 2 + 2 + 1 + 1 + 1 + 2),
    ("AdamW", True): (14, 9),
    ("AdamW", False): (13, 12),
    # m 3; v 4; sqrt, / c, + eps; a g; + b m, 2; p += x / d, 2. n + 1; n d, 0.96^(n d), 3 for u;
    # + d, 4 for the next u; b2^n - 1, neg, sqrt; their product; 5 for a, 4 for b
    ("NAdam", True): (3 + 4 + 3 + 1 + 2 + 2, 1 + 5 + 5 + 4 + 1 + 5 + 4),
    # the average is computed from the start
    ("ASGD", False): (1 + 2 + 3, 12),
    **dict.fromkeys([("RMSprop", True), ("RMSprop", False)], (9, 1)),
    **dict.fromkeys([("Adadelta", True), ("Adadelta", False)], (15, 1)),
    **dict.fromkeys([("Rprop", True), ("Rprop", False)], (14, 1)),
    # b^n - 1, / lr
    **dict.fromkeys([("Adamax", True), ("Adamax", False)], (10, 1 + 3)),
}


@pytest.mark.skipif(RELEASE < (2, 14), reason="this torch asks the driver of CUDA")
@pytest.mark.parametrize(("name", "in_lists"), CAPTURED)
def test_numbers_on_the_device(on_cuda, name, in_lists):
    cls, (each, more) = getattr(torch.optim, name), CAPTURED[name, in_lists]
    if "capturable" not in inspect.signature(cls).parameters:
        pytest.skip("this torch has no such option")
    rate = 1.0 if name == "Adadelta" else 0.1
    report = report_of(lambda given: cls(given, lr=rate, capturable=True, foreach=in_lists))
    assert of_modules(report) == expected(each, each, more)
    assert report.run == "shapes"


@pytest.mark.skipif(RELEASE < (2, 14), reason="this torch asks the driver of CUDA")
def test_a_fused_kernel_keeps_its_step_on_the_device(on_cuda):
    report = report_of(lambda given: torch.optim.AdamW(given, fused=True, capturable=True))
    assert of_modules(report) == expected(14, 14, 1)


def test_torch_takes_lists_by_itself_on_cuda(on_cuda):
    """In lists RAdam computes the rectified step for all, one by one only where it is needed."""
    assert of_modules(report_of(torch.optim.RAdam)) == expected(14, 14, 1)
    one_by_one = report_of(lambda given: torch.optim.RAdam(given, foreach=False))
    assert of_modules(one_by_one) == expected(10, 10, 1)


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
def test_a_cpu_captures_nothing(run):
    with pytest.raises(AssertionError, match="capturable=True"):
        report_of(lambda given: torch.optim.Adam(given, capturable=True), run)


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
def test_a_recorded_step_is_refused(run):
    with pytest.raises(InputError, match=r"differentiable=True.*\n.*watch"):
        report_of(lambda given: torch.optim.SGD(given, lr=0.1, differentiable=True), run)


def test_a_watched_step_that_autograd_records():
    """It updates copies of the parameters, so its work is the optimizer's, at no module."""
    layer = nn.Linear(8, 4, bias=False)
    fast = [each.detach().clone() for each in layer.parameters()]
    optimizer = torch.optim.SGD(fast, lr=0.1, momentum=0.9, differentiable=True)
    with Training().watch(layer) as watch:
        layer(torch.ones(2, 8)).sum().backward()
        for each, slow in zip(fast, layer.parameters(), strict=True):
            each.grad = slow.grad.clone()
        optimizer.step()
    report = watch.report()
    assert report.macs == 2 * 8 * 4
    assert flops(report.optimizer.total) == 2 * 8 * 4  # p -= lr g; the momentum begins as a copy
    assert report.flops == 2 * report.macs + 7  # the forward, and the sum of its 8 elements
