"""Google's TPUs. The figures are those of one chip."""

from __future__ import annotations

from .row import GB, DeviceRow, Document, Peaks, tera


def _document(version: str) -> Document:
    return Document(
        f"Cloud TPU, TPU {version}", f"https://cloud.google.com/tpu/docs/{version}", "read 2026"
    )


V4 = DeviceRow(
    name="TPU v4",
    maker="Google",
    kind="TPU",
    dense=tera(bf16=275, int8=275),
    sparse=Peaks(),
    memory_bytes=32 * 2**30,
    memory_bytes_per_second=1200 * GB,
    documents=(_document("v4"),),
    also=("v4",),
    reported=("v4",),
)
V5E = DeviceRow(
    name="TPU v5e",
    maker="Google",
    kind="TPU",
    dense=tera(bf16=197, int8=393),
    sparse=Peaks(),
    memory_bytes=16 * GB,
    memory_bytes_per_second=819 * GB,
    documents=(_document("v5e"),),
    also=("v5e", "TPU v5 lite", "v5litepod"),
    reported=("v5litepod", "TPU v5 lite"),
)
V5P = DeviceRow(
    name="TPU v5p",
    maker="Google",
    kind="TPU",
    dense=tera(bf16=459),
    sparse=Peaks(),
    memory_bytes=95 * GB,
    memory_bytes_per_second=2765 * GB,
    documents=(_document("v5p"),),
    also=("v5p",),
    reported=("v5p",),
)

ROWS = (V4, V5E, V5P)
