"""The dtypes for which makers state a peak, and the names that torch and people have for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError, near

if TYPE_CHECKING:
    import torch

DTYPES = ("fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8", "fp4")
"""The names of the peaks of a device. ``fp8`` stands for every 8-bit float."""

_ALSO = {
    "float64": "fp64",
    "double": "fp64",
    "float32": "fp32",
    "float": "fp32",
    "single": "fp32",
    "tensorfloat32": "tf32",
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "float8_e4m3fn": "fp8",
    "float8_e4m3fnuz": "fp8",
    "float8_e5m2": "fp8",
    "float8_e5m2fnuz": "fp8",
    "float8": "fp8",
    "e4m3": "fp8",
    "e5m2": "fp8",
    "uint8": "int8",
    "qint8": "int8",
    "quint8": "int8",
    "i8": "int8",
    "float4_e2m1fn_x2": "fp4",
    "float4": "fp4",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
}


def dtype_name(dtype: torch.dtype | str) -> str:
    """The name of a peak: ``"bf16"`` for ``torch.bfloat16``, ``"bfloat16"`` or ``"BF16"``.

    Raises ``InputError`` for a dtype of which no maker states a peak.

    >>> dtype_name("torch.bfloat16"), dtype_name("half"), dtype_name("float8_e5m2")
    ('bf16', 'fp16', 'fp8')
    """
    name = str(dtype).removeprefix("torch.").strip().lower()
    name = _ALSO.get(name, name)
    if name in DTYPES:
        return name
    alike = near(name, [*DTYPES, *_ALSO]) or DTYPES
    raise InputError(
        f"{dtype!r} is no dtype of which a device has a peak.\n"
        f"  To fix it: give a torch dtype or a name, such as {', '.join(map(repr, alike))}."
    )
