"""Training on a GPU: a step on shapes has the rows of the real one, each op has an owner."""

import contextlib
import copy
import warnings

import pytest
import torch
from gpu.equal import GPU, same_step
from gpu.test_forward import ATTENTION, LAYERS, Attends, built
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Counter, Training

pytestmark = pytest.mark.gpu

MODELS = ("resnet18", "mobilenet_v2", "efficientnet_b0", "swin_t", "vit_b_16", "convnext_tiny")
OPTIMIZERS = {
    "SGD": lambda given: torch.optim.SGD(given, lr=0.1, momentum=0.9),
    "fused SGD": lambda given: torch.optim.SGD(given, lr=0.1, momentum=0.9, fused=True),
    "AdamW": torch.optim.AdamW,
    "AdamW one by one": lambda given: torch.optim.AdamW(given, foreach=False),
    "AdamW over lists": lambda given: torch.optim.AdamW(given, foreach=True),
    "fused AdamW": lambda given: torch.optim.AdamW(given, fused=True),
    "capturable AdamW": lambda given: torch.optim.AdamW(given, capturable=True),
    "capturable one by one": lambda given: torch.optim.Adam(
        given, capturable=True, foreach=False, amsgrad=True
    ),
    "fused capturable Adam": lambda given: torch.optim.Adam(given, fused=True, capturable=True),
    "a learning rate on the GPU": lambda given: torch.optim.Adam(
        given, lr=torch.tensor(0.1, device=GPU), capturable=True
    ),
    "RMSprop": torch.optim.RMSprop,
    "capturable RMSprop": lambda given: torch.optim.RMSprop(given, capturable=True),
    "NAdam": torch.optim.NAdam,
    "RAdam": torch.optim.RAdam,
    "Adagrad": torch.optim.Adagrad,
    "Adadelta": torch.optim.Adadelta,
    "Adamax": torch.optim.Adamax,
    "ASGD": torch.optim.ASGD,
    "Rprop": torch.optim.Rprop,
}


def no_outside(report):
    """No backward op is without an owner, none without a price."""
    assert report.step.uncounted == ()
    assert not any(row.path == "<outside>" and row.ops.macs for row in report.backward.records)
    return report


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("autocast", [None, torch.float16, torch.bfloat16])
def test_models(name, autocast):
    model, x = built(name).train(), torch.randn(2, 3, 224, 224, device=GPU)
    around = torch.autocast(GPU.type, dtype=autocast) if autocast else contextlib.nullcontext()
    with around:
        no_outside(same_step(model, x))


def layers():
    made = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5)]
    return nn.Sequential(*made).to(GPU)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    x = torch.randn(2, 3, 8, 8, device=GPU)
    same_step(layers(), x, optimizer=OPTIMIZERS[name], steps=2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name, dtype):
    of_queries, of_keys, options = ATTENTION[name]
    made = {"device": GPU, "dtype": dtype, "requires_grad": True}
    q, k, v = (torch.randn(shape, **made) for shape in (of_queries, of_keys, of_keys))
    no_outside(same_step(Attends(**options), q, k, v))


@pytest.mark.parametrize("length", [5, 100])
@pytest.mark.parametrize("name", LAYERS)
def test_recurrent_layers(name, length):
    kind, options = LAYERS[name]
    layer = kind(12, 16, **options).to(GPU)
    no_outside(same_step(layer, torch.randn(length, 3, 12, device=GPU)))


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells(cell):
    no_outside(same_step(cell(12, 16).to(GPU), torch.randn(3, 12, device=GPU)))


def test_an_encoder():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2)
    no_outside(same_step(model.to(GPU), torch.randn(2, 10, 64, device=GPU)))


class Recomputed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.reentrant, self.a, self.b = reentrant, nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x):
        return self.b(checkpoint(self.a, self.b(x), use_reentrant=self.reentrant))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing(reentrant):
    report = no_outside(same_step(Recomputed(reentrant).to(GPU), torch.randn(4, 8, device=GPU)))
    macs = {node.path: node.own.macs for node in report.backward.tree if node.own.macs}
    product = 4 * 8 * 8
    assert macs == {"a": 2 * product, "b": 3 * product}


def test_each_layer_has_its_own_products():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)).to(GPU)
    with Training().watch(model) as watch:
        model(torch.randn(2, 8, device=GPU)).sum().backward()
    macs = {node.path: node.own.macs for node in watch.report().backward.tree if node.own.macs}
    assert macs == {"0": 2 * 8 * 16, "2": 2 * (2 * 16 * 4)}


class Penalty(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.b(torch.tanh(self.a(x)))


def test_a_gradient_penalty_has_the_owners_of_a_cpu():
    def macs(device):
        torch.manual_seed(0)
        model, x = Penalty().to(device), torch.randn(4, 8, device=device, requires_grad=True)
        with Training().watch(model) as watch:
            (g,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
            g.square().sum().backward()
        tree = watch.report().backward.tree
        return {node.path: node.own.macs for node in tree if node.own.macs}

    assert macs(GPU) == macs("cpu") != {}


def test_two_threads_train_on_the_gpu_while_a_third_counts():
    from concurrent.futures import ThreadPoolExecutor

    def train(seed):
        torch.manual_seed(seed)
        model, stream = layers(), contextlib.nullcontext()
        if GPU.type == "cuda":
            stream = torch.cuda.stream(torch.cuda.Stream())
        x = torch.ones(2, 3, 8, 8, device=GPU)
        with stream, Training().watch(model) as watch:
            for _ in range(3):
                model(x).sum().backward()
        if GPU.type == "cuda":
            torch.cuda.synchronize()
        return {node.path: node.own.macs for node in watch.report().backward.tree}

    def count(_):
        report = Training().count(layers(), torch.ones(2, 3, 8, 8, device=GPU))
        return {node.path: node.own.macs for node in report.backward.tree}

    alone = count(0)
    with ThreadPoolExecutor(8) as pool:
        trained, counted = pool.map(train, range(8)), pool.map(count, range(8))
        for each in trained:
            assert each == {path: 3 * macs for path, macs in alone.items()}
        for each in counted:
            assert each == alone


@pytest.mark.parametrize("scaled", [False, True])
def test_a_watched_loop_goes_on_bit_for_bit(scaled):
    torch.use_deterministic_algorithms(False)
    start = copy.deepcopy(layers())

    def loop(model, watched):
        torch.manual_seed(0)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        scaler = torch.amp.GradScaler(GPU.type, enabled=scaled)
        x = torch.randn(4, 3, 8, 8, device=GPU)
        around = Training().watch(model) if watched else contextlib.nullcontext()
        with around as watch:
            for _ in range(4):
                with torch.autocast(GPU.type, dtype=torch.float16, enabled=scaled):
                    loss = model(x).square().mean()
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
        return model, watch and watch.report()

    plain, _ = loop(copy.deepcopy(start), False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hookcount.UncountedWarning)
        seen, report = loop(copy.deepcopy(start), True)
    for one, other in zip(plain.state_dict().values(), seen.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    assert report.optimizer.flops > 0
    assert report.step.uncounted == ()


def test_a_step_on_shapes_takes_no_memory():
    if GPU.type != "cuda":
        pytest.skip("of the memory of a GPU")
    model, x = built("resnet18").train(), torch.randn(8, 3, 224, 224, device=GPU)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    report = Training(optimizer=torch.optim.AdamW).count(model, x)
    assert report.run == "shapes"
    assert torch.cuda.max_memory_allocated() == before
    assert all(each.grad is None for each in model.parameters())


def test_a_real_step_leaves_the_model_as_it_was():
    model, x = layers(), torch.randn(2, 3, 8, 8, device=GPU)
    before = copy.deepcopy(model.state_dict())
    state = torch.cuda.get_rng_state() if GPU.type == "cuda" else torch.get_rng_state()
    Training(optimizer=torch.optim.AdamW, counter=Counter(run="real")).count(model, x)
    after = torch.cuda.get_rng_state() if GPU.type == "cuda" else torch.get_rng_state()
    assert torch.equal(state, after)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "t5", "vit"])
@pytest.mark.parametrize("kind", ["full", "frozen", "checkpoint"])
def test_transformers(name, kind):
    pytest.importorskip("transformers")
    from training.text import inputs, made

    model = made(name, kind).to(GPU)
    args = {key: value.to(GPU) for key, value in inputs(name).items()}
    no_outside(same_step(model, **args))
