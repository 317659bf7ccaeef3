"""Calls that torch refuses: a run on shapes refuses them too. A real run is the oracle."""

import pytest
import torch
import torch.nn.functional as F
from helpers.functions import Fn
from torch import nn

import hookcount


def conv(weight=(4, 6, 3), **options):
    w, bias = torch.zeros(weight), options.pop("bias", None)
    held = None if bias is None else torch.zeros(bias)
    return Fn(lambda me, x: F.conv1d(x, w, held, **options))


def transposed(weight=(6, 4, 3), **options):
    w, bias = torch.zeros(weight), options.pop("bias", None)
    held = None if bias is None else torch.zeros(bias)
    return Fn(lambda me, x: F.conv_transpose1d(x, w, held, **options))


def fn(function, **options):
    return Fn(lambda me, x: function(x, **options))


REFUSED = {
    "channels": (nn.Conv1d(6, 4, 3), (2, 5, 9)),
    "channels of an image": (nn.Conv2d(6, 4, 3), (2, 5, 9, 9)),
    "channels of a volume": (nn.Conv3d(6, 4, 3), (2, 5, 9, 9, 9)),
    "channels in groups": (nn.Conv1d(6, 4, 3, groups=2), (2, 5, 9)),
    "channels, transposed": (nn.ConvTranspose1d(6, 4, 3), (6, 9, 9)),
    "channels of a sample, transposed": (nn.ConvTranspose1d(6, 4, 3), (9, 9)),
    "channels of an image, transposed": (nn.ConvTranspose2d(6, 4, 3), (2, 5, 9, 9)),
    "channels of a volume, transposed": (nn.ConvTranspose3d(6, 4, 3), (2, 5, 9, 9, 9)),
    "channels in groups, transposed": (nn.ConvTranspose1d(6, 4, 3, groups=2), (2, 4, 9)),
    "no channels, transposed": (nn.ConvTranspose1d(6, 4, 3), (2, 0, 9)),
    "axes": (nn.Conv2d(6, 4, 3), (2, 6)),
    "too many axes": (nn.ConvTranspose1d(6, 4, 3), (2, 6, 9, 9)),
    "kernel over the input": (nn.Conv1d(6, 4, 3), (2, 6, 2)),
    "kernel over the input after dilation": (nn.Conv1d(6, 4, 3, dilation=5), (2, 6, 9)),
    "empty axis": (nn.Conv1d(6, 4, 3, padding=2), (2, 6, 0)),
    "empty axis, transposed": (nn.ConvTranspose2d(6, 4, 3), (2, 6, 0, 9)),
    "no output, transposed": (nn.ConvTranspose1d(6, 4, 3, padding=3), (2, 6, 1)),
    "empty kernel": (conv((4, 6, 0)), (2, 6, 9)),
    "weight of other axes": (conv((4, 6)), (2, 6, 9)),
    "bias": (conv(bias=3), (2, 6, 9)),
    "bias, transposed": (transposed(bias=3), (2, 6, 9)),
    "groups": (conv((5, 3, 3), groups=2), (2, 6, 9)),
    "groups, transposed": (transposed(groups=4), (2, 6, 9)),
    "negative padding": (conv(padding=-1), (2, 6, 9)),
    "no stride": (conv(stride=0), (2, 6, 9)),
    "no dilation": (conv(dilation=0), (2, 6, 9)),
    "two strides": (conv(stride=(1, 2)), (2, 6, 9)),
    "output padding": (transposed(output_padding=1), (2, 6, 9)),
    "pool without channels": (nn.MaxPool2d(3), (2, 0, 9, 9)),
    "average without channels": (nn.AvgPool2d(3), (2, 0, 9, 9)),
    "pool over the input": (nn.MaxPool2d(3), (2, 6, 2, 2)),
    "pool with too much padding": (fn(F.max_pool2d, kernel_size=2, padding=2), (2, 6, 9, 9)),
    "pool with negative padding": (fn(F.max_pool2d, kernel_size=2, padding=-1), (2, 6, 9, 9)),
    "pool without dilation": (fn(F.max_pool2d, kernel_size=2, dilation=0), (2, 6, 9, 9)),
    "pool of an empty axis": (nn.AvgPool3d(3), (2, 6, 0, 9, 9)),
    "divisor": (fn(F.avg_pool2d, kernel_size=2, divisor_override=0), (2, 6, 9, 9)),
    "upsampling without channels": (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 0, 9, 9)),
    "upsampling an empty axis": (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 6, 0, 9)),
    "norm's weight": (fn(F.layer_norm, normalized_shape=(6,), weight=torch.ones(5)), (2, 6)),
    "axis of a roll": (fn(torch.roll, shifts=1, dims=3), (2, 6)),
}


@pytest.mark.parametrize("run", ["real", "shapes"])
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, run):
    model, shape = REFUSED[case]
    with pytest.raises((RuntimeError, IndexError, ValueError)) as caught:
        hookcount.Counter(run=run).count(model, torch.zeros(shape))
    assert not isinstance(caught.value, hookcount.DataNeededError)


TAKEN = {
    "empty batch": (nn.Conv1d(6, 4, 3), (0, 6, 9), (0, 4, 7)),
    "empty batch, transposed": (nn.ConvTranspose1d(6, 4, 3), (0, 6, 9), (0, 4, 11)),
    "empty batch of a pool": (nn.MaxPool2d(3), (0, 6, 9, 9), (0, 6, 3, 3)),
    "empty batch of an average": (nn.AvgPool2d(3), (0, 6, 9, 9), (0, 6, 3, 3)),
    "empty batch of an upsampling": (
        nn.Upsample(scale_factor=2, mode="bilinear"),
        (0, 6, 9, 9),
        (0, 6, 18, 18),
    ),
    "groups": (nn.ConvTranspose2d(6, 4, 3, groups=2, bias=True), (2, 6, 9, 9), (2, 4, 11, 11)),
    "output padding": (nn.ConvTranspose1d(6, 4, 3, 2, output_padding=1), (2, 6, 9), (2, 4, 20)),
    "one sample": (nn.ConvTranspose1d(6, 4, 3), (6, 9), (4, 11)),
    "roll of an empty batch": (fn(torch.roll, shifts=1, dims=3), (0, 6), (0, 6)),
}


@pytest.mark.parametrize("run", ["real", "shapes"])
@pytest.mark.parametrize("case", TAKEN)
def test_taken(case, run):
    model, shape, expected = TAKEN[case]
    report = hookcount.Counter(run=run).count(model, torch.zeros(shape))
    assert tuple(report.priced.trace.runs[0].call.out.shape) == expected
