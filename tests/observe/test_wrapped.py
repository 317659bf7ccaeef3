"""Wrappers of data parallelism inside a model, and around it."""

import pytest
import torch
from helpers.ranks import one_rank, several_ranks
from torch import nn

import hookcount
from hookcount import Counter, ModelError

if not torch.distributed.is_available():
    pytest.skip("this torch has no torch.distributed", allow_module_level=True)

from torch.distributed._composable.replicate import replicate
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.nn.parallel import DistributedDataParallel

RUNS = ["auto", "shapes", "real"]
CPU = torch.device("cpu")
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:FSDP is switching to use"),
]


@pytest.fixture
def alone():
    with one_rank():
        yield


@pytest.fixture
def ranks():
    with several_ranks():
        yield


def layers():
    return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))


def flat(module, **options):
    return FullyShardedDataParallel(module, device_id=CPU, **options)


def flat_inside(**options):
    return nn.Sequential(flat(nn.Linear(8, 8), **options), nn.Linear(8, 8))


WRAPPED = {
    "ddp": lambda: DistributedDataParallel(layers()),
    "ddp inside": lambda: nn.Sequential(DistributedDataParallel(nn.Linear(8, 8)), nn.Linear(8, 8)),
    "flat": lambda: flat(layers()),
    "flat inside": flat_inside,
    "flat in flat": lambda: flat(flat_inside()),
    "flat, own parameters": lambda: flat(flat_inside(use_orig_params=True), use_orig_params=True),
    "replicate": lambda: replicate(layers()),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", WRAPPED)
def test_the_wrapped_modules_are_counted_and_train_on(alone, name, run):
    model = WRAPPED[name]()
    x = torch.ones(2, 8)
    assert Counter(run=run).count(model, x).macs == 2 * 2 * 8 * 8
    for _ in range(2):
        model(x).sum().backward()
    assert Counter(run=run).count(model, x).macs == 2 * 2 * 8 * 8
    model(x).sum().backward()


@pytest.mark.parametrize("run", RUNS)
def test_a_count_sets_nothing_up(ranks, run):
    model = replicate(layers())
    state = replicate.state(model)
    assert Counter(run=run).count(model, torch.zeros(2, 8)).macs == 2 * 2 * 8 * 8
    assert not state.has_initialized


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("own", [False, True])
def test_a_flat_shard_is_refused(ranks, own, run):
    model = flat(flat_inside(use_orig_params=own), use_orig_params=own)
    handle = model._handle
    before = handle.flat_param, handle.flat_param._version, handle.flat_param.size()
    with pytest.raises(
        ModelError, match=r"the model itself \(Sequential\).*\n.*summon_full_params"
    ):
        Counter(run=run).count(model, torch.zeros(2, 8))
    assert (handle.flat_param, handle.flat_param._version, handle.flat_param.size()) == before
    with FullyShardedDataParallel.summon_full_params(model):
        assert Counter(run=run).count(model, torch.zeros(2, 8)).macs == 2 * 2 * 8 * 8


def test_the_refusal_names_the_module(ranks):
    with pytest.raises(ModelError, match=r"'0' \(Linear\)"):
        hookcount.count(flat_inside(), torch.zeros(2, 8))
