"""Tensor parallelism: a count sees this rank's work, and only work of the model."""

import contextlib
import subprocess
import sys

import pytest
import torch
from helpers.ranks import IN_A_BLOCK, IN_THE_HEAD, RANKS, WHOLE, LanguageModel, several_ranks, words
from torch import nn

import hookcount
from hookcount import Counter, UncountedWarning
from hookcount.counter import size

if not torch.distributed.is_available():
    pytest.skip("this torch has no torch.distributed", allow_module_level=True)

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_module, distribute_tensor
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    PrepareModuleOutput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

RUNS = ["auto", "shapes", "real"]
# torch's own remarks on a mesh of CPUs
pytestmark = [
    pytest.mark.filterwarnings("ignore:DTensor random operators"),
    pytest.mark.filterwarnings("ignore:.*functional_collectives:FutureWarning"),
]


@pytest.fixture
def mesh():
    with several_ranks():
        yield init_device_mesh("cpu", (RANKS,))


def macs(model, *args, run="auto"):
    """The MACs of a count that leaves the rank's tensors as they are and names nothing."""
    parts = [part_of(each) for each in (*model.parameters(), *model.buffers())]
    before = [(each, each.numpy().tobytes(), each._version) for each in parts]
    report = Counter(run=run).count(model, *args)
    assert report.uncounted == ()
    assert report.run == ("real" if run == "real" else "shapes")
    for each, values, version in before:
        assert each.numpy().tobytes() == values  # bits, since a fake scatter may make NaNs
        assert each._version == version
    return report.macs


def part_of(tensor):
    return (tensor._local_tensor if isinstance(tensor, DTensor) else tensor).detach()


BLOCK = {
    "attention.q": ColwiseParallel,
    "attention.k": ColwiseParallel,
    "attention.v": ColwiseParallel,
    "attention.o": RowwiseParallel,
    "gated.gate": ColwiseParallel,
    "gated.up": ColwiseParallel,
    "gated.down": RowwiseParallel,
}


def tensor_parallel(mesh):
    """Blocks, embedding and head are split."""
    model = LanguageModel()
    ends = {
        "embedding": RowwiseParallel(input_layouts=Replicate()),
        "head": ColwiseParallel(output_layouts=Replicate()),
    }
    parallelize_module(model, mesh, ends)
    for block in model.blocks:
        parallelize_module(block, mesh, {name: style() for name, style in BLOCK.items()})
    return model


def sequence_parallel(mesh):
    """As ``tensor_parallel``. The norms are split along the text."""
    model = LanguageModel()
    ends = {
        "embedding": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "norm": SequenceParallel(),
        "head": ColwiseParallel(
            input_layouts=Shard(1), output_layouts=Shard(-1), use_local_output=False
        ),
    }
    parallelize_module(model, mesh, ends)
    for block in model.blocks:
        whole = {"input_layouts": (Shard(1),), "desired_input_layouts": (Replicate(),)}
        plan = {
            **{name: style() for name, style in BLOCK.items()},
            "before": SequenceParallel(),
            "between": SequenceParallel(),
            "attention": PrepareModuleInput(**whole),
            "gated": PrepareModuleInput(**whole),
            "attention.o": RowwiseParallel(output_layouts=Shard(1)),
            "gated.down": RowwiseParallel(output_layouts=Shard(1)),
        }
        parallelize_module(block, mesh, plan)
    return model


def split_embedding(mesh):
    """Only the embedding is split. It is free."""
    style = ColwiseParallel(output_layouts=Replicate())
    return parallelize_module(LanguageModel(), mesh, {"embedding": style})


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (tensor_parallel, WHOLE // RANKS),
        (sequence_parallel, WHOLE // RANKS),
        (split_embedding, WHOLE),
    ],
)
def test_a_language_model(mesh, make, expected, run):
    model = make(mesh)
    assert macs(model, words(), run=run) == expected
    assert macs(model, words(), run=run) == expected


@pytest.mark.parametrize("grad", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("run", RUNS)
def test_without_grad(mesh, run, grad):
    model = tensor_parallel(mesh)
    with grad():
        assert macs(model, words(), run=run) == WHOLE // RANKS


def test_where_the_work_is(mesh):
    report = hookcount.count(tensor_parallel(mesh), words())
    by_path = {node.path: node.total.macs for node in report.tree}
    assert by_path["blocks.0"] == IN_A_BLOCK // RANKS
    assert by_path["blocks.1.gated.down"] == 16 * 16 * 32 // RANKS
    assert by_path["head"] == IN_THE_HEAD // RANKS


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("make", "style", "features"),
    [
        (lambda: nn.Linear(8, 16, bias=False), ColwiseParallel(), 8),
        (lambda: nn.Linear(8, 16), ColwiseParallel(use_local_output=False), 8),
        (lambda: nn.Linear(16, 8), RowwiseParallel(input_layouts=Replicate()), 16),
        (lambda: nn.Linear(16, 8), RowwiseParallel(input_layouts=Shard(-1)), 4),
    ],
)
def test_a_weight_of_16_x_8_over_four_ranks(mesh, make, style, features, run):
    model = parallelize_module(make(), mesh, style)
    assert macs(model, torch.zeros(2, features), run=run) == 2 * 16 * 8 // 4


@pytest.mark.parametrize("run", RUNS)
def test_seven_rows_over_four_ranks(mesh, run):
    """The first rank holds 2 of the 7 rows."""
    model = parallelize_module(nn.Linear(5, 7, bias=False), mesh, ColwiseParallel())
    assert macs(model, torch.zeros(3, 5), run=run) == 3 * 5 * 2


@pytest.mark.parametrize("run", RUNS)
def test_prepared_output(mesh, run):
    model = nn.Sequential(nn.Linear(16, 8, bias=False), nn.ReLU())
    plan = {
        "0": ColwiseParallel(use_local_output=False),
        "1": PrepareModuleOutput(output_layouts=Shard(-1), desired_output_layouts=Replicate()),
    }
    report = Counter(run=run).count(parallelize_module(model, mesh, plan), torch.zeros(2, 16))
    assert report.macs == 2 * 16 * 2
    assert report.total.compares == 2 * 2  # the ReLU of this rank's columns


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("given", ["plain", "DTensor"])
def test_replicated_parameters(mesh, run, given):
    """Every rank does the whole work."""

    def whole(module, inputs, mesh):
        (x,) = inputs
        return (x if isinstance(x, DTensor) else DTensor.from_local(x, mesh, [Replicate()]),)

    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.GELU(), nn.Softmax(-1))
    distribute_module(model, mesh, input_fn=whole)
    x = torch.zeros(2, 8)
    x = distribute_tensor(x, mesh, [Replicate()]) if given == "DTensor" else x
    assert macs(model, x, run=run) == 2 * 8 * 8


class Writes(nn.Module):
    """Writes to a weight and to a buffer in its forward."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.register_buffer("calls", torch.zeros(8))

    def forward(self, x):
        with torch.no_grad():
            self.calls.add_(1)
            self.linear.weight.mul_(1.5)
        return (self.linear(x) + self.calls).to_local()


@pytest.mark.parametrize("run", RUNS)
def test_writes_are_undone(mesh, run):
    model = distribute_module(Writes(), mesh)
    assert macs(model, distribute_tensor(torch.zeros(2, 8), mesh, [Replicate()]), run=run) == 2 * 64


class TakesParts(nn.Module):
    """Works on parts by hand."""

    def __init__(self, mesh, take):
        super().__init__()
        self.take = take
        self.weight = nn.Parameter(distribute_tensor(torch.zeros(16, 8), mesh, [Shard(0)]))

    def forward(self, x):
        return nn.functional.linear(x, self.take(self.weight))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("take", "rows"), [(DTensor.to_local, 4), (DTensor.full_tensor, 16)])
def test_parts_taken_by_hand(mesh, take, rows, run):
    assert macs(TakesParts(mesh, take), torch.zeros(2, 8), run=run) == 2 * 8 * rows


SEEN = []
"""A global variable, as a count puts back the data of classes."""


class Asks(nn.Module):
    """Notes whether its input has values."""

    def forward(self, x):
        SEEN.append((x._local_tensor if isinstance(x, DTensor) else x).is_meta)
        return x


@pytest.mark.parametrize("make", [tensor_parallel, sequence_parallel])
def test_a_shapes_only_run_computes_nothing(mesh, make):
    model = make(mesh)
    model.blocks.append(Asks())
    SEEN.clear()
    assert macs(model, words(), run="shapes") == WHOLE // RANKS
    assert SEEN == [True]


class Decides(nn.Module):
    """Reads a value of its output."""

    def __init__(self, mesh):
        super().__init__()
        style = ColwiseParallel(use_local_output=False)
        self.linear = parallelize_module(nn.Linear(8, 16, bias=False), mesh, style)

    def forward(self, x):
        y = self.linear(x).to_local()
        return y @ y.t() if y.sum().item() == 0 else y


def test_values_are_taken_from_a_real_run(mesh):
    report = hookcount.count(Decides(mesh), torch.zeros(2, 8))
    assert (report.run, report.macs) == ("real", 2 * 8 * 4 + 2 * 4 * 2)


@pytest.mark.parametrize("run", RUNS)
def test_training_goes_on(mesh, run):
    model = tensor_parallel(mesh)
    Counter(run=run).count(model, words())
    model(words()).sum().backward()
    assert all(
        isinstance(each.grad, DTensor) for each in model.blocks.parameters() if each.dim() > 1
    )


def test_no_collective_is_left_under_way(mesh):
    """The output of a row-wise layer is the result of one."""
    model = parallelize_module(nn.Linear(16, 8), mesh, RowwiseParallel())
    under_way = torch._C._distributed_c10d._get_work_registry_size
    before = under_way()
    for run in RUNS:
        assert macs(model, torch.zeros(2, 4), run=run) == 2 * 16 * 8 // 4
    assert under_way() == before


def test_a_watched_step(mesh):
    model = tensor_parallel(mesh)
    with Counter().watch(model) as watch:
        model(words()).sum().backward()
    assert (watch.report().macs, watch.report().uncounted) == (WHOLE // RANKS, ())


def test_size(mesh):
    """All elements of the model, and the bytes of this rank."""
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 7, bias=False))
    parallelize_module(model, mesh, {"0": ColwiseParallel(), "1": ColwiseParallel()})
    found = size(model)
    assert found.parameters == 8 * 16 + 16 + 16 * 7
    assert found.bytes == 4 * ((8 * 16 + 16) // 4 + 16 * 2)
    report = hookcount.count(model[0], torch.zeros(2, 8))
    assert (report.params, report.param_bytes) == (8 * 16 + 16, 4 * (8 * 16 + 16) // 4)


def test_a_convention_without_ops_names_what_it_cannot_price(mesh):
    model = parallelize_module(nn.Linear(8, 16, bias=False), mesh, ColwiseParallel())
    report = hookcount.count(model, torch.zeros(2, 8))
    thop = report.under("thop")
    assert thop.macs == 0
    assert [each.target for each in thop.uncounted] == ["torch.nn.modules.linear.Linear"]
    assert report.under("torch").headline == 2 * (2 * 8 * 4)


def test_the_model_s_own_error_is_passed_on(mesh):
    model = nn.Linear(8, 16, bias=False)
    model.weight = nn.Parameter(distribute_tensor(torch.zeros(16, 8), mesh, [Shard(0)]))
    with pytest.raises(RuntimeError, match=r"mixed torch\.Tensor and DTensor"):
        hookcount.count(model, torch.zeros(2, 8))


class Calls(nn.Module):
    """A linear layer, then a function of ``torch.distributed``."""

    def __init__(self, function):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.function = function

    def forward(self, x):
        return self.function(self.linear(x))


def in_place(name, *args):
    def call(y):
        getattr(torch.distributed, name)(y, *args)
        return y

    return call


def functional(name, *args):
    from torch.distributed import _functional_collectives

    def call(y):
        return getattr(_functional_collectives, name)(y, *args, torch.distributed.group.WORLD)

    return call


def gather(y):
    held = [torch.empty_like(y) for _ in range(RANKS)]
    torch.distributed.all_gather(held, y)
    return torch.cat(held)


@pytest.mark.parametrize("run", ["auto", "real"])
@pytest.mark.parametrize(
    "function",
    [
        in_place("all_reduce"),
        in_place("broadcast", 0),
        in_place("reduce", 0),
        gather,
        functional("all_reduce", "sum"),
        functional("all_gather_tensor", 0),
        functional("reduce_scatter_tensor", "sum", 0),
        functional("all_gather_tensor_autograd", 0),
    ],
)
def test_collectives_are_free(mesh, function, run):
    x = torch.zeros(4, 8)
    assert (
        Counter(run=run).count(Calls(function), x).total
        == hookcount.count(nn.Linear(8, 8), x).total
    )


def test_a_process_without_dtensors_imports_nothing():
    """Neither does the import of hookcount import their package, nor a count or a size."""
    code = (
        "import sys, torch, hookcount\n"
        "model = torch.nn.Linear(2, 3)\n"
        "assert hookcount.count(model, torch.zeros(1, 2)).macs == 6\n"
        "assert hookcount.size(model).parameters == 9\n"
        "names = ('torch.distributed.tensor', 'torch.distributed.fsdp')\n"
        "assert not any(name.startswith(names) for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_is_unseen_or_paused_afterwards(mesh):
    """Also if an op on DTensors raises."""
    model = nn.Linear(8, 16, bias=False)
    model.weight = nn.Parameter(distribute_tensor(torch.zeros(16, 8), mesh, [Shard(0)]))
    wrong = distribute_tensor(torch.zeros(2, 9), mesh, [Replicate()])
    with contextlib.suppress(RuntimeError, ValueError):
        hookcount.count(model, wrong)
    right = distribute_tensor(torch.zeros(2, 8), mesh, [Replicate()])
    assert macs(model, right) == 2 * 8 * 4


def test_an_op_without_a_formula_is_named(mesh):
    class Odd(nn.Module):
        def forward(self, x):
            return torch.ops.hookcount_test_parts.odd(x)

    torch.library.define("hookcount_test_parts::odd", "(Tensor x) -> Tensor")
    torch.library.impl("hookcount_test_parts::odd", "CompositeExplicitAutograd", torch.clone)
    model = nn.Sequential(parallelize_module(nn.Linear(8, 16), mesh, ColwiseParallel()), Odd())
    with pytest.warns(UncountedWarning, match="hookcount_test_parts::odd"), torch.no_grad():
        assert hookcount.count(model, torch.zeros(2, 8)).macs == 2 * 8 * 4
