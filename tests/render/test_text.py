"""The lines above a tree."""

import re

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Report, Training
from hookcount.render.text import training_step


class Attends(nn.Module):
    """A fused attention of two heads in a checkpoint, and an optimizer's work."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)

    def _attend(self, x):
        return self.attention(x, x, x, need_weights=False)[0]

    def forward(self, x):
        return checkpoint(self._attend, x, use_reentrant=True)


# batch 3, 5 positions, width 8
IN, SCORES, OUT = 3 * 5 * 8 * (3 * 8), 3 * 2 * 5 * 5 * 4, 3 * 5 * 8 * 8
FORWARD = IN + 2 * SCORES + OUT


@pytest.fixture(scope="module")
def report():
    x = torch.zeros(3, 5, 8, requires_grad=True)
    return Training(optimizer=torch.optim.SGD).count(Attends(), x)


def kilo(number):
    return f"{number / 1000:.3g} k" if number >= 1000 else str(number)


def test_a_training_step_is_one_line(report):
    """The products of an attention's backward pass are five: one is that of the scores."""
    backward = 2 * IN + 5 * SCORES + 2 * OUT
    model = 2 * 3 * FORWARD
    hardware = model + 2 * (SCORES + FORWARD)
    line = (
        f"Training step: forward {kilo(FORWARD)} MACs, backward {kilo(backward)} MACs "
        f"({kilo(SCORES)} compute attention scores again), recompute {kilo(FORWARD)} MACs, "
        f"optimizer {2 * (3 * 8 * 8 + 8 * 8)} FLOPs; "
        f"model {kilo(model)} FLOPs, hardware {kilo(hardware)} FLOPs"
    )
    assert training_step(report.priced) == line
    for each in (report, report.backward, report.step, Report.from_json(report.to_json())):
        assert each.summary() in str(each).splitlines()[0]
        assert str(each).splitlines()[1] == line
        assert line in each._repr_html_()
        assert line in each.to_html()


def test_each_format_says_which_phase_it_has(report):
    assert "shapes run · backward of a training step" in report.backward.to_html()
    assert "MACs (backward) for" in report.backward.to_latex()
    assert "MACs (forward) for" in report.to_latex()
    count = hookcount.count(nn.Linear(8, 4), torch.zeros(2, 8))
    assert "(forward)" not in count.to_latex()
    assert "training" not in count.to_html().lower()


def test_what_a_step_does_not_have_is_left_out():
    report = Training().count(nn.Linear(8, 4), torch.zeros(2, 8))
    assert training_step(report.priced) == (
        "Training step: forward 64 MACs, backward 64 MACs; model 256 FLOPs"
    )


def test_a_forward_has_no_such_line():
    report = hookcount.count(Attends(), torch.zeros(3, 5, 8, requires_grad=True))
    assert "Training" not in str(report) + report._repr_html_()


def test_a_part_has_the_step_of_the_part(report):
    assert "forward" in str(report["attention"]).splitlines()[1]
    found = Report.from_json(report.to_json())["attention"]
    assert "Training step" not in str(found)  # the file has it of the whole model only


class Odd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad * torch.linalg.eigvals(torch.eye(2)).real.sum()


class Unpriced(nn.Module):
    """Only its backward pass has an op without a formula."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return Odd.apply(self.layer(x))


def test_an_uncounted_backward_pass_is_a_lower_bound():
    with pytest.warns(hookcount.UncountedWarning):
        report = Training().count(Unpriced(), torch.zeros(2, 8))
    assert report.uncounted == ()
    calls = sum(each.calls for each in report.step.uncounted)
    assert calls
    line = training_step(report.priced)
    assert re.search(rf"a lower bound: {calls} calls? .*report\.step\.uncounted", line)
    assert training_step(Report.from_json(report.to_json()).priced) == line
