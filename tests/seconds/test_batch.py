"""How many samples a forward takes."""

import pytest
import torch

from hookcount.seconds.batch import batch_of

IMAGE = torch.zeros(3, 8, 8)


@pytest.mark.parametrize(
    ("args", "kwargs", "samples", "how"),
    [
        ((torch.zeros(8, 3),), {}, 8, "first dimension"),
        ((None, 5, torch.zeros(2, 3), torch.zeros(7)), {}, 2, "first dimension"),
        (([IMAGE, IMAGE],), {}, 2, "list of tensors"),
        (((torch.zeros(4, 3), torch.zeros(9)),), {}, 4, "first dimension"),
        (({"ids": torch.zeros(6, 3)},), {}, 6, "first dimension"),
        ((), {"ids": torch.zeros(5, 3)}, 5, "first dimension"),
        ((torch.tensor(1.0), torch.zeros(3, 1)), {}, 3, "first dimension"),
    ],
)
def test_the_batch(args, kwargs, samples, how):
    found = batch_of(args, kwargs)
    assert found.samples == samples
    assert how in found.how


@pytest.mark.parametrize("args", [(), (1, "a"), (torch.tensor(1.0),), ([],)])
def test_without_a_tensor_there_is_none(args):
    assert batch_of(args, {}) is None
