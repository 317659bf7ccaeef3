"""Apple's M chips. Apple states the bandwidth of the memory, and no peak of a dtype."""

from __future__ import annotations

from .row import GB, DeviceRow, Document, Peaks

_NEWS = "https://www.apple.com/newsroom"


def _chip(
    name: str,
    gigabytes_per_second: float | None,
    document: Document,
    note: str = "",
    also: tuple[str, ...] = (),
) -> DeviceRow:
    return DeviceRow(
        name=name,
        maker="Apple",
        kind="SoC",
        dense=Peaks(),
        sparse=Peaks(),
        memory_bytes=None,
        memory_bytes_per_second=None if gigabytes_per_second is None else gigabytes_per_second * GB,
        documents=(document,),
        note=note,
        also=also,
        reported=(f"Apple {name.partition(' (')[0]}",),
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
M2_ULTRA = Document(
    "Apple introduces M2 Ultra",
    f"{_NEWS}/2023/06/apple-introduces-m2-ultra/",
    "June 2023",
    "measurements of language models on GitHub",
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
    "a catalogue of hardware on GitHub",
)
M4_MAX = Document(
    "MacBook Pro (2024), technical specifications",
    "https://support.apple.com/en-us/121553",
    "2024",
    "a comparison of machines for language models on GitHub",
)
M5 = Document(
    "Exploring LLMs with MLX and the Neural Accelerators in the M5 GPU",
    "https://machinelearning.apple.com/research/exploring-llms-mlx-m5",
    "2025",
    "notes on MLX on GitHub",
)

ROWS = (
    _chip("M1", None, M1, "Apple states 2.6 teraflops of the GPU, and does not say of which dtype"),
    _chip("M1 Pro", 200, M1_PRO),
    _chip("M1 Max", 400, M1_PRO),
    _chip("M2 Ultra", 800, M2_ULTRA),
    _chip("M3 Ultra", 819, M3_ULTRA),
    _chip("M4", 120, M5),
    _chip("M4 Pro", 273, M4_PRO),
    _chip("M4 Max (32-core GPU)", 410, M4_MAX, also=("M4 Max 32",)),
    _chip("M4 Max (40-core GPU)", 546, M4_MAX, also=("M4 Max 40",)),
    _chip("M5", 153, M5),
)
