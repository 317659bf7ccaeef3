"""A count of a training step runs no hook that trains."""

import pytest
import torch
from torch import nn

import hookcount


class OfValues(nn.Module):
    """A count of it runs for real."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, x):
        return self.layer(x) if x.sum().item() > 0 else x


@pytest.mark.parametrize("run", ["auto", "real"])
def test_an_optimizer_in_the_backward_pass_makes_no_step(run):
    model, x = OfValues(), torch.ones(2, 8)
    optimizers = {each: torch.optim.Adam([each]) for each in model.parameters()}

    def step(parameter):
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    handles = [each.register_post_accumulate_grad_hook(step) for each in model.parameters()]
    model(x).sum().backward()
    report = hookcount.Training(counter=hookcount.Counter(run=run)).count(model, x)
    assert report.run == "real"
    assert report.backward.macs == 2 * 8 * 4
    assert [optimizers[each].state[each]["step"].item() for each in model.parameters()] == [1, 1]
    model(x).sum().backward()  # the hooks are there again
    assert [optimizers[each].state[each]["step"].item() for each in model.parameters()] == [2, 2]
    handles[0].remove()
    model(x).sum().backward()
    assert [optimizers[each].state[each]["step"].item() for each in model.parameters()] == [2, 3]
