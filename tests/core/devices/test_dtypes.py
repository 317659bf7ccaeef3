"""The names of dtypes, as torch and people write them."""

import pytest
import torch

from hookcount.core.devices import DTYPES, dtype_name
from hookcount.core.errors import InputError


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (torch.float64, "fp64"),
        (torch.float32, "fp32"),
        (torch.float16, "fp16"),
        (torch.bfloat16, "bf16"),
        (torch.float8_e4m3fn, "fp8"),
        (torch.float8_e5m2, "fp8"),
        (torch.int8, "int8"),
        ("BF16", "bf16"),
        ("bfloat16", "bf16"),
        ("torch.half", "fp16"),
        (" tf32 ", "tf32"),
        ("double", "fp64"),
        ("nvfp4", "fp4"),
        ("float4_e2m1fn_x2", "fp4"),
    ],
)
def test_names(dtype, name):
    assert dtype_name(dtype) == name


@pytest.mark.parametrize("name", DTYPES)
def test_each_name_is_its_own(name):
    assert dtype_name(name) == name


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, "float128", "", None, 16])
def test_a_dtype_without_a_peak_is_an_error(dtype):
    with pytest.raises(InputError, match="To fix it"):
        dtype_name(dtype)


def test_the_error_has_near_names():
    with pytest.raises(InputError, match="'bfloat16'"):
        dtype_name("bfloat61")
