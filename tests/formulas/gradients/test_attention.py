"""Gradients of attention: the derivation as ops, which autograd checks, and torch's own counter."""

import pytest
import torch
from helpers.against_ops import by_ops
from helpers.asked import ask, bound, call_of, overloads
from torch import Size, nn
from torch.nn import functional as F
from torch.utils.flop_counter import sdpa_backward_flop_count

from hookcount import Ops
from hookcount.formulas import BUILTIN
from hookcount.formulas.gradients import attention as attention_backward

Q, K, V = Size((2, 6, 3, 8)), Size((2, 2, 5, 8)), Size((2, 2, 5, 4))


def test_backward_is_five_products():
    grad, nothing = Size((2, 6, 3, 4)), (None,) * 2
    found = ask(
        attention_backward.flash_attention_for_cpu_backward,
        grad,
        Q,
        K,
        V,
        *nothing,
        0.0,
        False,
        out=None,
    )
    assert found.macs == 2 * 6 * 3 * 5 * (3 * 8 + 2 * 4)
    masked = ask(
        attention_backward.efficient_attention_backward, grad, Q, K, V, Size((3, 5)), out=None
    )
    assert masked == found + Ops(adds=2 * 6 * 3 * 5)
    swapped = [Size((s[0], s[2], s[1], s[3])) for s in (grad, Q, K, V)]
    flash = attention_backward.flash_attention_backward_by_positions
    assert (
        ask(flash, *swapped, *nothing, None, None, 3, 5, 0.0, False, None, None, out=None) == found
    )
    packed = [Size((s[0] * s[1], *s[2:])) for s in swapped]
    assert (
        ask(
            flash, *packed, *nothing, Size((3,)), Size((3,)), 3, 5, 0.0, False, None, None, out=None
        ).macs
        == found.macs
    )


class Gradients(nn.Module):
    """dq, dk, dv of attention, as a fused kernel works them out: the scores are made again."""

    def forward(self, grad, query, key, value, out, logsumexp, mask=None):
        root = query.shape[-1] ** -0.25
        query, key = query * root, key * root
        scores = query @ key.mT
        if mask is not None:
            scores = scores + mask
        weights = torch.exp(scores - logsumexp)
        delta = (grad * out).sum(-1, keepdim=True)
        scores_grad = weights * (grad @ value.mT - delta)
        return scores_grad @ key * root, scores_grad.mT @ query * root, weights.mT @ grad


@pytest.mark.parametrize("masked", [False, True])
def test_costs_of_the_derivation_which_gives_the_gradients_of_autograd(masked):
    query, key, value, grad = (torch.rand(2, 3, *each) for each in ((4, 8), (5, 8), (5, 6), (4, 6)))
    mask = torch.rand(4, 5) if masked else None
    given = [each.requires_grad_() for each in (query, key, value)]
    out = F.scaled_dot_product_attention(*given, attn_mask=mask)
    expected = torch.autograd.grad(out, given, grad)
    with torch.no_grad():
        scores = query @ key.mT * 8**-0.5 + (0 if mask is None else mask)
        args = grad, *given, out, scores.logsumexp(-1, keepdim=True), *([mask] if masked else [])
        torch.testing.assert_close(Gradients()(*args), expected)
        ops = by_ops(Gradients(), *args)
    found = attention_backward.attention_backward(2, 3, 4, 5, 8, 6, masked=masked)
    assert found == ops


def test_products_are_those_of_torchs_own_counter():
    query, key, value, grad = (Size((2, 3, *each)) for each in ((4, 8), (5, 8), (5, 6), (4, 6)))
    found = attention_backward.attention_backward(2, 3, 4, 5, 8, 6, masked=False)
    assert 2 * found.macs == sdpa_backward_flop_count(grad, query, key, value)


GRAD = Size((2, 6, 3, 4))
SAVED = GRAD, Size((2, 6, 3))
BOUNDS = Size((3,))
MASK = Size((3, 5))
SEED = Size(()), Size(())
CALLS = {
    "_scaled_dot_product_flash_attention_backward": (
        (GRAD, Q, K, V, *SAVED, None, None, 3, 5, 0.0, False, *SEED),
        (GRAD, Q, K, V, *SAVED, None, None, 3, 5, 0.0, True, *SEED),
    ),
    "_scaled_dot_product_flash_attention_for_cpu_backward": (
        (GRAD, Q, K, V, *SAVED, 0.0, False),
        (GRAD, Q, K, V, *SAVED, 0.0, True),
    ),
    "_scaled_dot_product_efficient_attention_backward": (
        (GRAD, Q, K, V, None, *SAVED, *SEED, 0.0, (True,) * 4, False),
        (GRAD, Q, K, V, MASK, *SAVED, *SEED, 0.0, (True,) * 4, False),
    ),
    "_scaled_dot_product_fused_attention_overrideable_backward": (
        (GRAD, Q, K, V, None, (True,) * 4, *SAVED, None, None, 3, 5, 0.0, False, *SEED),
        (GRAD, Q, K, V, MASK, (True,) * 4, *SAVED, None, None, 3, 5, 0.0, False, *SEED),
    ),
    "_scaled_dot_product_cudnn_attention_backward": (
        (GRAD, Q, K, V, *SAVED, *SEED, None, None, None, 3, 5, 0.0, False),
        (GRAD, Q, K, V, *SAVED, *SEED, MASK, None, None, 3, 5, 0.0, False),
    ),
}


@pytest.mark.parametrize("op", CALLS)
def test_each_backend_costs_the_same(op):
    plain, masked = CALLS[op]
    sizes = 2, 6, 3, 5, 8, 4
    expected = attention_backward.attention_backward(*sizes, masked=False)
    assert ask(f"aten::{op}", *plain) == expected
    assert ask(f"aten::{op}", *masked) == expected + Ops(adds=2 * 6 * 3 * 5)


def repeated(op, *args):
    """The part of an op's price that the forward had: its scores."""
    entry = BUILTIN.get(f"aten::{op}").again
    calls = [call_of(each, args, {}, None) for each in overloads(f"aten::{op}")]
    given, named = bound(entry.price, calls)
    assert entry.again is None
    return entry.price(*given, **named)


@pytest.mark.parametrize("op", CALLS)
def test_each_backend_repeats_the_product_of_the_scores(op):
    for args in CALLS[op]:
        assert repeated(op, *args) == Ops(macs=2 * 6 * 3 * 5 * 8)


@pytest.mark.parametrize("packed", [False, True])
def test_the_scores_by_positions(packed):
    """[B, L, H, E], or packed: then the longest sequence of keys counts for each query."""
    batch, keys = ((), 2 * 5) if packed else ((2,), 5)
    grad, q = Size((*batch, 6 if packed else 3, 6, 4)), Size((*batch, 6 if packed else 3, 6, 8))
    k, v = Size((*batch, keys, 6, 8)), Size((*batch, keys, 6, 4))
    bounds = [BOUNDS, BOUNDS] if packed else [None, None]
    flash = grad, q, k, v, grad, SAVED[1], *bounds, 3, 5, 0.0, False, *SEED
    assert repeated("_flash_attention_backward", *flash) == Ops(macs=2 * 6 * 3 * 5 * 8)
    if packed:
        grad, q, k, v = (Size((1, *each)) for each in (grad, q, k, v))
    efficient = grad, q, k, v, None, grad, *bounds, 3, 5, SAVED[1], 0.0, *SEED, 0, False
    assert repeated("_efficient_attention_backward", *efficient) == Ops(macs=2 * 6 * 3 * 5 * 8)


def test_every_fused_attention_says_what_it_repeats():
    names = [
        name for name in BUILTIN if "attention" in name and name.rstrip("_").endswith("backward")
    ]
    assert len(names) >= 8
    assert [name for name in names if BUILTIN.get(name).repeats is None] == []


def test_a_mask_of_the_cpus_op_is_an_add_per_score():
    args = GRAD, Q, K, V, *SAVED, 0.0, False
    op = "aten::_scaled_dot_product_flash_attention_for_cpu_backward"
    assert ask(op, *args, attn_mask=MASK) == ask(op, *args) + Ops(adds=2 * 6 * 3 * 5)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mask_type", [0, 1])
def test_efficient_attention_by_positions(packed, mask_type):
    """[B, L, H, E]; packed, the batch is 1 and the bounds say where sequences begin."""
    first = (1, 2 * 3) if packed else (2, 3)
    second = (1, 2 * 5) if packed else (2, 5)
    tensors = [Size((*first, 6, 4)), Size((*first, 6, 8)), Size((*second, 6, 8))]
    bounds = [BOUNDS, BOUNDS] if packed else [None, None]
    found = ask(
        "aten::_efficient_attention_backward",
        *tensors,
        Size((*second, 6, 4)),
        None,
        tensors[0],
        *bounds,
        3,
        5,
        SAVED[1],
        0.0,
        *SEED,
        mask_type,
        False,
    )
    expected = attention_backward.attention_backward(2, 6, 3, 5, 8, 4, masked=mask_type != 0)
    assert found.macs == expected.macs
    assert found.adds == expected.adds
    assert found.specials == expected.specials
