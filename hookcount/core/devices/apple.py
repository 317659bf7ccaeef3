"""Apple's M chips. Apple states the bandwidth of the memory, and no peak of a dtype."""

from __future__ import annotations

from .row import GB, DeviceRow, Document, Peaks

_NEWS = "https://www.apple.com/newsroom"
_SUPPORT = "https://support.apple.com/en-gb"
_READ = "a page on GitHub with the bandwidths of all M chips, of 2026-10-10"


def _chip(
    name: str,
    gigabytes_per_second: int | None,
    document: Document,
    gpu_cores: int | None = None,
    note: str = "",
) -> DeviceRow:
    """A chip. ``gpu_cores`` tells chips of one name apart."""
    bandwidth = None if gigabytes_per_second is None else float(gigabytes_per_second * GB)
    return DeviceRow(
        name=f"{name} ({gpu_cores}-core GPU)" if gpu_cores else name,
        maker="Apple",
        kind="SoC",
        dense=Peaks(),
        sparse=Peaks(),
        memory_bytes=None,
        memory_bytes_per_second=bandwidth,
        documents=(document,),
        note=note,
        also=(f"{name} {gpu_cores}",) if gpu_cores else (),
        reported=(f"Apple {name}",),
        units=gpu_cores,
    )


M1 = Document(
    "Apple unleashes M1",
    f"{_NEWS}/2020/11/apple-unleashes-m1/",
    "2020-11-10",
    "a copy on GitHub",
)
M1_PRO = Document(
    "Introducing M1 Pro and M1 Max",
    f"{_NEWS}/2021/10/introducing-m1-pro-and-m1-max-the-most-powerful-chips-apple-has-ever-built/",
    "2021-10-18",
)
M1_ULTRA = Document(
    "Apple unveils M1 Ultra",
    f"{_NEWS}/2022/03/apple-unveils-m1-ultra-the-worlds-most-powerful-chip-for-a-personal-computer/",
    "March 2022",
    _READ,
)
M2 = Document(
    "Apple unveils M2",
    f"{_NEWS}/2022/06/apple-unveils-m2-with-breakthrough-performance-and-capabilities/",
    "2022-06-06",
    _READ,
)
M2_PRO = Document(
    "Apple unveils M2 Pro and M2 Max",
    f"{_NEWS}/2023/01/"
    "apple-unveils-m2-pro-and-m2-max-next-generation-chips-for-next-level-workflows/",
    "2023-01-17",
    _READ,
)
M2_ULTRA = Document(
    "Apple introduces M2 Ultra",
    f"{_NEWS}/2023/06/apple-introduces-m2-ultra/",
    "June 2023",
    _READ,
)
M3 = Document(
    "Technical specifications, Apple support 118552", f"{_SUPPORT}/118552", "read 2026-10-10", _READ
)
M3_PRO = Document(
    "Technical specifications, Apple support 117736",
    f"{_SUPPORT}/117736",
    "read 2026-10-10",
    _READ,
)
M3_ULTRA = Document(
    "Apple reveals M3 Ultra",
    f"{_NEWS}/2025/03/apple-reveals-m3-ultra-taking-apple-silicon-to-a-new-extreme/",
    "March 2025",
    "a catalogue of hardware on GitHub",
)
M4_PRO = Document(
    "Apple introduces M4 Pro and M4 Max",
    f"{_NEWS}/2024/10/apple-introduces-m4-pro-and-m4-max/",
    "October 2024",
    _READ,
)
M4_MAX = Document(
    "Technical specifications, Apple support 121553",
    f"{_SUPPORT}/121553",
    "read 2026-10-10",
    _READ,
)
M5 = Document(
    "Exploring LLMs with MLX and the Neural Accelerators in the M5 GPU",
    "https://machinelearning.apple.com/research/exploring-llms-mlx-m5",
    "2025",
    "notes on MLX on GitHub",
)
M5_PRO = Document(
    "Apple introduces MacBook Pro with M5 Pro and M5 Max",
    f"{_NEWS}/2026/03/apple-introduces-macbook-pro-with-all-new-m5-pro-and-m5-max/",
    "March 2026",
    _READ,
)
M5_MAX = Document(
    "Technical specifications, Apple support 128107",
    "https://support.apple.com/en-asia/128107",
    "read 2026-10-10",
    _READ,
)

ROWS = (
    _chip("M1", None, M1, note="Apple states 2.6 teraflops of the GPU, and names no dtype"),
    _chip("M1 Pro", 200, M1_PRO),
    _chip("M1 Max", 400, M1_PRO),
    _chip("M1 Ultra", 800, M1_ULTRA),
    _chip("M2", 100, M2),
    _chip("M2 Pro", 200, M2_PRO),
    _chip("M2 Max", 400, M2_PRO),
    _chip("M2 Ultra", 800, M2_ULTRA),
    _chip("M3", 100, M3),
    _chip("M3 Pro", 150, M3_PRO),
    _chip("M3 Max", 300, M3_PRO, 30),
    _chip("M3 Max", 400, M3_PRO, 40),
    _chip("M3 Ultra", 819, M3_ULTRA),
    _chip("M4", 120, M4_PRO),
    _chip("M4 Pro", 273, M4_PRO),
    _chip("M4 Max", 410, M4_MAX, 32),
    _chip("M4 Max", 546, M4_MAX, 40),
    _chip("M5", 153, M5),
    _chip("M5 Pro", 307, M5_PRO),
    _chip("M5 Max", 460, M5_MAX, 32),
    _chip("M5 Max", 614, M5_MAX, 40),
    _chip("M5 Ultra", 1200, M5_MAX),
)
