"""``fully_shard``: a count sees the whole work, and leaves the books of ``fully_shard`` alone."""

import copy
import subprocess
import sys

import pytest
import torch
from helpers.ranks import (
    IN_A_BLOCK,
    IN_THE_HEAD,
    WHOLE,
    LanguageModel,
    one_rank,
    several_ranks,
    words,
)
from torch import nn

import hookcount
from hookcount import Counter, ModelError
from hookcount.counter import size

if not torch.distributed.is_available():
    pytest.skip("this torch has no torch.distributed", allow_module_level=True)

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    CPUOffloadPolicy,
    MixedPrecisionPolicy,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.distributed.tensor import Shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

RUNS = ["auto", "shapes", "real"]
HALF = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
# torch's own remarks on a mesh of CPUs, and on views
pytestmark = [
    pytest.mark.filterwarnings("ignore:DTensor random operators"),
    pytest.mark.filterwarnings("ignore:FSDP2-wrapped module"),
]


def trains():
    """Whether this torch's ``fully_shard`` works on a CPU: in 2.6 it does not, in 2.14 it does."""
    with one_rank():
        try:
            fully_shard(nn.Linear(2, 2))(torch.zeros(1, 2)).sum().backward()
        except AttributeError:
            return False
    return True


TRAINS = pytest.mark.skipif("not trains()", reason="fully_shard of this torch needs a GPU")


@pytest.fixture
def alone():
    with one_rank():
        yield


@pytest.fixture
def ranks():
    with several_ranks():
        yield


def root(**options):
    return fully_shard(LanguageModel(), **options)


def nested(**options):
    model = LanguageModel()
    for block in model.blocks:
        fully_shard(block, **options)
    return fully_shard(model, **options)


def grouped():
    model = LanguageModel()
    fully_shard([model.norm, model.head])
    return fully_shard(model)


def second_axis():
    return nested(shard_placement_fn=lambda each: Shard(each.dim() - 1))


def kept_whole():
    return nested(reshard_after_forward=False)


def resharded():
    return nested(reshard_after_forward=True)


def in_half_precision():
    return nested(mp_policy=HALF)


def offloaded():
    return nested(offload_policy=CPUOffloadPolicy(pin_memory=False))


def some_frozen():
    model = LanguageModel()
    model.head.requires_grad_(False)
    return fully_shard(model)


def prefetching():
    model = nested()
    model.blocks[0].set_modules_to_forward_prefetch([model.blocks[1]])
    return model


KINDS = [
    root,
    nested,
    grouped,
    second_axis,
    kept_whole,
    resharded,
    in_half_precision,
    offloaded,
    some_frozen,
    prefetching,
]


def books(model):
    """All that ``fully_shard`` knows about a model, down to versions and sizes of tensors."""
    found = {}
    for path, module in model.named_modules():
        found[path, "attributes"] = [(name, id(each)) for name, each in vars(module).items()]
        for name in ("_parameters", "_forward_hooks", "_forward_pre_hooks"):
            found[path, name] = [(key, id(each)) for key, each in getattr(module, name).items()]
        if hasattr(module, "_get_fsdp_state"):
            _note(module._get_fsdp_state(), (path,), found)
    return found


def _note(value, where, found):
    if isinstance(value, torch.Tensor):
        local = getattr(value, "_local_tensor", value)
        found[where] = id(value), local._version, local.untyped_storage().size(), id(value.grad)
    elif isinstance(value, (list, tuple, dict)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found[where] = type(value), len(value)
        for key, each in items:
            _note(each, (*where, str(key)), found)
    elif type(value).__module__.startswith("torch.distributed.fsdp") and len(where) < 8:
        found[where] = id(value)
        for name, each in getattr(value, "__dict__", {}).items():
            _note(each, (*where, name), found)
    else:
        found[where] = value if isinstance(value, (int, str, type(None))) else id(value)


def macs(model, *args, run="auto"):
    """The MACs of a count that names nothing and changes no book."""
    before = books(model)
    report = Counter(run=run).count(model, *args)
    assert books(model) == before
    assert report.uncounted == ()
    return report.macs


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("make", KINDS)
def test_the_whole_work_is_counted(ranks, make, run):
    model = make()
    assert macs(model, words(), run=run) == WHOLE
    assert macs(model, words(), run=run) == WHOLE


@pytest.mark.parametrize("grad", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("make", [nested, in_half_precision])
def test_without_grad(ranks, make, run, grad):
    model = make()
    with grad():
        assert macs(model, words(), run=run) == WHOLE


@pytest.mark.parametrize("run", RUNS)
def test_two_meshes(ranks, run):
    """Copies on two ranks, shards on two."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("copies", "shards"))
    assert macs(nested(mesh=mesh), words(), run=run) == WHOLE


@pytest.mark.parametrize("run", RUNS)
def test_with_tensor_parallelism(ranks, run):
    """Each rank does half of the blocks and all of the head."""
    mesh = init_device_mesh("cpu", (2, 2), mesh_dim_names=("data", "tensor"))
    model = LanguageModel()
    for block in model.blocks:
        plan = {
            **{f"attention.{name}": ColwiseParallel() for name in "qkv"},
            "gated.gate": ColwiseParallel(),
            "gated.up": ColwiseParallel(),
            "attention.o": RowwiseParallel(),
            "gated.down": RowwiseParallel(),
        }
        parallelize_module(block, mesh["tensor"], plan)
        fully_shard(block, mesh=mesh["data"])
    fully_shard(model, mesh=mesh["data"])
    assert macs(model, words(), run=run) == 2 * IN_A_BLOCK // 2 + IN_THE_HEAD


def step(model):
    """A training step by hand."""
    model(words()).float().pow(2).sum().backward()
    with torch.no_grad():
        for each in model.parameters():
            if each.grad is not None:
                each.sub_(each.grad, alpha=0.01)
                each.grad = None


def nothing(model):
    pass


def forward(model):
    """A forward whose backward pass comes after the count."""
    return model(words()).float().pow(2).sum()


def forward_without_grad(model):
    with torch.no_grad():
        model(words())


def gathered_by_hand(model):
    step(model)
    model.unshard()


@TRAINS
@pytest.mark.parametrize("before", [nothing, step, forward, forward_without_grad, gathered_by_hand])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("make", KINDS)
def test_training_goes_on_bit_for_bit(alone, make, run, before):
    models = []
    for _ in range(2):
        torch.manual_seed(1)
        models.append(make())
    control, model = models
    losses = [before(each) for each in models]
    assert macs(model, words(), run=run) == WHOLE
    for each, loss in zip(models, losses, strict=True):
        if loss is not None:
            loss.backward()
        step(each)
        step(each)
    for ours, theirs in zip(model.parameters(), control.parameters(), strict=True):
        assert torch.equal(ours._local_tensor, theirs._local_tensor)


class Fails(nn.Module):
    """Raises between its two layers, while ``fails``."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.second = nn.Linear(8, 8)
        self.fails = True

    def forward(self, x):
        x = self.first(x)
        if self.fails:
            raise ValueError("halfway")
        return self.second(x)


@pytest.mark.parametrize("run", RUNS)
def test_a_count_that_raises_changes_no_book(ranks, run):
    model = Fails()
    fully_shard(model.first)
    fully_shard(model.second)
    fully_shard(model)
    before = books(model)
    with pytest.raises(ValueError, match="halfway"):
        Counter(run=run).count(model, torch.zeros(2, 8))
    assert books(model) == before
    model.fails = False
    assert macs(model, torch.zeros(2, 8), run=run) == 2 * 2 * 64


@TRAINS
@pytest.mark.parametrize("run", RUNS)
def test_training_goes_on_after_a_count_that_raises(alone, run):
    model = fully_shard(Fails())
    with pytest.raises(ValueError, match="halfway"):
        Counter(run=run).count(model, torch.zeros(2, 8))
    model.fails = False
    model(torch.zeros(2, 8)).sum().backward()
    assert model.second.bias.grad._local_tensor.tolist() == [2.0] * 8


class Reads(nn.Module):
    """Reads a value of its output."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)

    def forward(self, x):
        y = self.linear(x)
        return self.linear(y) if (y.sum() * 0 == 0).item() else y


def test_values_are_taken_from_a_real_run(alone):
    model = fully_shard(Reads())
    before = books(model)
    report = hookcount.count(model, torch.zeros(2, 8))
    assert (report.run, report.macs) == ("real", 2 * 2 * 64)
    assert books(model) == before


class Tied(nn.Module):
    """Embedding and head share their weight."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(32, 8)
        self.head = nn.Linear(8, 32, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, words):
        return self.head(self.embedding(words))


class Encodes(nn.Module):
    """Calls a method of a module, not the module."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.outer = nn.Linear(8, 4)

    def forward(self, x):
        return self.outer(self.inner.encode(x))


class Encoder(nn.Linear):
    def encode(self, x):
        return nn.functional.linear(x, self.weight, self.bias)


class Gathers(nn.Module):
    """Gathers and shards a layer by hand."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)

    def forward(self, x):
        self.inner.unshard(async_op=True).wait()
        y = self.inner(x)
        self.inner.reshard()
        return y


def method():
    model = Encodes()
    model.inner = Encoder(8, 8)
    fully_shard(model.inner)
    register_fsdp_forward_method(model.inner, "encode")
    return fully_shard(model)


def by_hand():
    model = Gathers()
    fully_shard(model.inner)
    return fully_shard(model)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("make", "x", "expected"),
    [
        (lambda: fully_shard(Tied()), torch.zeros(2, 3, dtype=torch.long), 2 * 3 * 8 * 32),
        (
            lambda: fully_shard(nn.LSTM(8, 8, batch_first=True)),
            torch.zeros(2, 3, 8),
            2 * 3 * (4 * 8 * 8 + 4 * 8 * 8),
        ),
        (method, torch.zeros(2, 8), 2 * 8 * 8 + 2 * 8 * 4),
        (by_hand, torch.zeros(2, 8), 2 * 8 * 8),
        (
            lambda: fully_shard(nn.Sequential(nn.Linear(8, 7, bias=False))),
            torch.zeros(2, 8),
            2 * 8 * 7,
        ),
    ],
    ids=["tied", "LSTM", "method", "by hand", "uneven"],
)
def test_other_models(ranks, make, x, expected, run):
    assert macs(make(), x, run=run) == expected


def test_a_part_of_a_sharded_model(ranks):
    model = nested()
    before = books(model)
    assert hookcount.count(model.blocks[1], torch.zeros(2, 8, 16)).macs == IN_A_BLOCK
    assert books(model) == before


def test_a_model_on_meta(ranks):
    with torch.device("meta"):
        model = nested()
    assert macs(model, words(), run="auto") == WHOLE


@pytest.mark.parametrize("run", RUNS)
def test_inputs_and_weights_in_half_precision(ranks, run):
    """The modules get what ``fully_shard`` gives them."""
    seen = []

    class Notes(nn.Linear):
        def forward(self, x):
            seen.append((x.dtype, self.weight.dtype))
            return super().forward(x)

    full = MixedPrecisionPolicy(param_dtype=torch.bfloat16, output_dtype=torch.float32)
    model = nn.Sequential(Notes(8, 8), Notes(8, 8))
    fully_shard(model[0], mp_policy=full)
    fully_shard(model[1], mp_policy=HALF)
    fully_shard(model, mp_policy=full)
    assert macs(model, torch.zeros(2, 8), run=run) == 2 * 2 * 64
    assert seen == [(torch.bfloat16, torch.bfloat16)] * 2


def test_size(ranks):
    """All elements of the model, and the bytes of this rank: a quarter of each tensor."""
    found = size(nested())
    assert found.parameters == size(LanguageModel()).parameters
    assert found.bytes == size(LanguageModel()).bytes // 4
    report = hookcount.count(nested(), words())
    assert (report.params, report.param_bytes) == (found.parameters, found.bytes)


@TRAINS
def test_a_watched_step(alone):
    model = nested()
    with Counter().watch(model) as watch:
        step(model)
    assert (watch.report().macs, watch.report().uncounted) == (WHOLE, ())
    step(model)


class Packed(torch.Tensor):
    """A tensor that says how its shards become whole."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        plain = torch.utils._pytree.tree_map_only(Packed, lambda each: each.inner, args)
        out = func(*plain, **(kwargs or {}))
        wrap = isinstance(out, torch.Tensor) and func is not torch.ops.aten.copy_.default
        return cls(out) if wrap else out

    def fsdp_pre_all_gather(self, mesh):
        return (self.inner,), None

    def fsdp_post_all_gather(self, outputs, metadata, dtype, *, out=None):
        return outputs[0], outputs


def test_a_gathering_of_its_own_is_refused_before_a_real_run(ranks):
    model = nn.Sequential(nn.Linear(8, 8, bias=False))
    fully_shard(model)
    weight = model[0].weight
    whole = weight._local_tensor
    weight._local_tensor = Packed(whole)
    before = books(model)
    with pytest.raises(ModelError, match=r"'0' \(Linear\): its sharded 'weight'.*\n.*To fix it"):
        Counter(run="real").count(model, torch.zeros(2, 8))
    assert books(model) == before


def test_a_copy_of_the_report_needs_no_process_group():
    with several_ranks():
        report = hookcount.count(nested(), words())
    assert copy.copy(report).macs == WHOLE


TWO_RANKS = """
import sys, torch, torch.distributed as dist, hookcount
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Shard
store, rank = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo", store=dist.FileStore(store, 2), rank=rank, world_size=2)
seen = []
class Notes(torch.nn.Linear):
    def forward(self, x):
        seen.append((self.weight.detach().clone(), self.bias.detach().clone()))
        return super().forward(x)
for axis in (0, 1):
    torch.manual_seed(0)
    model = Notes(4, 7)
    whole = model.weight.detach().clone(), model.bias.detach().clone()
    fully_shard(model, shard_placement_fn=lambda each: Shard(min(axis, each.dim() - 1)))
    assert model.weight._local_tensor.numel() < 4 * 7
    assert hookcount.Counter(run="real").count(model, torch.ones(2, 4)).macs == 2 * 4 * 7
    assert all(map(torch.equal, seen.pop(), whole))
    if rank == 0:  # alone: a shapes-only run waits for nobody
        assert hookcount.count(model, torch.ones(2, 4)).macs == 2 * 4 * 7
        seen.clear()
dist.barrier()
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_gather_the_true_values(tmp_path):
    """Rank 0 holds 4 of 7 rows, or 2 of 4 columns."""
    started = [
        subprocess.Popen([sys.executable, "-c", TWO_RANKS, tmp_path / "store", str(rank)])
        for rank in range(2)
    ]
    try:
        assert [each.wait(timeout=120) for each in started] == [0, 0]
    finally:
        for each in started:
            each.kill()
