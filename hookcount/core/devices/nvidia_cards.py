"""NVIDIA's GeForce cards.

Their tensor cores sum products of FP16, BF16 and FP8 in FP32 at half of the speed at which they sum
those of FP16 and FP8 in FP16. The peaks are those with sums in FP32, as torch makes them.
"""

from __future__ import annotations

from .nvidia_documents import ADA_PAPER, GA102_PAPER, RTX_BLACKWELL_PAPER
from .row import GB, MHZ, DeviceRow, tera

RTX_3090 = DeviceRow(
    name="RTX 3090",
    maker="NVIDIA",
    kind="GPU",
    dense=tera(fp32=35.6, tf32=35.6, fp16=71, bf16=71, int8=284),
    sparse=tera(fp16=142, bf16=142, int8=568),
    memory_bytes=24 * GB,
    memory_bytes_per_second=936 * GB,
    documents=(GA102_PAPER,),
    note="fp16 and bf16 with sums in fp32; fp16 with sums in fp16 has 142 TFLOP/s",
    also=("GeForce RTX 3090 24GB",),
    reported=("NVIDIA GeForce RTX 3090",),
    units=82,
    clock_hz=1695 * MHZ,
)
RTX_4090 = DeviceRow(
    name="RTX 4090",
    maker="NVIDIA",
    kind="GPU",
    dense=tera(fp32=82.6, fp16=165.2, bf16=165.2, fp8=330.3, int8=660.6),
    sparse=tera(fp16=330.4, bf16=330.4, fp8=660.6, int8=1321.2),
    memory_bytes=24 * GB,
    memory_bytes_per_second=1008 * GB,
    documents=(ADA_PAPER,),
    note="fp16, bf16 and fp8 with sums in fp32; with sums in fp16, fp16 has 330.3 TFLOP/s "
    "and fp8 660.6 TFLOP/s",
    also=("GeForce RTX 4090 24GB",),
    reported=("NVIDIA GeForce RTX 4090",),
    units=128,
    clock_hz=2520 * MHZ,
)
RTX_5090 = DeviceRow(
    name="RTX 5090",
    maker="NVIDIA",
    kind="GPU",
    dense=tera(fp32=104.8, tf32=104.8, fp16=209.5, bf16=209.5, fp8=419, fp4=1676),
    sparse=tera(fp16=419, bf16=419, fp8=838, fp4=3352),
    memory_bytes=32 * GB,
    memory_bytes_per_second=1792 * GB,
    documents=(RTX_BLACKWELL_PAPER,),
    note="fp16, bf16 and fp8 with sums in fp32; with sums in fp16, fp16 has 419 TFLOP/s "
    "and fp8 838 TFLOP/s",
    also=("GeForce RTX 5090 32GB",),
    reported=("NVIDIA GeForce RTX 5090",),
    units=170,
    clock_hz=2407 * MHZ,
)

ROWS = (RTX_3090, RTX_4090, RTX_5090)
