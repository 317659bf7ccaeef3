"""Measured peaks, on the processor at hand and on a device that is played."""

import time
import warnings

import pytest
import torch

from hookcount import Device, InputError
from hookcount.core.devices import DTYPES
from hookcount.seconds import calibrate
from hookcount.seconds.at_hand import AtHand

QUICK = {"size": 64, "seconds": 0.01}


def test_the_processor():
    device = Device.calibrate("cpu", dtypes=[torch.float32, "fp64"], **QUICK)
    assert device.kind == "CPU"
    assert device.measured
    assert set(device.dense.stated()) == {"fp32", "fp64"}
    assert device.memory_bytes_per_second > 1e8
    (document,) = device.documents
    assert document.title.startswith(f"a measurement with torch {torch.__version__}")
    assert f"threads: {torch.get_num_threads()}" in document.title
    assert document.date == time.strftime("%Y-%m-%d")
    assert "64 x 64" in device.note
    assert "measured" in str(device)


def test_all_dtypes_that_can_be_multiplied():
    device = Device.calibrate("cpu", **QUICK)
    assert {"fp64", "fp32", "bf16"} <= set(device.dense.stated())
    assert device.dense.tf32 is None
    assert device.dense.fp4 is None
    with pytest.raises(InputError, match="no dense peak for fp4"):
        device.peak("fp4")


def test_a_measured_peak_is_that_of_a_loop():
    """Within a factor: a product by hand, timed by hand."""
    a = torch.rand(256, 256)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    peak = Device.calibrate("cpu", dtypes=["fp32"], size=256, seconds=0.05).peak("fp32")
    assert 1 / 4 < peak / (2 * 256**3 / min(times)) < 4


def test_the_largest_size_that_fits_into_the_time(monkeypatch):
    """A device of 1 GFLOP/s does 256 and 512 rows in 0.3 s. 1024 rows would take 2 s."""
    sizes = []

    def product(name, device, rows):
        sizes.append(rows)
        return lambda: clock.__iadd__(2 * rows**3 / 1e9)

    class Clock:
        now = 0.0

        def __iadd__(self, seconds):
            self.now += seconds
            return self

    clock = Clock()
    monkeypatch.setattr(calibrate, "_product", product)
    monkeypatch.setattr(calibrate.time, "perf_counter", lambda: clock.now)
    peak, rows = calibrate._peak("fp32", torch.device("cpu"), None, 4.0)
    assert peak == pytest.approx(1e9)
    assert rows in sizes
    assert sizes == [256, 512]


@pytest.mark.parametrize("dtype", ["fp4", "tf32", "fp8"])
def test_a_dtype_that_is_asked_for_and_cannot_be_multiplied(dtype):
    with pytest.raises(InputError, match=f"The peak for {dtype} cannot be measured on 'cpu'"):
        Device.calibrate("cpu", dtypes=[dtype], **QUICK)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size=0"),
        ({"size": 2.5}, "size=2.5"),
        ({"size": True}, "size=True"),
        ({"seconds": 0}, "seconds=0"),
        ({"seconds": -1.0}, "seconds=-1.0"),
        ({"dtypes": ["float128"]}, "'float128'"),
        ({"dtypes": []}, "no dtype"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        Device.calibrate("cpu", **{**QUICK, **options})


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="cannot reach"):
        Device.calibrate("cuda", **QUICK)


def test_the_random_state_the_grad_mode_and_autocast_stay():
    before = torch.get_rng_state()
    with torch.autocast("cpu"), warnings.catch_warnings():
        warnings.simplefilter("error")
        device = Device.calibrate("cpu", dtypes=["fp32"], **QUICK)
        assert torch.is_autocast_enabled("cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert device.dense.fp32


def test_float32_is_tf32_where_the_process_says_so():
    before = torch.get_float32_matmul_precision()
    try:
        for precision in ("high", "highest"):
            torch.set_float32_matmul_precision(precision)
            assert calibrate._float32_is_tf32(torch.device("cuda")) == (precision == "high")
            assert not calibrate._float32_is_tf32(torch.device("cpu"))
    finally:
        torch.set_float32_matmul_precision(before)


def test_matrices_that_do_not_fit_end_the_growth(monkeypatch):
    def product(name, device, rows):
        if rows > 512:
            raise torch.OutOfMemoryError("out of memory")
        return lambda: None

    monkeypatch.setattr(calibrate, "_product", product)
    peak, rows = calibrate._peak("fp32", torch.device("cpu"), None, 5.0)
    assert peak > 0
    assert rows in (256, 512)


def test_a_card_is_waited_for_before_and_after_the_runs(monkeypatch):
    """A card works on by itself: its time ends when it has finished, not when all is queued."""
    events = []
    monkeypatch.setattr(
        torch.accelerator, "synchronize", lambda device: events.append(f"wait {device}")
    )
    calibrate._timed(lambda: events.append("run"), 3, torch.device("cuda", 1))
    assert events == ["wait cuda:1", "run", "run", "run", "wait cuda:1"]


def test_a_card_measures_what_it_can_multiply(monkeypatch):
    """A card that is played on the processor, of which every dtype has a product."""
    made = []

    def product(name, device, rows):
        assert device.type == "cuda"
        made.append((name, rows))
        return lambda: None

    card = AtHand("cuda", "A card", 8 * 2**30, 20)
    monkeypatch.setattr(calibrate, "at_hand", lambda device: card)
    monkeypatch.setattr(calibrate, "_product", product)
    monkeypatch.setattr(calibrate, "_bandwidth", lambda device, seconds: 1e12)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: None)
    device = Device.calibrate("cuda", size=32, seconds=0.001)
    assert made == [(name, 32) for name in DTYPES]
    assert (device.name, device.kind, device.units) == ("A card", "GPU", 20)
    assert device.memory_bytes == 8 * 2**30
    assert device.memory_bytes_per_second == 1e12
    assert "threads" not in device.documents[0].title
