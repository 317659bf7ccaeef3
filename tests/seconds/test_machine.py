"""The machine that a time depends on."""

import torch
from torch import nn

from hookcount.observe.model import checked
from hookcount.seconds.machine import machine_of


def machine(model, *given):
    tree = checked(model)
    return machine_of(tree, [*tree.parameters, *given])


def test_the_dtype_is_that_of_most_parameters():
    model = nn.Sequential(nn.Linear(9, 9), nn.Linear(2, 2).half())
    assert machine(model).dtype is torch.float32
    model[0].bfloat16()
    assert machine(model).dtype is torch.bfloat16


def test_the_dtype_is_that_of_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert machine(nn.Linear(2, 2)).dtype is torch.bfloat16


def test_without_parameters_it_is_that_of_the_input():
    assert machine(nn.ReLU(), torch.zeros(3, dtype=torch.float64)).dtype is torch.float64
    assert machine(nn.ReLU(), torch.zeros(3, dtype=torch.int64)).dtype is None


def test_threads_are_counted():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert str(machine(nn.ReLU())).startswith("1 thread of ")
        torch.set_num_threads(2)
        assert str(machine(nn.ReLU())).startswith("2 threads of ")
    finally:
        torch.set_num_threads(before)


def test_modes():
    model = nn.Linear(2, 2)
    assert machine(model).grad
    assert machine(model).training
    with torch.no_grad():
        assert not machine(model).grad
    assert not machine(model.eval().requires_grad_(False)).grad
    assert not machine(model).training
