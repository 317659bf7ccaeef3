"""A training step under autocast: products written out, and shapes against real runs."""

import contextlib
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Counter, Training
from hookcount.core.ops import flops
from hookcount.core.release import RELEASE

LOWER = torch.bfloat16
PHASES = ("step", "backward", "recompute", "optimizer")


def autocast(**options):
    return torch.autocast("cpu", **{"dtype": LOWER, **options})


class Casts(nn.Module):
    """A model in an autocast of its own."""

    def __init__(self, inner, **options):
        super().__init__()
        self.inner, self.options = inner, options

    def forward(self, *args):
        with autocast(**self.options):
            return self.inner(*args)


class Nested(nn.Module):
    """Autocast off for the layer in the middle."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = (nn.Linear(8, 8) for _ in "abc")

    def forward(self, x):
        with autocast():
            x = self.a(x)
            with torch.autocast("cpu", enabled=False):
                x = self.b(x.float())
            return self.c(x)


class Decorated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    @torch.autocast("cpu", dtype=LOWER)
    def part(self, x):
        return self.a(x)

    def forward(self, x):
        return self.b(self.part(x).float())


class Tied(nn.Module):
    """A layer used twice, and a head that has the weight of the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(10, 8), nn.Linear(8, 8)
        self.head = nn.Linear(8, 10, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        with autocast():
            return self.head(self.layer(self.layer(self.embedding(ids))))


class AsItIs(torch.autograd.Function):
    """A product in the precision of its caller."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        return grad @ weight.t(), x.t() @ grad


class InSingle(AsItIs):
    """A product in single precision."""

    forward = staticmethod(
        torch.amp.custom_fwd(
            AsItIs.forward.__wrapped__, device_type="cpu", cast_inputs=torch.float32
        )
    )


class Custom(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.layer, self.weight = nn.Linear(8, 8), nn.Parameter(torch.rand(8, 8))
        self.function = function

    def forward(self, x):
        with autocast():
            return self.function.apply(self.layer(x), self.weight)


class Checkpointed(nn.Module):
    def __init__(self, reentrant, inside):
        super().__init__()
        self.first, self.inner = nn.Linear(8, 8), mlp()
        self.reentrant, self.inside = reentrant, inside

    def again(self, x):
        with autocast() if self.inside else contextlib.nullcontext():
            return self.inner(x)

    def forward(self, x):
        x = self.first(x)
        with contextlib.nullcontext() if self.inside else autocast():
            return checkpoint(self.again, x, use_reentrant=self.reentrant)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.qkv(x).view(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)


class Mixed(nn.Module):
    """Ops of each policy, with a constant among them."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(8, 8))

    def forward(self, x):
        with autocast():
            y = x @ self.weight
            parts = torch.einsum("...a,ab->...b", x, self.weight), torch.cat([x, y])
            norms = torch.fft.rfft(y).abs(), torch.cdist(y[None], y[None]), y.prod(-1)
            return *parts, *norms, F.huber_loss(y, x), torch.mm(torch.ones(8, 8), self.weight)


def mlp():
    return nn.Sequential(
        nn.Linear(8, 16), nn.GELU(), nn.LayerNorm(16), nn.Linear(16, 8), nn.Softmax(-1)
    )


def convolutions():
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4, padding="same"),
        nn.ConvTranspose2d(4, 2, 3),
        nn.PReLU(),
    )


X, IMAGE, SEQUENCE = torch.rand(4, 8), torch.rand(2, 3, 9, 9), torch.rand(2, 5, 8)
IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])
MODELS = {
    "layers": (lambda: Casts(mlp()), X),
    "float16": (lambda: Casts(mlp(), dtype=torch.float16), X),
    "without a cache": (lambda: Casts(mlp(), cache_enabled=False), X),
    "with a cache": (lambda: Casts(Tied(), cache_enabled=True), IDS),
    "nested": (Nested, X),
    "decorated": (Decorated, X),
    "tied": (Tied, IDS),
    "custom": (lambda: Custom(AsItIs), X),
    "custom in single precision": (lambda: Custom(InSingle), X),
    "convolutions": (lambda: Casts(convolutions()), IMAGE),
    "attention": (lambda: Casts(Attends()), SEQUENCE),
    "encoder": (
        lambda: Casts(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)),
        SEQUENCE,
    ),
    "lstm": (lambda: Casts(nn.LSTM(8, 5, num_layers=2, bidirectional=True)), SEQUENCE),
    "long lstm": (lambda: Casts(nn.LSTM(8, 5)), torch.rand(60, 2, 8)),
    "projected lstm": (lambda: Casts(nn.LSTM(8, 5, proj_size=3)), SEQUENCE),
    "gru": (lambda: Casts(nn.GRU(8, 5)), SEQUENCE),
    "cell": (lambda: Casts(nn.LSTMCell(8, 5)), X),
    "mixed": (Mixed, X),
    **{
        f"checkpoint {reentrant} {inside}": (
            lambda reentrant=reentrant, inside=inside: Checkpointed(reentrant, inside),
            X,
        )
        for reentrant in (True, False)
        for inside in (True, False)
    },
}


def training(run, **options):
    return Training(optimizer=torch.optim.AdamW, counter=Counter(run=run), **options)


def rows(report):
    return [getattr(report, phase).to_dataframe().to_csv() for phase in PHASES]


def calls(report):
    """The op calls of all phases, with their shapes and dtypes."""
    found = [(run.path, run.phase, op) for run in report.step.priced.trace.runs for op in run.ops]
    return sorted(
        f"{path} {phase} {op.call.target} {op.call.args} {op.call.out} {op.times}"
        for path, phase, op in found
        if "mkldnn" not in str(op.call.target)  # it makes memory of its own, which nobody sees
    )


def on_meta(model):
    """The model with meta tensors. Ties stay ties."""
    made, known = copy.deepcopy(model), {}
    for module in made.modules():
        for held in (module._parameters, module._buffers):
            for name, each in held.items():
                if each is not None and each.is_floating_point():
                    held[name] = known.setdefault(each, each.to("meta"))
        for name, each in module._parameters.items():
            if each is not None:
                module._parameters[name] = known.setdefault((each,), nn.Parameter(each))
        if isinstance(module, nn.RNNBase):
            module._init_flat_weights()
    return made


@pytest.mark.parametrize("name", MODELS)
def test_the_rows_of_a_real_run(name):
    make, x = MODELS[name]
    model = make()
    shapes, real = training("shapes").count(model, x), training("real").count(model, x)
    assert rows(shapes) == rows(real)
    assert real.backward.macs > 0 or name == "mixed"
    if name not in ("projected lstm", "gru", "with a cache") and RELEASE >= (2, 14):
        assert calls(shapes) == calls(real)
    meta = x.to("meta") if x.is_floating_point() else x
    assert rows(training("shapes").count(on_meta(model), meta)) == rows(real)


@pytest.mark.parametrize("make", [mlp, convolutions, lambda: Custom(AsItIs), Attends])
def test_around_the_count(make):
    model = make()
    x = next(x for x, of in ((IMAGE, "Conv2d"), (SEQUENCE, "qkv"), (X, "")) if of in repr(model))
    with autocast():
        shapes, real = training("shapes").count(model, x), training("real").count(model, x)
        meta = training("shapes").count(on_meta(model), x.to("meta"))
    assert rows(shapes) == rows(real) == rows(meta)
    assert LOWER in {each.dtype for each in lower_ones(shapes)}
    assert not lower_ones(training("shapes").count(model, x)) or isinstance(model, Custom)


def lower_ones(report):
    found = [op.call.out for run in report.step.priced.trace.runs for op in run.ops]
    return [each for each in found if getattr(each, "dtype", None) is LOWER]


def test_products_of_a_layer():
    """A cast costs nothing: the gradients of weight and input are products as without one."""
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 8))
    report = training("shapes").count(on_meta(Casts(model)), X.to("meta"))
    assert report.macs == 4 * 8 * 16 * 2
    assert report.backward.macs == 4 * 8 * 16 * 3  # the input needs no gradient
    assert flops(report.optimizer.total) == (8 * 16 * 2 + 24) * 14 + 4  # each counts its steps


def test_a_loss_outside_of_autocast():
    def loss(out):
        return F.mse_loss(out.float(), torch.zeros(4, 8))

    model = Casts(mlp()[:-1])
    shapes, real = (training(run, loss=loss).count(model, X) for run in ("shapes", "real"))
    assert rows(shapes) == rows(real)


def test_a_loop_with_a_loss_scaler():
    """The scaler's work on gradients belongs to the optimizer, at the layer with the gradient."""
    model = Casts(mlp())
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu")
    with Training().watch(model) as watch:
        scaler.scale(model(X).float().sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    real, report = Training(counter=Counter(run="real")).count(model, X), watch.report()
    assert report.macs == real.macs
    assert report.backward.macs == real.backward.macs
    found = {node.path: flops(node.own) for node in report.optimizer.tree if flops(node.own)}
    sizes = {
        f"inner.{name}": sum(each.numel() for each in layer.parameters())
        for name, layer in model.inner.named_children()
        if list(layer.parameters())
    }
    assert found.keys() == sizes.keys()
    # each element: the scale taken off, and w - rate x gradient
    assert all(found[path] >= 3 * size for path, size in sizes.items())


def test_the_count_leaves_no_cast_behind():
    training("shapes").count(Casts(mlp()), X)
    a = torch.rand(2, 2, device="meta")
    assert (a @ a).dtype is torch.float32
    with autocast():
        assert (a @ a).dtype is torch.float32  # torch has no autocast for meta
        assert (torch.rand(2, 2) @ torch.rand(2, 2)).dtype is LOWER


def test_auto_does_not_fall_back():
    report = Training(counter=hookcount.Counter()).count(Casts(mlp()), X)
    assert report.run == "shapes"
