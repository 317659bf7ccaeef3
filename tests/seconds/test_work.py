"""The work of a training step in a loop: exact, or an estimate that says why."""

import threading
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import hookcount
from hookcount import Counter, Meter, Training

X = torch.zeros(2, 8)


class Detached(nn.Module):
    """Keeps its loss to itself."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4, bias=False)

    def forward(self, x):
        return self.layer(x).detach()


class OfValues(nn.Module):
    """Takes as many rows as the values say, so that a count runs for real."""

    def __init__(self):
        super().__init__()
        self.norm, self.layer = nn.BatchNorm1d(8), nn.Linear(8, 4, bias=False)

    def forward(self, x):
        rows = x.sum().item() // 8
        return self.layer(nn.functional.dropout(self.norm(x)))[: int(rows)]


class LoRA(nn.Module):
    """A frozen layer of 8 x 16 with an adapter of rank 2."""

    def __init__(self):
        super().__init__()
        self.base = nn.Linear(8, 16, bias=False).requires_grad_(False)
        self.down, self.up = nn.Linear(8, 2, bias=False), nn.Linear(2, 16, bias=False)

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def linear(*sizes):
    return nn.Sequential(*(nn.Linear(*each, bias=False) for each in pairwise(sizes)))


def frozen(*places):
    model = linear(8, 16, 4)
    for place in places:
        model[place].requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("model", "macs"),
    [
        # a product for the output, one for the gradient of a weight, one for that of an input
        (linear(8, 16, 4), 2 * (2 * 8 * 16 + 3 * 16 * 4)),
        (frozen(0), 2 * (8 * 16 + 2 * 16 * 4)),
        (frozen(1), 2 * (2 * 8 * 16 + 2 * 16 * 4)),
        (frozen(0, 1), 2 * (8 * 16 + 16 * 4)),
        (LoRA(), 2 * (8 * 16 + 2 * 8 * 2 + 3 * 2 * 16)),
        (nn.DataParallel(linear(8, 4)), 2 * 2 * 8 * 4),
    ],
    ids=["all", "first frozen", "second frozen", "frozen", "LoRA", "wrapped"],
)
def test_the_macs_of_a_step_are_exact(model, macs):
    meter = Meter(model, training=True)
    assert meter.update(1.0, X).macs == macs
    assert not meter.last.estimated


def test_a_frozen_model_whose_input_requires_grad():
    step = Meter(frozen(0, 1), training=True).update(1.0, X.clone().requires_grad_())
    assert step.macs == 2 * 2 * (8 * 16 + 16 * 4)


def test_what_is_trained_may_change_on_the_way():
    model = frozen(0)
    meter = Meter(model)
    before = meter.update(1.0, X).macs
    model.requires_grad_(True)
    # the gradient of the first weight, and that of the second layer's input
    assert meter.update(1.0, X).macs == before + 2 * (8 * 16 + 16 * 4)
    with torch.no_grad():
        assert meter.update(1.0, X).macs == 2 * (8 * 16 + 16 * 4)
    model.requires_grad_(True).eval()
    assert meter.update(1.0, X).macs == 2 * (8 * 16 + 16 * 4)


def test_a_step_that_cannot_be_counted_is_an_estimate_that_says_why():
    meter = Meter(Detached())
    with pytest.warns(hookcount.UncountedWarning, match="requires grad") as warned:
        step = meter.update(1.0, X)
    assert (step.macs, step.estimated) == (3 * 2 * 8 * 4, True)
    assert "estimated as forward x 3" in str(step)
    assert "requires grad" in meter.why_estimated
    assert "To fix it" in str(warned[0].message)
    meter.update(1.0, torch.zeros(3, 8))  # without another warning, which would be an error here
    assert meter.total.macs == 3 * (2 + 3) * 8 * 4


def test_the_loss_and_the_passes_are_those_of_a_training():
    training = Training(lambda out: out[0].sum(), torch.optim.AdamW, steps=2)
    meter = Meter(linear(8, 4), training=training)
    assert meter.update(1.0, X).macs == 2 * 2 * 2 * 8 * 4  # the optimizer is not in the figures
    assert meter.last.flops == 2 * (2 * 2 * 2 * 8 * 4 + 3)  # out[0].sum() adds four numbers


def test_an_error_of_a_given_training_is_raised():
    meter = Meter(linear(8, 4), training=Training(lambda out: out))
    with pytest.raises(hookcount.InputError, match="the loss is a tensor"):
        meter.update(1.0, X)
    with pytest.raises(ValueError, match="mine"):
        Meter(linear(8, 4), training=Training(_raise)).update(1.0, X)


def _raise(out):
    raise ValueError("mine")


def test_the_error_of_a_model_is_raised():
    model = linear(8, 4)
    model[0].register_forward_hook(lambda module, args, out: _raise(out))
    meter = Meter(model)
    with pytest.raises(ValueError, match="mine"):
        meter.update(1.0, X)
    assert meter.why_estimated == ""


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_in_a_mode_without_gradients(mode):
    model = linear(8, 4)
    with mode():
        assert Meter(model, training=True).update(1.0, torch.zeros(2, 8)).macs == 2 * 2 * 8 * 4
        assert Meter(model).update(1.0, torch.zeros(2, 8)).macs == 2 * 8 * 4


@pytest.mark.parametrize("run", ["auto", "real"])
def test_the_state_of_the_training_is_as_without_a_meter(run):
    model, x = OfValues(), torch.ones(4, 8)
    optimizer = torch.optim.Adam(model.parameters())
    model(x).sum().backward()
    optimizer.step()
    model(x).sum().backward()  # gradients that the loop is adding up
    tensors = [*model.state_dict().values(), *(each.grad for each in model.parameters())]
    before = [each.clone() for each in tensors]
    random = torch.get_rng_state()
    meter = Meter(model, counter=Counter(run=run))
    meter.update(1.0, x)
    after = [*model.state_dict().values(), *(each.grad for each in model.parameters())]
    assert not meter.last.estimated
    assert meter.last.macs == 3 * 4 * 8 * 4  # the norm before has parameters
    assert all(map(torch.equal, before, after))
    assert all(one is two for one, two in zip(tensors[-3:], after[-3:], strict=True))
    assert torch.equal(random, torch.get_rng_state())


def test_several_forwards_of_one_step_in_bfloat16():
    model = linear(8, 4)
    meter = Meter(model)
    with torch.autocast("cpu", torch.bfloat16):
        step = meter.record(1.0, [((torch.zeros(rows, 8),), {}) for rows in (2, 3, 2)])
    assert (step.macs, step.estimated) == ((2 + 3 + 2) * 2 * 8 * 4, False)


def test_a_loop_in_each_of_eight_threads():
    totals, errors = {}, []

    def loop(width):
        try:
            model = linear(8, width, 4)
            meter = Meter(model)
            for rows in (1, 2, 3, 1, 2, 3):
                x = torch.zeros(rows, 8)
                with meter.step(x):
                    model(x).sum().backward()
            totals[width] = meter.total.macs
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=loop, args=(8 + i,)) for i in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert errors == []
    assert totals == {w: 12 * (2 * 8 * w + 3 * w * 4) for w in range(8, 16)}


def test_the_scores_of_a_fused_attention_are_computed_again():
    """Two products in the forward, four for the gradients, and the scores once more."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v = (nn.Parameter(torch.zeros(1, 2, 32, 8)) for _ in range(3))

        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(self.q, self.k, self.v)

    product = 2 * 32 * 32 * 8
    fused = Meter(Attention()).update(1.0, X)
    assert (fused.macs, fused.recomputed_macs) == (6 * product, product)
    with sdpa_kernel(SDPBackend.MATH):
        plain = Meter(Attention()).update(1.0, X)
    assert (plain.macs, plain.recomputed_macs) == (6 * product, 0)
