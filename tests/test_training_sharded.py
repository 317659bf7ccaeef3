"""A training step of a model that several ranks share: each layer has its own optimizer's work."""

import pytest
import torch
from helpers.ranks import RANKS, one_rank, several_ranks
from torch import nn

from hookcount import Counter, ModelError, Training
from hookcount.core.ops import flops
from hookcount.core.release import RELEASE

if not torch.distributed.is_available():
    pytest.skip("this torch has no torch.distributed", allow_module_level=True)

from torch.distributed._composable.replicate import replicate
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import (
    FullyShardedDataParallel,
    MixedPrecisionPolicy,
    fully_shard,
)
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

pytestmark = [
    pytest.mark.filterwarnings("ignore:DTensor random operators"),
    pytest.mark.filterwarnings("ignore:FSDP2-wrapped module"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:FSDP is switching to use"),
    pytest.mark.skipif(
        RELEASE < (2, 14),
        reason="fully_shard of torch 2.6 needs a GPU; its split outputs require no grad",
    ),
]
X = torch.ones(2, 8)
HALF = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
PHASES = ("step", "backward", "recompute", "optimizer")
OPTIMIZERS = {
    "AdamW": torch.optim.AdamW,
    "AdamW over lists": lambda given: torch.optim.AdamW(given, foreach=True),
    "fused AdamW": lambda given: torch.optim.AdamW(given, fused=True),
    "SGD": lambda given: torch.optim.SGD(given, momentum=0.9),
}


def layers():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))


def nested(**options):
    model = layers()
    for each in (model[0], model[2]):
        fully_shard(each, **options)
    return fully_shard(model, **options)


def split(mesh=None):
    mesh = mesh or init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    return parallelize_module(layers(), mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})


def split_and_sharded():
    mesh = init_device_mesh("cpu", (1, 1), mesh_dim_names=("data", "layers"))
    return fully_shard(split(mesh["layers"]), mesh=mesh["data"])


def flat(**options):
    return FullyShardedDataParallel(layers(), device_id=torch.device("cpu"), **options)


MODELS = {
    "fully_shard": lambda: fully_shard(layers()),
    "nested": nested,
    "resharded": lambda: nested(reshard_after_forward=True),
    "tensor parallel": split,
    "tensor parallel and sharded": split_and_sharded,
    "ddp": lambda: DistributedDataParallel(layers()),
    "replicate": lambda: replicate(layers()),
    "own parameters": lambda: flat(use_orig_params=True),
}


@pytest.fixture
def alone():
    with one_rank():
        yield


def rows(report):
    return [getattr(report, phase).to_dataframe().drop(columns="type") for phase in PHASES]


def work(report):
    return {node.path: flops(node.own) for node in report.optimizer.tree if flops(node.own)}


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_the_rows_of_the_plain_model(alone, name, optimizer, run):
    model = MODELS[name]()
    training = Training(optimizer=OPTIMIZERS[optimizer], steps=2, counter=Counter(run=run))
    before = [(each, each.grad, each._version) for each in model.parameters()]
    report, plain = training.count(model, X), training.count(layers(), X)
    after = [(each, each.grad, each._version) for each in model.parameters()]
    assert all(
        a is b
        for one, two in zip(before, after, strict=True)
        for a, b in zip(one, two, strict=True)
    )
    assert report.run == plain.run
    assert report.backward.macs == 2 * 2 * 3 * 8 * 16
    for found, expected in zip(rows(report), rows(plain), strict=True):
        assert found.to_csv() == expected.to_csv()


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_each_layer_has_its_own_products(alone, run):
    """AdamW: 14 for each element, and one step for each of two tensors."""
    report = Training(optimizer=torch.optim.AdamW, counter=Counter(run=run)).count(nested(), X)
    assert work(report) == {"0": 14 * (8 * 16 + 16) + 2, "2": 14 * (16 * 8 + 8) + 2}


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_half_precision(alone, run):
    training = Training(optimizer=torch.optim.AdamW, counter=Counter(run=run))
    assert work(training.count(nested(mp_policy=HALF), X)) == work(training.count(layers(), X))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ranks_that_a_count_on_shapes_does_not_wait_for(optimizer):
    training = Training(optimizer=OPTIMIZERS[optimizer], counter=Counter(run="shapes"))
    plain = training.count(layers(), X)
    with several_ranks():
        assert work(training.count(nested(), X)) == work(plain)  # a model is counted whole
        model = split()
        sizes = {
            path: [each.to_local().numel() for each in layer.parameters()]
            for path, layer in model.named_children()
            if path != "1"
        }
        whole = {
            path: [each.numel() for each in layer.parameters()]
            for path, layer in model.named_children()
            if path != "1"
        }
        assert whole["0"] == [RANKS * each for each in sizes["0"]]
        each = work(plain)["0"] // sum(whole["0"])
        found = work(training.count(model, X))
    extra = {path: work(plain)[path] - each * sum(whole[path]) for path in whole}
    assert found == {path: each * sum(sizes[path]) + extra[path] for path in sizes}


@pytest.mark.parametrize("name", MODELS)
def test_training_goes_on(alone, name):
    """A step after a count gives the weights of a step without one."""
    weights = []
    for run in (None, "shapes", "real"):
        torch.manual_seed(0)
        model = MODELS[name]()
        optimizer = torch.optim.AdamW(model.parameters())
        for _ in range(2):
            if run:
                counter = Counter(run=run)
                Training(optimizer=torch.optim.AdamW, counter=counter).count(model, X)
            optimizer.zero_grad()
            model(X).sum().backward()
            optimizer.step()
        weights.append([each.detach().clone() for each in model.parameters()])
    for found in weights[1:]:
        for one, two in zip(weights[0], found, strict=True):
            local = [getattr(each, "_local_tensor", each) for each in (one, two)]
            assert torch.equal(*local)


@pytest.mark.parametrize("run", ["auto", "shapes", "real"])
@pytest.mark.parametrize("make", [flat, lambda: nn.Sequential(flat(), nn.Linear(8, 8))])
def test_an_optimizer_of_a_flat_parameter_is_refused(alone, make, run):
    """The backward pass is counted; the work on a parameter of all layers belongs to none."""
    training = Training(optimizer=torch.optim.AdamW, counter=Counter(run=run))
    with pytest.raises(ModelError, match=r"one flat parameter.*\n.*use_orig_params=True"):
        training.count(make(), X)
    assert Training(counter=Counter(run=run)).count(flat(), X).backward.macs == 2 * 3 * 8 * 16


@pytest.mark.parametrize("name", ["fully_shard", "nested", "tensor parallel", "ddp"])
def test_a_watched_loop(alone, name):
    model = MODELS[name]()
    optimizer = torch.optim.AdamW(model.parameters())

    def step():
        model(X).sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    with Training().watch(model) as watch:
        step()
    assert watch.report().backward.macs == 2 * 3 * 8 * 16
    assert work(watch.report()) == {"0": 14 * (8 * 16 + 16) + 2, "2": 14 * (16 * 8 + 8) + 2}
