"""Doors in several threads at once: each count of one model is right, and it is as before."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from hookcount.compat import thop, torchinfo, ultralytics_thop

X = torch.zeros(2, 5, 8)
LINEAR, WIDE, NORMS, SOFTMAX = 10 * 8 * 8, 2 * 10 * 8 * 16, 2 * 4 * 80, 2 * 2 * 5 * (3 * 5 - 1)
"""Ten rows of 8: a square layer, two layers to 16 and back, two norms of 4 per element, and the
softmax of two heads in two samples."""
ATTENTION = 4 * LINEAR + 2 * 2 * 5 * 5 * 8 + SOFTMAX
ROWS = 11
"""In torchinfo: the model, ``first``, and the layer with its eight parts."""
entered = threading.Event()


class Slow(nn.Module):
    """A forward that takes a while, with a layer that runs as one op in eval mode."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)

    def forward(self, x):
        entered.set()
        time.sleep(0.05)
        return self.layer(self.first(x))


DOORS = {
    "thop": (
        lambda model: thop.profile(model, (X,), verbose=False)[0],
        LINEAR + WIDE + NORMS,
    ),
    "ultralytics-thop": (
        lambda model: ultralytics_thop.profile(model, (X,), verbose=False)[0],
        LINEAR + WIDE + NORMS + ATTENTION,
    ),
    "torchinfo": (
        lambda model: len(torchinfo.summary(model, input_data=X, verbose=0).summary_list),
        ROWS,
    ),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", DOORS)
def test_two_threads_count_one_model(name, training):
    """The second one comes while the first one has set eval mode and hooks."""
    door, expected = DOORS[name]
    model = Slow().train(training)
    entered.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(door, model)
        assert entered.wait(30)
        second = pool.submit(door, model)
        assert [first.result(), second.result()] == [expected, expected]
    assert {each.training for each in model.modules()} == {training}
    assert not any(each._forward_hooks for each in model.modules())


def test_many_threads_through_all_doors():
    models = [Slow().train(), Slow().eval()]
    jobs = [(*each, model) for model in models for each in DOORS.values()] * 4
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda job: job[0](job[2]), jobs))
    assert found == [expected for _, expected, _ in jobs]
    assert [each.training for model in models for each in model.modules()] == [
        training
        for model, training in zip(models, (True, False), strict=True)
        for _ in model.modules()
    ]


def test_lazy_models_in_threads_draw_no_number_of_the_process():
    """Each of them fills the weights of a copy with random numbers."""
    before = torch.get_rng_state()
    models = [nn.Sequential(nn.LazyLinear(300), nn.LazyLinear(4)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            found = pool.map(lambda model: thop.profile(model, (X,), verbose=False)[0], models)
            assert set(found) == {10 * 8 * 300 + 10 * 300 * 4}
    assert torch.equal(torch.get_rng_state(), before)
