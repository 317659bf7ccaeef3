"""What autocast does with an op, against torch's own kernels. CUDA's run on fake tensors."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

import hookcount
from hookcount.core.release import RELEASE
from hookcount.observe.shapes_run.data import Data
from hookcount.observe.shapes_run.policies import policies_of, registered

LOWER = torch.bfloat16
FOUND = []
CALLS = {
    "matmul": lambda a, b: a @ b,
    "mv": lambda a, b: torch.mv(a, a[0]),
    "linear": lambda a, b: F.linear(a, a, a[0]),
    "bmm": lambda a, b: torch.bmm(a[None], a[None]),
    "einsum": lambda a, b: torch.einsum("ab,bc->ac", a, a),
    "conv2d": lambda a, b: F.conv2d(a[None, None], a[None, None]),
    "conv_transpose1d": lambda a, b: F.conv_transpose1d(a[None], a[:, None]),
    "prelu": lambda a, b: F.prelu(a, a[0]),
    "attention": lambda a, b: F.scaled_dot_product_attention(a[None], a[None], a[None]),
    "lstm cell": lambda a, b: torch.lstm_cell(a, (a, a), *[a.repeat(4, 1)] * 2, *[a.flatten()] * 2),
    "cat": lambda a, b: torch.cat([a, b]),
    "stack": lambda a, b: torch.stack([a, b]),
    "addcmul": lambda a, b: torch.addcmul(a, a, b),
    "dot": lambda a, b: torch.dot(b[0], b[1]),
    "softmax": lambda a, b: b.softmax(-1),
    "softmax with a dtype": lambda a, b: b.softmax(-1, LOWER),
    "sum": lambda a, b: b.sum(0),
    "cumsum": lambda a, b: b.cumsum(0),
    "norm": lambda a, b: torch.linalg.vector_norm(b),
    "exp": lambda a, b: b.exp(),
    "layer norm": lambda a, b: F.layer_norm(b, (4,)),
    "mse": lambda a, b: F.mse_loss(b, a),
    "cross entropy": lambda a, b: F.cross_entropy(b, b.softmax(-1)),
    "prod": lambda a, b: b.prod(),
    "cdist": lambda a, b: torch.cdist(b, b),
    "gelu": lambda a, b: F.gelu(b),
    "double": lambda a, b: a.double() @ a.double(),
}


class Casts(nn.Module):
    """Notes the dtype of what a function makes under autocast."""

    def __init__(self, function, device):
        super().__init__()
        self.function, self.device = function, device

    def forward(self, single, lower):
        torch.set_autocast_enabled(self.device, True)
        torch.set_autocast_dtype(self.device, LOWER)
        out = self.function(single, lower)
        FOUND.append([each.dtype for each in (out if isinstance(out, tuple) else (out,))])
        torch.set_autocast_enabled(self.device, False)
        return single


@pytest.fixture
def on_cuda(monkeypatch):
    monkeypatch.setattr(Data, "device", torch.device("cuda"))
    yield
    torch.set_autocast_enabled("cuda", False)
    torch.set_autocast_dtype("cuda", torch.float16)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_dtypes_of_the_kernels(name, device, request):
    model, given = Casts(CALLS[name], device), (torch.rand(4, 4), torch.rand(4, 4).to(LOWER))
    if device == "cuda" and RELEASE < (2, 14):
        pytest.skip("fake tensors of this torch ask the driver of CUDA")
    if device == "cpu":
        model(*given)
    else:
        request.getfixturevalue("on_cuda")
        with FakeTensorMode():
            model(torch.empty(4, 4, device=device), torch.empty(4, 4, device=device, dtype=LOWER))
    hookcount.Counter(run="shapes").count(model, *[each.to("meta") for each in given])
    of_shapes, of_the_kernel = FOUND.pop(), FOUND.pop()
    assert of_shapes == of_the_kernel


def test_each_op_has_a_policy_for_each_device_whose_autocast_knows_it():
    keys = {"cpu": "AutocastCPU", "cuda": "AutocastCUDA"}
    known = torch._C._dispatch_has_kernel_for_dispatch_key
    assert "linear" in registered()
    for name in registered():
        of_torch = {device for device, key in keys.items() if known(f"aten::{name}", key)}
        assert of_torch == set(policies_of(name)) != set()
