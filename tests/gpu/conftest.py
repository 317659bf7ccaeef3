"""The device of these tests: a GPU. ``pytest -m gpu`` runs them."""

import pytest
import torch
from gpu.equal import GPU


@pytest.fixture(autouse=True)
def gpu():
    if GPU.type == "cuda" and not torch.cuda.is_available():
        pytest.skip("this machine has no GPU that torch can use")
