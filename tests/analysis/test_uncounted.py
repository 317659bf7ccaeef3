"""Take any one formula away, and the report names exactly what it priced, and where; with all of
them, it names nothing.
"""

import contextlib
import warnings
from dataclasses import replace

import pytest
import torch
from helpers import blocks
from torch import nn

import hookcount
from hookcount.formulas import BUILTIN
from hookcount.pricing.price import charges
from hookcount.rules.resolver import Resolver


def detector():
    """The encoder and the query selection of a detection transformer."""

    class Detector(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.select = (
                blocks.HybridEncoder(16, 4, 24),
                blocks.QuerySelection(16, 7, 5),
            )

        def forward(self, large, small):
            return self.select(*self.encoder(large, small))

    return Detector(), (torch.rand(2, 16, 4, 6), torch.rand(2, 16, 2, 3))


def sequence():
    """Recurrence, a transformer layer in training, an embedding."""

    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(11, 8), nn.LSTM(8, 8, batch_first=True)
            self.layer, self.head = (
                nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
                nn.Linear(8, 11),
            )

        def forward(self, ids):
            return self.head(self.layer(self.rnn(self.embed(ids))[0])).log_softmax(-1)

    return Sequence().train(), (torch.zeros(2, 5, dtype=torch.int64),)


def classifier():
    """Windows that are rolled, functional attention."""
    models = pytest.importorskip("torchvision").models
    make = models.swin_transformer.SwinTransformer
    model = make(
        patch_size=[4, 4],
        embed_dim=16,
        depths=[2, 2],
        num_heads=[2, 4],
        window_size=[4, 4],
        num_classes=5,
    )
    return model.eval(), (torch.rand(1, 3, 32, 32),)


@contextlib.contextmanager
def without(name):
    entry = BUILTIN.get(name)
    BUILTIN.unregister(name)
    try:
        yield
    finally:
        BUILTIN.register(name, entry.price, covers=entry.covers, kind=entry.kind)


@pytest.mark.parametrize("make", [detector, sequence, classifier])
def test_a_formula_taken_away_is_named_with_its_places(make):
    model, inputs = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = hookcount.count(model, *inputs)
    assert report.uncounted == ()
    trace, priced = report.priced.trace, {}
    for charge in charges(trace, Resolver(BUILTIN), {}):
        if charge.by == "op" and charge.entry.layer == BUILTIN.name:
            priced.setdefault(charge.entry.target, {}).setdefault(charge.target, set()).add(
                charge.path
            )
    assert len(priced) >= 8
    for name, targets in priced.items():
        with without(name):
            missing = {
                each.target: set(each.paths)
                for each in replace(report.priced, registry=BUILTIN, prices={}).uncounted
            }
        assert missing == targets, name


@pytest.mark.parametrize("make", [detector, sequence, classifier])
def test_a_module_without_its_formula_is_priced_by_its_ops(make):
    model, inputs = make()
    report = hookcount.count(model, *inputs)
    found = {
        charge.entry.target
        for charge in charges(report.priced.trace, Resolver(BUILTIN), {})
        if charge.by == "module"
    }
    assert len(found) > 3
    for name in found:
        with without(name):
            other = replace(report.priced, registry=BUILTIN, prices={})
            other.sums  # noqa: B018 (priced while the formula is away)
        assert (other.uncounted, other.macs) == ((), report.macs), name


def test_a_real_count_warns_once_and_names_the_op():
    model, inputs = sequence()
    with (
        without("aten::_log_softmax"),
        pytest.warns(hookcount.UncountedWarning, match="aten::_log_softmax") as caught,
    ):
        report = hookcount.Counter(run="real").count(model, *inputs)
    assert len(caught) == 1
    assert [(each.target, each.paths) for each in report.uncounted] == [
        ("aten::_log_softmax", ("",))
    ]
