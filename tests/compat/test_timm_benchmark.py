"""The calls of timm's ``benchmark.py``, with only the prefix of the imports replaced."""

import contextlib
import io
from itertools import chain

import pytest
import torch
from torch import nn

from hookcount.compat import deepspeed, fvcore

IMAGE = (3, 6, 6)


def profile_deepspeed(tool, model, size, batch=1, detailed=False):
    _, macs, _ = tool.get_model_profile(
        model=model,
        input_shape=(batch, *size),
        print_profile=detailed,
        detailed=detailed,
        warm_up=1,
        as_string=False,
        output_file=None,
        ignore_modules=None,
    )
    return macs, 0


def profile_fvcore(tool, model, size, batch=1, detailed=False):
    first = next(model.parameters())
    example = torch.ones((batch, *size), device=first.device, dtype=first.dtype)
    flops = tool.FlopCountAnalysis(model, example)
    activations = tool.ActivationCountAnalysis(model, example)
    if detailed:
        print(tool.flop_count_str(flops))
    return flops.total(), activations.total()


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 10)
    ).eval()


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("detailed", [False, True])
def test_fvcore(batch, detailed, capsys):
    """MACs and the norm; activations are outputs of convolutions and products."""
    found = profile_fvcore(fvcore, small(), IMAGE, batch, detailed)
    assert found == (batch * (128 * 27 + 2 * 128 + 1280), batch * (128 + 10))
    assert ("#params: 1.53K, #flops:" in capsys.readouterr().out) == detailed


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("detailed", [False, True])
def test_deepspeed(batch, detailed, capsys):
    found = profile_deepspeed(deepspeed, small(), IMAGE, batch, detailed)
    assert found == (batch * (128 * 27 + 1280), 0)
    assert ("Flops profile" in capsys.readouterr().out) == detailed


def test_half_precision():
    assert profile_fvcore(fvcore, small().bfloat16(), IMAGE)[1] == 128 + 10
    assert profile_deepspeed(deepspeed, small().bfloat16(), IMAGE) == (128 * 27 + 1280, 0)


def of_families():
    """A small model of every eighth family of timm."""
    timm = pytest.importorskip("timm")
    families = sorted(timm.list_modules())[::8]
    names = chain.from_iterable(timm.list_models(module=each)[:1] for each in families)
    return [timm.create_model(name).eval() for name in names]


@pytest.mark.peers
@pytest.mark.zoo
def test_models_of_timm_as_the_tools_count_them():
    theirs = pytest.importorskip("fvcore.nn")
    profiler = pytest.importorskip("deepspeed.profiling.flops_profiler")
    for model in of_families():
        size = model.default_cfg["input_size"]
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            assert profile_fvcore(fvcore, model, size) == profile_fvcore(theirs, model, size)
            mine = profile_deepspeed(deepspeed, model, size)
            assert mine == profile_deepspeed(profiler, model, size)
