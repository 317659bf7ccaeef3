"""Every module class of torch.nn that contracts, normalizes, pools, resamples, attends or recurs
has a price.
"""

import pytest
from torch import nn

from hookcount.formulas import BUILTIN
from hookcount.rules.registry import OBSERVED
from hookcount.rules.resolver import Resolver

FAMILIES = (
    "batchnorm",
    "conv",
    "fold",
    "instancenorm",
    "linear",
    "normalization",
    "pooling",
    "rnn",
    "transformer",
    "upsampling",
)
BASES = {"RNNBase", "RNNCellBase", "Identity"}
CLASSES = sorted(
    {
        each
        for family in FAMILIES
        for each in vars(getattr(nn.modules, family)).values()
        if isinstance(each, type)
        and issubclass(each, nn.Module)
        and each.__module__ == f"torch.nn.modules.{family}"
    }
    | {nn.MultiheadAttention},
    key=lambda cls: cls.__name__,
)


def test_the_walk_finds_them():
    assert {
        nn.Linear,
        nn.Conv2d,
        nn.LazyConv2d,
        nn.LSTM,
        nn.TransformerEncoderLayer,
        nn.RMSNorm,
    } <= set(CLASSES)
    assert len(CLASSES) > 80


@pytest.mark.parametrize(
    "cls",
    [cls for cls in CLASSES if not cls.__name__.startswith("_") and cls.__name__ not in BASES],
)
def test_class_is_priced_or_observed(cls):
    entry = Resolver(BUILTIN).module(object.__new__(cls))
    assert entry is not None
    assert entry.price is OBSERVED or callable(entry.price)
