"""The rules for matrix decompositions against the kernels of the CPU, stride by stride."""

import pytest
import torch
from helpers.kernels import facts, same_as_the_kernel

from hookcount.observe.shapes_run.decomposition_shapes import by_columns

aten = torch.ops.aten
SHAPES = [(5, 5), (3, 5), (5, 3), (2, 5, 3), (2, 3, 4, 4), (1, 1), (4, 1)]
DTYPES = [torch.float32, torch.complex64]


def matrices(shape, dtype):
    torch.manual_seed(0)
    return torch.randn(shape, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_decomposition(shape, dtype):
    x = matrices(shape, dtype)
    assert same_as_the_kernel(aten.geqrf.default, x)
    assert same_as_the_kernel(aten._linalg_svd.default, x)
    assert same_as_the_kernel(aten._linalg_svd.default, x, True)
    assert not same_as_the_kernel(aten._linalg_svd.default, x, False, False)  # torch's own tells
    if shape[-1] == shape[-2]:
        assert same_as_the_kernel(aten.linalg_eig.default, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("shape", SHAPES)
def test_least_squares(shape, driver, dtype):
    x = matrices(shape, dtype)
    for right in (shape[:-1], (*shape[:-1], 2)):
        told = same_as_the_kernel(
            aten.linalg_lstsq.default, x, matrices(right, dtype), driver=driver
        )
        by_rank = driver in ("gelsd", "gelss") and shape[-2] > shape[-1]
        assert told != by_rank


def test_matrices_by_columns():
    made = by_columns((2, 3, 4), torch.float32, 5)
    assert facts(made) == [((2, 3, 4), (20, 1, 5), torch.float32)]
