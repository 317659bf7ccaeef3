"""The hooks of ptflops and ultralytics-thop, given for modules of the user's own.

They are held against products written out, and against the tools' own hooks where these are there.
"""

import importlib
from functools import partial

import pytest
import torch
from helpers import apart
from torch import nn

from hookcount.compat.ptflops import get_model_complexity_info, pytorch_ops
from hookcount.compat.ultralytics_thop import profile, rnn_hooks
from hookcount.compat.ultralytics_thop.vision import basic_hooks


class RMSNorm(nn.Module):
    """A norm of the user's own, without the attributes of torch's."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x * self.weight


class OwnConv(nn.Conv2d):
    pass


class OwnTransposed(nn.ConvTranspose2d):
    pass


class OwnLinear(nn.Linear):
    pass


class OwnLSTM(nn.LSTM):
    pass


class Product(nn.Module):
    """A product of functions: 3 x 4 with 4 x 4."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4, 4))

    def forward(self, x):
        return x @ self.weight


IMAGE, ROWS, STEPS = torch.zeros(1, 3, 8, 8), torch.zeros(1, 5, 4), torch.zeros(1, 7, 4)

PTFLOPS = [
    (OwnConv(3, 4, 3), IMAGE, "conv_flops_counter_hook", 36 * 4 * 27 + 36 * 4),
    (OwnLinear(4, 6), ROWS, "linear_flops_counter_hook", 5 * (4 * 6 + 6)),
    (RMSNorm(), ROWS, "bn_flops_counter_hook", 5 * 4),
    (RMSNorm(), ROWS, "relu_flops_counter_hook", 5 * 4),
    (OwnConv(3, 4, 3), IMAGE, "pool_flops_counter_hook", 3 * 8 * 8),
    (OwnConv(3, 4, 3), IMAGE, "upsample_flops_counter_hook", 4 * 36),
    (OwnConv(3, 4, 3), IMAGE, "empty_flops_counter_hook", 0),
    # 4 gates of 5 x 4 and 5 x 5 with two biases, and 10 per unit, at each of 7 steps
    (
        OwnLSTM(4, 5, batch_first=True),
        STEPS,
        "rnn_flops_counter_hook",
        7 * (20 * 4 + 20 * 5 + 40 + 50),
    ),
]
"""A module, its input, a hook of ptflops, and what that counts."""


def counted_by_ptflops(model, x, hook):
    return get_model_complexity_info(
        nn.Sequential(model),
        tuple(x.shape[1:]),
        as_strings=False,
        print_per_layer_stat=False,
        custom_modules_hooks={type(model): hook},
        backend_specific_config={"count_functional": False},
    )[0]


@pytest.mark.parametrize(("model", "x", "name", "expected"), PTFLOPS)
def test_hooks_of_ptflops(model, x, name, expected):
    assert counted_by_ptflops(model, x, getattr(pytorch_ops, name)) == expected


def test_a_transposed_convolution_of_the_users_own():
    """4 channels of 8 x 8 to 2 channels, by a 2 x 2 window; the bias is per output."""
    model, x = OwnTransposed(4, 2, 2, 2), torch.zeros(1, 4, 8, 8)
    hook = partial(pytorch_ops.conv_flops_counter_hook, transpose=True)
    assert counted_by_ptflops(model, x, hook) == 64 * 4 * 4 * 2 + 2 * 16 * 16


def test_a_hook_adds_to_what_is_there():
    model = OwnLinear(4, 6)
    model.__flops__ = 100
    pytorch_ops.linear_flops_counter_hook(model, (ROWS,), model(ROWS))
    assert model.__flops__ == 100 + 5 * (4 * 6 + 6)


@pytest.mark.peers
def test_hooks_of_ptflops_count_as_the_tools_own():
    theirs = pytest.importorskip("ptflops.pytorch_ops")
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    tokens = (torch.zeros(2, 5, 8), torch.zeros(2, 6, 8), torch.zeros(2, 6, 8))
    cases = [(model, (x,), name) for model, x, name, _ in PTFLOPS]
    cases += [
        (nn.LSTMCell(4, 5), (torch.zeros(3, 4),), "rnn_cell_flops_counter_hook"),
        (attention, tokens, "multihead_attention_counter_hook"),
    ]
    for model, args, name in cases:
        out, found = model(*args), []
        for hooks in (pytorch_ops, theirs):
            model.__flops__ = 0
            getattr(hooks, name)(model, args, out)
            found.append(model.__flops__)
        assert found[0] == found[1], name


THOP = [
    (OwnConv(3, 4, 3), IMAGE, "count_convNd", 36 * 4 * 27),
    (OwnTransposed(3, 4, 3), IMAGE, "count_convtNd", 3 * 64 * 4 * 9),
    (OwnLinear(4, 6), ROWS, "count_linear", 5 * 4 * 6),
    (RMSNorm(), ROWS, "count_normalization", 2 * 5 * 4),
    (RMSNorm(), ROWS, "count_prelu", 5 * 4),
]
"""A module, its input, a hook of ultralytics-thop, and what that counts."""


@pytest.mark.parametrize(("model", "x", "name", "expected"), THOP)
def test_hooks_of_ultralytics_thop(model, x, name, expected):
    rules = {type(model): getattr(basic_hooks, name)}
    assert profile(model, inputs=(x,), custom_ops=rules, verbose=False)[0] == expected


def test_a_recurrent_layer_of_the_users_own():
    model = OwnLSTM(4, 5, batch_first=True)
    rules = {OwnLSTM: rnn_hooks.count_lstm}
    by_rule = profile(model, inputs=(STEPS,), custom_ops=rules, verbose=False)
    assert by_rule == profile(nn.LSTM(4, 5, batch_first=True), inputs=(STEPS,), verbose=False)


def test_with_zero_ops_the_functions_in_a_module_still_count():
    model, x = nn.Sequential(Product(), nn.Linear(4, 2)), torch.zeros(3, 4)
    rules = {Product: basic_hooks.zero_ops}
    assert profile(model, inputs=(x,), custom_ops=rules, verbose=False)[0] == 48 + 24


def _ask_ultralytics_thop():
    import thop

    hooks = importlib.import_module("thop.vision.basic_hooks")
    for model, x, name, expected in THOP:
        rules = {type(model): getattr(hooks, name)}
        assert thop.profile(model, inputs=(x,), custom_ops=rules, verbose=False)[0] == expected
    model, x = nn.Sequential(Product(), nn.Linear(4, 2)), torch.zeros(3, 4)
    rules = {Product: hooks.zero_ops}
    assert thop.profile(model, inputs=(x,), custom_ops=rules, verbose=False)[0] == 48 + 24


@pytest.mark.peers
def test_hooks_of_ultralytics_thop_count_as_the_tools_own():
    apart.ask("ultralytics-thop", __file__, _ask_ultralytics_thop)
