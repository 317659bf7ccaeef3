"""A few processors. Makers state few peaks: ``Device.calibrate()`` measures those at hand."""

from __future__ import annotations

from .nvidia_documents import GRACE_SHEET
from .row import GB, DeviceRow, Document, Peaks, tera

EXPORT_METRICS = Document(
    "Export compliance metrics for Intel microprocessors: Intel Xeon processors",
    "https://www.intel.com/content/dam/support/us/en/documents/processors/"
    "APP-for-Intel-Xeon-Processors.pdf",
    "read 2024 or later",
    "programs for HPC on GitHub",
)
EPYC_PAGE = Document(
    "AMD EPYC 9554, specifications",
    "https://www.amd.com/en/products/processors/server/epyc/"
    "4th-generation-9004-and-8004-series/amd-epyc-9554.html",
    "read 2024 or later",
    "benchmarks on GitHub",
)


def _xeon(name: str, fp64: float, reported: str) -> DeviceRow:
    return DeviceRow(
        name=name,
        maker="Intel",
        kind="CPU",
        dense=tera(fp64=fp64),
        sparse=Peaks(),
        memory_bytes=None,
        memory_bytes_per_second=None,
        documents=(EXPORT_METRICS,),
        note="of one socket; the document gives one figure and names no dtype: the program that "
        "quotes it takes it for fp64",
        reported=(reported,),
    )


ROWS = (
    _xeon("Xeon Platinum 8480+", 2.3296, "Intel(R) Xeon(R) Platinum 8480+"),
    _xeon("Xeon Silver 4210", 0.384, "Intel(R) Xeon(R) Silver 4210 CPU @ 2.20GHz"),
    DeviceRow(
        name="EPYC 9554",
        maker="AMD",
        kind="CPU",
        dense=Peaks(),
        sparse=Peaks(),
        memory_bytes=None,
        memory_bytes_per_second=460.8 * GB,
        documents=(EPYC_PAGE,),
        note="of one socket; AMD states no peak",
        reported=("AMD EPYC 9554 64-Core Processor",),
    ),
    DeviceRow(
        name="Grace CPU Superchip",
        maker="NVIDIA",
        kind="CPU",
        dense=Peaks(),
        sparse=Peaks(),
        memory_bytes=None,
        memory_bytes_per_second=1000 * GB,
        documents=(GRACE_SHEET,),
        note="its 144 cores; the memory has 240, 480 or 960 GB",
        also=("Grace",),
        units=144,
    ),
)
