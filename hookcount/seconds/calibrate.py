"""Measures the peak of a matrix product by dtype and the bandwidth of a copy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import date

import torch

from ..core.devices import DTYPES, DeviceRow, Document, Peaks, dtype_name
from ..core.errors import InputError, said
from .at_hand import as_device, at_hand

SIZES = (256, 512, 1024, 2048, 4096, 8192, 16384)
"""Rows and columns of the matrices. Each size takes eight times as long as the one before."""

COPIED_BYTES = 2**28
"""Bytes that the copy moves: more than a cache holds."""

TORCH = {
    "fp64": torch.float64,
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8": torch.float8_e4m3fn,
    "int8": torch.int8,
}

Run = Callable[[], object]


def calibrated(
    device: torch.device | torch.Tensor | str | int | None,
    dtypes: Iterable[torch.dtype | str] | None,
    size: int | None,
    seconds: float,
) -> DeviceRow:
    """A row with the measured peaks and bandwidth of a device. ``None`` is the best device here."""
    where = as_device(_best() if device is None else device)
    _check(size, seconds)
    found = at_hand(where)
    asked = None if dtypes is None else [dtype_name(each) for each in dtypes]
    if asked == []:
        raise InputError(
            "There is no dtype to measure.\n  To fix it: name one, or leave dtypes out."
        )
    with torch.no_grad(), torch.autocast(where.type, enabled=False):
        measured = {
            name: _peak_or_none(name, where, size, seconds, asked is not None)
            for name in asked or DTYPES
        }
        bandwidth = _bandwidth(where, seconds)
    best = {name: each for name, each in measured.items() if each is not None}
    largest = max((rows for _, rows in best.values()), default=0)
    threads = f", threads: {torch.get_num_threads()}" if where.type == "cpu" else ""
    return DeviceRow(
        name=found.name or where.type,
        maker="this machine",
        kind={"cpu": "CPU", "xla": "TPU"}.get(where.type, "GPU"),
        dense=Peaks(**{name: peak for name, (peak, _) in best.items()}),
        sparse=Peaks(),
        memory_bytes=found.memory_bytes,
        memory_bytes_per_second=bandwidth,
        documents=(
            Document(
                f"a measurement with torch {torch.__version__}{threads}",
                "",
                date.today().isoformat(),
            ),
        ),
        note=f"the best of several products of at most {largest} x {largest} matrices; "
        "a copy reads and writes each byte",
        units=found.units,
        measured=True,
    )


def _best() -> torch.device | str:
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found or "cpu"


def _check(size: int | None, seconds: float) -> None:
    if size is not None and (type(size) is not int or size < 1):
        raise InputError(
            f"size={size!r} is no number of rows.\n  To fix it: give an int of at least 1."
        )
    if not seconds > 0:
        raise InputError(
            f"seconds={seconds!r} is no time.\n  To fix it: give a number above 0, such as 0.5."
        )


def _peak_or_none(
    name: str, device: torch.device, size: int | None, seconds: float, must: bool
) -> tuple[float, int] | None:
    """As ``_peak``. ``None`` where torch has no such product here, or an error if it ``must``."""
    try:
        return _peak(name, device, size, seconds)
    except (RuntimeError, NotImplementedError, AttributeError, TypeError) as error:
        if not must:
            return None
        raise InputError(
            f"The peak for {name} cannot be measured on {str(device)!r}: {said(error)}\n"
            "  To fix it: leave dtypes out, so that those are measured that can be multiplied."
        ) from error


def _peak(name: str, device: torch.device, size: int | None, seconds: float) -> tuple[float, int]:
    """The most operations a second of a product in one dtype, and the size of its matrices.

    The matrices grow until the next size would take too long or does not fit into the memory.
    """
    end = time.perf_counter() + seconds
    best, best_size = 0.0, 0
    for rows in SIZES if size is None else (size,):
        try:
            once = _shortest(_product(name, device, rows), device, seconds / 10, end, size is None)
        except torch.OutOfMemoryError:
            if not best:
                raise
            break
        if 2 * rows**3 / once > best:
            best, best_size = 2 * rows**3 / once, rows
        if time.perf_counter() + 2 * 8 * once > end:
            break
    return best, best_size


def _shortest(run: Run, device: torch.device, seconds: float, end: float, grows: bool) -> float:
    """The seconds of a run, as the shortest mean over ``seconds``: one, or as many until ``end``.

    Sizes that grow leave the time to the next size.
    """
    _timed(run, 1, device)  # chooses and loads the kernel
    once = _timed(run, 1, device)
    while True:
        times = max(1, int(seconds / once))
        once = min(once, _timed(run, times, device) / times)
        if grows or time.perf_counter() > end:
            return once


def _product(name: str, device: torch.device, rows: int) -> Run:
    """A product of two square matrices. Raises what torch raises where it has no such product."""
    if name in ("fp32", "tf32") and (name == "tf32") != _float32_is_tf32(device):
        raise NotImplementedError(
            f"the process's settings make float32 products another than {name}"
        )
    dtype = TORCH.get(name)
    if dtype is None or (name == "fp8" and device.type != "cuda"):
        raise NotImplementedError("torch has no product in this dtype here")
    a, b = (_matrix(dtype, device, rows, seed) for seed in (1, 2))
    if name == "int8":
        return lambda: torch._int_mm(a, b.t())
    if name == "fp8":
        one = torch.ones((), device=device)
        return lambda: torch._scaled_mm(
            a, b.t(), scale_a=one, scale_b=one, out_dtype=torch.bfloat16, use_fast_accum=True
        )
    out = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)


def _matrix(dtype: torch.dtype, device: torch.device, rows: int, seed: int) -> torch.Tensor:
    """Random numbers. The generator is its own, so that the process's random state stays."""
    made = torch.Generator(device).manual_seed(seed)
    if dtype is torch.int8:
        return torch.randint(-8, 8, (rows, rows), dtype=dtype, device=device, generator=made)
    wide = torch.rand((rows, rows), dtype=torch.float32, device=device, generator=made)
    return wide.sub_(0.5).to(dtype)


def _float32_is_tf32(device: torch.device) -> bool:
    """Whether the process lets matrix products of float32 run in TF32."""
    if device.type != "cuda":
        return False
    set_to = getattr(torch.backends.cuda.matmul, "fp32_precision", None)  # since torch 2.9
    return torch.get_float32_matmul_precision() != "highest" if set_to is None else set_to == "tf32"


def _bandwidth(device: torch.device, seconds: float) -> float:
    """Bytes read and written a second by the best copy from one tensor to another."""
    source = torch.ones(COPIED_BYTES, dtype=torch.uint8, device=device)
    target = torch.zeros_like(source)
    end, best = time.perf_counter() + seconds, 0.0
    while not best or time.perf_counter() < end:
        best = max(best, 2 * COPIED_BYTES / _timed(lambda: target.copy_(source), 1, device))
    return best


def _timed(run: Run, times: int, device: torch.device) -> float:
    """The seconds of ``times`` runs, until the device has finished them."""
    _wait(device)
    start = time.perf_counter()
    for _ in range(times):
        run()
    _wait(device)
    return max(time.perf_counter() - start, 1e-9)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
