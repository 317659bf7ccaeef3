"""Facts of ops are there for every op, and a question about a tensor never ends the process."""

import subprocess
import sys

import pytest
import torch

from hookcount.observe.opfacts import op_facts

aten, prim = torch.ops.aten, torch.ops.prim
QUESTIONS = [
    prim.device.default,
    prim.layout.default,
    aten.dim.default,
    aten.sym_size.default,
    aten.sym_size.int,
    aten.size.default,
    aten.stride.default,
    aten.sym_stride.default,
    aten.sym_numel.default,
    aten.sym_storage_offset.default,
    aten.is_contiguous.default,
    aten.is_contiguous.memory_format,
    aten.is_strides_like_format.default,
    aten.is_non_overlapping_and_dense.default,
]


@pytest.mark.parametrize("op", QUESTIONS, ids=str)
def test_a_question_about_a_tensor(op):
    assert op_facts(op).metadata


@pytest.mark.parametrize(
    "op", [aten.mm.default, aten.view.default, aten._local_scalar_dense.default], ids=str
)
def test_an_op_that_is_none(op):
    assert not op_facts(op).metadata


def test_every_op_has_facts():
    for name in torch._C._dispatch_get_all_op_names():
        namespace, _, rest = name.partition("::")
        packet, _, overload = rest.partition(".")
        found = getattr(getattr(torch.ops, namespace), packet, None)
        if found is None:  # a library gave a kernel to an op that it has not defined
            assert namespace not in ("aten", "prim", "prims")
            continue
        op = getattr(found, overload or "default")
        assert op_facts(op).name == f"{namespace}::{packet}"
        assert op_facts(op).metadata == (op in QUESTIONS or packet in _SIZES)


_SIZES = {"dim", "numel", "size", "sym_size", "stride", "sym_stride", "sym_numel"} | {
    "storage_offset",
    "sym_storage_offset",
    "is_contiguous",
    "sym_is_contiguous",
}

# Each of them ended the process with SIGABRT. So each runs in a process of its own.
PROGRAMS = {
    "the process's first jagged tensor": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)
    def forward(self, x):
        y = torch.nested.nested_tensor_from_jagged(self.layer(x), offsets=torch.tensor([0, 3, 8]))
        return y.values() * 2
model, x = Net(), torch.ones(8, 8)
""",
    "a fake model": """
with FakeTensorMode():
    model, x = nn.Linear(8, 4), torch.ones(8, 8)
""",
    "a fake model under its mode": """
mode = FakeTensorMode()
mode.__enter__()
model, x = nn.Linear(8, 4), torch.ones(8, 8)
""",
    "a subclass that answers for its sizes": """
class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, dispatch_device=True,
            dispatch_layout=True, dispatch_sizes_strides_policy="strides")
    def __init__(self, inner):
        self.inner = inner
    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        plain = [each.inner if isinstance(each, cls) else each for each in args]
        answer = {"device": torch.device("cpu"), "layout": torch.strided}
        name = func.name().partition("::")[2]
        return answer[name] if name in answer else func(*plain, **(kwargs or {}))
model, x = nn.Linear(8, 4), Wrapper(torch.ones(8, 8))
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_abort(program):
    code = f"""
import torch, hookcount
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
{PROGRAMS[program]}
for run in ("auto", "real"):
    print(hookcount.Counter(run=run).count(model, x).macs)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{8 * 8 * 4}\n" * 2), done.stderr
