"""AMD's accelerators. The data sheet prints a column without sparsity and one with it."""

from __future__ import annotations

from .row import GB, MHZ, DeviceRow, Document, tera

MI300X_SHEET = Document(
    "AMD Instinct MI300X Accelerator data sheet",
    "https://www.amd.com/content/dam/amd/en/documents/instinct-tech-docs/data-sheets/"
    "amd-instinct-mi300x-data-sheet.pdf",
    "2023",
    "torch, torch/_inductor/analysis/device_info.py",
)
MI300_DOCS = Document(
    "AMD Instinct MI300 series microarchitecture",
    "https://rocm.docs.amd.com/en/docs-6.2.2/conceptual/gpu-arch/mi300.html",
    "2024-09-11",
)

MI300X = DeviceRow(
    name="MI300X",
    maker="AMD",
    kind="GPU",
    dense=tera(
        fp64=163.4, fp32=163.4, tf32=653.7, fp16=1307.4, bf16=1307.4, fp8=2614.9, int8=2614.9
    ),
    sparse=tera(tf32=1307.4, fp16=2614.9, bf16=2614.9, fp8=5229.8, int8=5229.8),
    memory_bytes=192 * GB,
    memory_bytes_per_second=5300 * GB,
    documents=(MI300X_SHEET, MI300_DOCS),
    note="fp64 is that of the matrix cores; the vector units have 81.7 TFLOP/s",
    also=("MI300X 192GB", "MI300X OAM"),
    reported=("AMD Instinct MI300X", "AMD Instinct MI300X OAM"),
    units=304,
    clock_hz=2100 * MHZ,
)

ROWS = (MI300X,)
