"""``benchmarks/training/``: hand products of Llama-3.1-405B, and the formulas of the oracle."""

import pytest
import torch
from torch import nn
from training.language import KINDS, LLAMA, counted
from training.oracle import first_states, oracle

import hookcount
from hookcount import Training


@pytest.mark.zoo
@pytest.mark.parametrize("kind", KINDS)
def test_llama_405b_equals_hand_products(kind):
    pytest.importorskip("transformers")
    report = counted(kind, LLAMA)
    assert report.run == "shapes"
    found = report.macs, report.backward.macs, report.recompute.macs
    assert found == (LLAMA.forward, LLAMA.backward, LLAMA.recompute(kind))
    assert report.step.uncounted == ()


def test_the_oracle_counts_grouped_convolutions():
    model = nn.Conv2d(8, 8, 3, groups=4, device="meta")
    x = torch.zeros(2, 8, 10, 10, device="meta", requires_grad=True)
    product = 2 * 8 * 8 * 8 * (8 // 4) * 3 * 3  # images, pixels, channels, and the filter of each
    assert oracle(model, x) == 3 * product


def test_the_first_state_of_an_lstm():
    model = nn.LSTM(8, 4, num_layers=2, bidirectional=True).to("meta")
    x = torch.zeros(5, 3, 8, device="meta")
    counter = hookcount.Counter(run="shapes")
    report = Training(loss=lambda out: out[0].sum(), counter=counter).count(model, x)
    assert first_states(report) == 2 * 2 * 3 * 4 * 4 * 4  # layers, directions, batch, 4 H x H
