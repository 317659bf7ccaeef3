"""NVIDIA's Jetson Orin modules. The peaks are those of the GPU, without the DLA accelerators.

The sheets print INT8 only. The TOPS in the names of the modules count the DLAs too.
"""

from __future__ import annotations

from dataclasses import replace

from .nvidia_documents import AGX_ORIN_BRIEF, AGX_ORIN_SHEET, ORIN_NANO_SHEET, ORIN_NX_SHEET
from .row import GB, DeviceRow, Peaks, tera

AGX_ORIN_64GB = DeviceRow(
    name="Jetson AGX Orin 64GB",
    maker="NVIDIA",
    kind="SoC",
    dense=tera(fp32=5.3, int8=85),
    sparse=tera(int8=170),
    memory_bytes=64 * GB,
    memory_bytes_per_second=204.8 * GB,
    documents=(AGX_ORIN_SHEET, AGX_ORIN_BRIEF),
    note="the sheet prints int8 with sparsity, and dense is half",
    also=("AGX Orin 64GB",),
    reported=("Orin",),
    units=16,
)
ORIN_NX_16GB = DeviceRow(
    name="Jetson Orin NX 16GB",
    maker="NVIDIA",
    kind="SoC",
    dense=Peaks(),
    sparse=Peaks(),
    memory_bytes=16 * GB,
    memory_bytes_per_second=102 * GB,
    documents=(ORIN_NX_SHEET,),
    note="the sheet gives 50 TOPS of int8, dense, of the GPU and two DLAs together",
    also=("Orin NX 16GB",),
    reported=("Orin",),
    units=8,
)
ORIN_NANO_8GB = DeviceRow(
    name="Jetson Orin Nano 8GB",
    maker="NVIDIA",
    kind="SoC",
    dense=tera(int8=20),
    sparse=tera(int8=40),
    memory_bytes=8 * GB,
    memory_bytes_per_second=68 * GB,
    documents=(ORIN_NANO_SHEET,),
    note="at 625 MHz; the Super mode has a higher clock",
    also=("Orin Nano 8GB",),
    reported=("Orin",),
    units=8,
)

ROWS = (
    AGX_ORIN_64GB,
    replace(
        AGX_ORIN_64GB,
        name="Jetson AGX Orin 32GB",
        dense=tera(int8=54),
        sparse=tera(int8=108),
        memory_bytes=32 * GB,
        documents=(AGX_ORIN_SHEET,),
        also=("AGX Orin 32GB",),
        units=14,
    ),
    ORIN_NX_16GB,
    replace(
        ORIN_NX_16GB,
        name="Jetson Orin NX 8GB",
        memory_bytes=8 * GB,
        note="the sheet gives 35 TOPS of int8, dense, of the GPU and a DLA together",
        also=("Orin NX 8GB",),
    ),
    ORIN_NANO_8GB,
    replace(
        ORIN_NANO_8GB,
        name="Jetson Orin Nano 4GB",
        dense=tera(int8=10),
        sparse=tera(int8=20),
        memory_bytes=4 * GB,
        memory_bytes_per_second=34 * GB,
        note="at 625 MHz",
        also=("Orin Nano 4GB",),
        units=4,
    ),
)
