"""The key of a model's state changes with what decides the path of its code."""

import torch
from torch import nn

from hookcount.observe.model_state import state_key


def test_what_changes_the_key():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    first = state_key(model)
    assert state_key(model) == first
    assert hash(first) is not None
    keys = {first}

    def another():
        keys.add(state_key(model))
        return len(keys)

    model.eval()
    assert another() == 2
    model[1].train()
    assert another() == 3
    model[1] = nn.GELU()
    assert another() == 4
    model[0].weight.requires_grad_(False)
    assert another() == 5
    model.to(torch.float64)
    assert another() == 6
    model.append(nn.Identity())
    assert another() == 7
    with torch.no_grad():
        assert another() == 8
    with torch.inference_mode():
        assert another() == 9
    with torch.autocast("cpu", torch.bfloat16):
        assert another() == 10
