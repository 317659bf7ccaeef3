"""Composite ops that have a kernel on the model's device, but none for meta, stay whole there."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount import Counter, Training
from hookcount.observe.patches import in_use
from hookcount.observe.shapes_run.kernels import NAMES

FREE_OF_WORK = {"native_channel_shuffle"}
HAS = torch._C._dispatch_has_kernel_for_dispatch_key


def test_these_are_the_ops_of_torch_with_a_kernel_for_the_cpu_alone():
    found = {
        name.removeprefix("aten::")
        for name in torch._C._dispatch_get_all_op_names()
        if name.startswith("aten::")
        and HAS(name, "CompositeImplicitAutograd")
        and HAS(name, "CPU")
        and not HAS(name, "Meta")
    }
    assert found - FREE_OF_WORK == {*NAMES}


class Bends(nn.Module):
    def __init__(self, derivative=False):
        super().__init__()
        self.derivative = derivative

    def forward(self, x):
        if not self.derivative:
            return F.mish(x)
        x = x.detach().requires_grad_()
        return torch.autograd.grad(F.mish(x).sum(), x, create_graph=True)[0]


@pytest.mark.parametrize("derivative", [False, True])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_backward_pass_of_mish(derivative, device):
    x = torch.zeros(2, 5, requires_grad=True)
    real = Training(counter=Counter(run="real")).count(Bends(derivative), x)
    shapes = Training(counter=Counter(run="shapes")).count(Bends(derivative), x.to(device))
    for phase in ("step", "backward"):
        found, expected = getattr(shapes, phase), getattr(real, phase)
        assert found.total == expected.total
        assert found.records == expected.records
    if not derivative:
        (record,) = shapes.backward.records
        assert (record.target, record.calls) == ("aten::mish_backward", 1)


def test_another_derivative_on_meta_is_as_before():
    """Nothing of a count is left, and what another count has on shapes is not touched."""

    class Seen(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            ops.append(func)
            return func(*args, **(kwargs or {}))

    def derivative():
        ops.clear()
        x = torch.zeros(3, device="meta", requires_grad=True)
        with Seen():
            F.mish(x).sum().backward()
        return list(ops), x.grad.shape

    ops = []
    before = derivative()
    Training().count(Bends(), torch.zeros(3, requires_grad=True))
    assert derivative() == before
    assert not in_use()
    with Training().watch(Bends()):  # a real run
        assert derivative() == before
    hookcount.count(nn.Mish(), torch.zeros(3))
