"""A training step of a model that writes activations to tensors which it makes itself.

``torch.zeros(..., device=x.device)`` is a constant until then. Its shapes-only run keeps it real.
"""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Training

PRODUCT = 3 * 4 * 4


def part(made, out):
    made[:, :4] = out


def rows(made, out):
    made[torch.tensor([2, 0, 1]), :4] = out


def added(made, out):
    made[:, 4:].add_(out)


def by_index(made, out):
    made.index_add_(0, torch.tensor([0, 1, 2]), torch.cat((out, out), 1))


def scattered(made, out):
    made.scatter_(1, torch.arange(4).expand(3, 4), out)


def as_another_shape(made, out):
    made.view(6, 4)[:3].copy_(out)


def row_by_row(made, out):
    for place, row in enumerate(out):
        made[place, 4:] = row


WRITES = (part, rows, added, by_index, scattered, as_another_shape, row_by_row)


class Writes(nn.Module):
    """A layer, whose output is written to a tensor, and a layer on what was written."""

    def __init__(self, write):
        super().__init__()
        self.first = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(8, 4, bias=False)
        self.write = write

    def forward(self, x):
        made = torch.zeros(3, 8, device=x.device)
        self.write(made, self.first(x))
        return self.second(made)


class Again(Writes):
    """The same in a checkpoint."""

    def __init__(self, write, reentrant):
        super().__init__(write)
        self.reentrant = reentrant

    def forward(self, x):
        return checkpoint(super().forward, x, use_reentrant=self.reentrant)


def check(model, **backward):
    """A step of shapes, on the CPU and on meta, has the rows of a real run."""
    x = torch.zeros(3, 4, requires_grad=True)
    real, cpu = (
        Training(counter=hookcount.Counter(run=run)).count(model, x) for run in ("real", "auto")
    )
    meta = Training().count(model.to("meta"), torch.zeros(3, 4, device="meta", requires_grad=True))
    for report in (real, cpu, meta):
        assert {each.path: each.own.macs for each in report.backward.tree if each.path} == backward
        assert report.step.records == real.step.records
        assert report.step.uncounted == ()
    assert (real.run, cpu.run, meta.run) == ("real", "shapes", "shapes")
    return meta


@pytest.mark.parametrize("write", WRITES)
def test_what_was_written_has_a_gradient(write):
    check(Writes(write), first=2 * PRODUCT, second=2 * 2 * PRODUCT)


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_was_written_in_a_checkpoint(reentrant):
    report = check(Again(part, reentrant), first=2 * PRODUCT, second=2 * 2 * PRODUCT)
    # without reentrance the second layer, whose input is the last tensor kept, does not run again
    assert report.recompute.macs == PRODUCT * (3 if reentrant else 1)


class Experts(nn.Module):
    """A mixture of two experts, written by hand. The second one gets one row of three."""

    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(4, 4, bias=False) for _ in range(2))

    def forward(self, x):
        final = torch.zeros(x.shape, device=x.device)
        for expert, chosen in zip(self.experts, ([0, 2], [1]), strict=True):
            place = torch.tensor(chosen, device=x.device)
            final.index_add_(0, place, expert(x[place]))
        return final


def test_a_mixture_of_experts_by_hand():
    check(Experts(), **{"experts": 0, "experts.0": 2 * 2 * 4 * 4, "experts.1": 2 * 1 * 4 * 4})


class Force(nn.Module):
    """The gradient of an energy, which is computed again from a checkpoint."""

    def __init__(self):
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(4), nn.Linear(4, 1, bias=False)

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = checkpoint(lambda each: self.layer(self.norm(each)), x, use_reentrant=False)
        return torch.autograd.grad(energy.sum(), x)[0]


def test_a_checkpoint_keeps_a_parameter_of_a_plain_count():
    """The norm keeps its weight, which is a real tensor outside of a training step."""
    for run in ("shapes", "real"):
        report = hookcount.Counter(run=run).count(Force(), torch.zeros(3, 4))
        assert report.macs == 2 * 3 * 4  # the layer, and its gradient of x
