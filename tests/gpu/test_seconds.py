"""Seconds on a GPU: its clock sees the kernels, its row is found, and what it does is below it."""

import statistics

import pytest
import torch
from gpu.equal import GPU
from gpu.test_forward import built
from torch import nn

import hookcount

pytestmark = pytest.mark.gpu

SIDE = 4096


@pytest.fixture
def product():
    """Four products of square matrices in one type."""
    dtype = torch.float16 if GPU.type == "cuda" else torch.float32
    side = SIDE if GPU.type == "cuda" else 256
    made = [nn.Linear(side, side, bias=False, device=GPU, dtype=dtype) for _ in range(4)]
    return nn.Sequential(*made), torch.randn(side, side, device=GPU, dtype=dtype)


def by_events(run, times):
    """Seconds of runs by the events of CUDA, each run by itself."""
    found = []
    for _ in range(times):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in "se")
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        found.append(start.elapsed_time(end) / 1e3)
    return statistics.median(found)


def test_the_seconds_are_those_of_events(product):
    if GPU.type != "cuda":
        pytest.skip("of the events of CUDA")
    model, x = product
    with torch.no_grad():
        timing = hookcount.Timer(min_seconds=0.3).measure(model, x)
        by_hand = by_events(lambda: model(x), 50)
    assert timing.seconds == pytest.approx(by_hand, rel=0.2)


def test_the_rows_share_the_seconds(product):
    model, x = product
    with torch.no_grad():
        timing = hookcount.Timer(min_seconds=0.3).measure(model, x)
    frame = timing.to_dataframe()
    assert frame["own_seconds"].sum() == pytest.approx(timing.seconds)
    own = frame.set_index("path")["own_seconds"]
    first, *others = [own[str(at)] for at in range(4)]
    assert max(others) < 1.2 * min(others)
    assert first < 2 * min(others)  # the GPU waits until the first kernel is started
    assert first + sum(others) > 0.8 * timing.seconds


def test_the_device_is_in_the_table():
    if GPU.type != "cuda":
        pytest.skip("of the name of a GPU")
    device = hookcount.Device.of(GPU)
    assert device.name.split()[0] in torch.cuda.get_device_name()
    reported = torch.cuda.get_device_properties(GPU).total_memory
    assert device.memory_bytes == pytest.approx(reported, rel=0.1)


def test_a_product_is_below_the_peak(product):
    model, x = product
    with torch.no_grad():
        timing = hookcount.Timer(min_seconds=0.3).measure(model, x)
        macs = hookcount.count(model, x).macs
    assert macs == 4 * x.shape[0] ** 3
    if GPU.type == "cuda":
        peak = hookcount.Device.of(GPU).peak(x.dtype)
        assert 0.2 < 2 * macs / timing.seconds / peak < 1.0


def test_a_measured_peak_is_near_that_of_the_table():
    if GPU.type != "cuda":
        pytest.skip("of the peak of a GPU")
    measured = hookcount.Device.calibrate(GPU, dtypes=["bf16", "fp16"], seconds=0.5)
    row = hookcount.Device.of(GPU)
    for dtype in (torch.bfloat16, torch.float16):
        assert 0.5 < measured.peak(dtype) / row.peak(dtype) < 1.0
    share = measured.memory_bytes_per_second / row.memory_bytes_per_second
    assert 0.5 < share < 1.05


def test_a_model_whose_kernels_are_short():
    """The kernels of a small model end before the next is started."""
    model, x = built("mobilenet_v3_large"), torch.randn(1, 3, 224, 224, device=GPU)
    with torch.no_grad():
        timing = hookcount.Timer(min_seconds=0.3).measure(model, x)
    assert timing.to_dataframe()["own_seconds"].sum() == pytest.approx(timing.seconds)


def test_a_meter_of_training(product):
    """Four products forward, four of the weights, three of the activations: 11 in a step."""
    model, x = product
    meter = hookcount.Meter(model.train())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    for _ in range(6):
        with meter.step(x):
            optimizer.zero_grad()
            model(x).sum().backward()
            optimizer.step()
    assert meter.why_estimated == ""
    assert meter.last.macs == 11 * x.shape[0] ** 3
    if GPU.type == "cuda":
        assert 0.15 < meter.last.mfu < 1.0
