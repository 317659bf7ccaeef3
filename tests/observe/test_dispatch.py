"""A composite op is opened as torch itself opens it, in every grad mode."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import hookcount
from hookcount.rules.registry import target_name

pytestmark = pytest.mark.filterwarnings("ignore::hookcount.UncountedWarning")
GRAD_MODES = [torch.no_grad, torch.inference_mode, torch.enable_grad]
IMAGE = (1, 2, 4, 4)


class Function(nn.Module):
    """A function as a model."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Seen(TorchDispatchMode):
    """Notes each op that torch runs."""

    def __init__(self):
        super().__init__()
        self.ops = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.ops[target_name(func)] += 1
        return func(*args, **(kwargs or {}))


def resized(mode, **more):
    return lambda x: F.interpolate(x, scale_factor=2, mode=mode, **more)


def there_and_back(x):
    window = torch.ones(4)
    return torch.istft(
        torch.stft(x.flatten(), 4, window=window, return_complex=True), 4, window=window
    )


FUNCTIONS = {
    "nearest": resized("nearest"),
    "nearest-exact": resized("nearest-exact"),
    "area": resized("area"),
    "bilinear": resized("bilinear"),
    "bilinear without aliases": resized("bilinear", antialias=True),
    "bicubic": resized("bicubic"),
    "linear": lambda x: resized("linear")(x[0]),
    "trilinear": lambda x: resized("trilinear")(x[None]),
    "istft": there_and_back,
    "dropout": lambda x: F.dropout(x, 0.5, True),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5),
    "a group norm": lambda x: F.group_norm(x, 2),
    "a root mean square": lambda x: F.rms_norm(x, (4,)),
    "a loss": lambda x: F.binary_cross_entropy_with_logits(x, x),
    "a product": lambda x: torch.einsum("abcd,efgd->abcefg", x, x),
    "a shuffle": lambda x: F.channel_shuffle(x, 2),
}


def recorded(report):
    """How often each op ran. Composite ops have no module formula to hide them here."""
    ops = Counter()
    for run in report.priced.trace.runs:
        for each in run.ops:
            ops[target_name(each.call.target)] += each.times
    return ops


@pytest.mark.parametrize("grad_mode", GRAD_MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_ops_are_those_that_torch_runs(name, grad_mode):
    function, x = FUNCTIONS[name], torch.rand(IMAGE)
    with Seen() as seen, torch.no_grad():
        function(x)
    with grad_mode():
        found = hookcount.Counter(run="real").count(Function(function), x)
    assert recorded(found) == seen.ops


@pytest.mark.parametrize("grad_mode", GRAD_MODES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_grad_mode_counts_alike(name, grad_mode):
    model, x = Function(FUNCTIONS[name]), torch.rand(IMAGE)
    with torch.no_grad():
        usual = hookcount.count(model, x)
    with grad_mode():
        found = hookcount.count(model, x)
    assert found.records == usual.records


@pytest.mark.parametrize("run", ["auto", "real"])
@pytest.mark.parametrize(("mode", "taps"), [("nearest", 1), ("bilinear", 4), ("bicubic", 16)])
def test_resizing_in_inference_mode(mode, taps, run):
    """Each of the outputs is a weighted sum of so many pixels."""
    with torch.inference_mode():
        report = hookcount.Counter(run=run).count(Function(resized(mode)), torch.rand(IMAGE))
    outputs = 2 * 8 * 8
    assert report.flops == (0 if taps == 1 else outputs * (taps + taps - 1))


@pytest.mark.parametrize("op", ["silu", "mish"])
def test_a_composite_op_with_a_kernel_of_its_own(op):
    def derivative(x):
        x = x.detach().requires_grad_()
        return torch.autograd.grad(getattr(F, op)(x).sum(), x)[0]

    x = torch.rand(IMAGE)
    with Seen() as seen:
        derivative(x)
    report = hookcount.Counter(run="real").count(Function(derivative), x)
    assert seen.ops[f"aten::{op}_backward.default"] == 1
    assert recorded(report) == seen.ops
