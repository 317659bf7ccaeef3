"""What the front doors share."""

import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from hookcount.compat.shared import on_meta, whole
from hookcount.observe.specs import described

DOORS = ("thop", "ptflops", "torchprofile")


@pytest.mark.parametrize(
    ("count", "exact"),
    [
        (3, 3),
        (10**30 + 1, 10**30 + 1),
        (3.0, 3),
        (1.1 * 1.1 * 100, 121),
        (np.int64(7), 7),
        (np.float32(7), 7),
        (torch.tensor([5.0], dtype=torch.float64), 5),
        (torch.tensor(5), 5),
    ],
)
def test_a_whole_number_is_an_int(count, exact):
    assert whole(count) == exact
    assert type(whole(count)) is int


@pytest.mark.parametrize(
    "count",
    [
        0.5,
        2.0**40 + 0.5,
        -1,
        -1.0,
        float("nan"),
        float("inf"),
        True,
        None,
        "3",
        torch.zeros(2),
        torch.zeros(1, device="meta"),
        [3],
    ],
)
def test_what_is_no_whole_number_raises(count):
    with pytest.raises(ValueError, match="is "):
        whole(count)


def test_a_structure_keeps_its_form_on_meta():
    Pair = namedtuple("Pair", "left right")
    given = {
        "a": [torch.zeros(2, dtype=torch.int32), (3, "x")],
        "b": Pair(torch.zeros(1, 4), None),
        "c": torch.Size([5, 6]),
    }
    found = on_meta(described(given))
    assert found["a"][0].dtype is torch.int32
    assert found["a"][0].shape == (2,)
    assert found["a"][1] == (3, "x")
    assert type(found["b"]) is Pair
    assert found["b"].left.is_meta
    assert found["b"].left.shape == (1, 4)
    assert found["c"] == torch.Size([5, 6])
    assert type(found["c"]) is torch.Size


def test_no_door_needs_its_tool_and_hookcount_no_door():
    code = f"""
import sys
for door in {DOORS}:
    sys.modules[door] = None                     # an import of it raises
import hookcount
assert not any(name.startswith("hookcount.compat") for name in sys.modules)
import hookcount.compat.thop, hookcount.compat.ptflops, hookcount.compat.torchprofile
assert all(sys.modules[door] is None for door in {DOORS})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_equal_modules_share_a_stand_in_and_a_handler_writes_to_none():
    """The second call of an equal module begins at nothing again."""
    from hookcount.compat.thop import profile

    begun = []

    def handler(m, x, y):
        begun.append(float(m.total_ops))
        m.total_ops += 5
        m.weight = None

    class Own(nn.Linear):
        pass

    model = nn.Sequential(Own(4, 4), Own(4, 4), Own(4, 4, bias=False))
    for _ in range(2):
        assert profile(model, (torch.zeros(2, 4),), {Own: handler}, verbose=False)[0] == 3 * 5
    assert set(begun) == {0.0}
    assert all(each.weight.shape == (4, 4) for each in model)
