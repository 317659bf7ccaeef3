"""A stand-in shows the module as it was at its call, and its key fits no other module."""

import sys
import threading

import torch
from torch import nn

import hookcount
from hookcount.observe import attribute_names, standin


def test_an_attribute_that_takes_the_place_of_another_is_new():
    """CPython gives a new object the address of one that has just ended."""

    class Keeps(nn.Module):
        def forward(self, x):
            self.last = torch.zeros(len(seen) + 1, 2)
            self.pair = [torch.zeros(len(seen) + 1), object()]
            seen.append(x)
            return x + 1

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.keeps = Keeps()

        def forward(self, x):
            for _ in range(8):
                x = self.keeps(x)
            return x

    registry = hookcount.Registry()

    @registry.register(Keeps)
    def rows(module):
        return hookcount.Ops(macs=module.last.shape[0] * 100 + module.pair[0].shape[0])

    seen = []
    report = hookcount.Counter(registry, run="real").count(Model(), torch.zeros(3))
    assert report.macs == sum(n * 100 + n for n in range(1, 9))


def test_threads_get_different_marks_for_different_names():
    names = [(f"name{n}", "training") for n in range(400)]
    found = [{} for _ in range(8)]
    start = threading.Barrier(8)

    def work(mine):
        start.wait()
        for each in names:
            mine[each] = attribute_names.attributes_of(each)[0]

    threads = [threading.Thread(target=work, args=(each,)) for each in found]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    finally:
        sys.setswitchinterval(interval)
        for each in names:
            attribute_names._attributes_of.pop(each, None)
    assert len(set(found[0].values())) == len(names)
    assert all(each == found[0] for each in found)


def test_a_stand_in_made_after_a_table_was_emptied_is_right():
    def model(width):
        return nn.Sequential(nn.Linear(4, width), nn.Linear(width, 2))

    counter = hookcount.Counter()
    for width in (3, 5, 3):
        attribute_names._attributes_of.clear()
        standin._not_scalar.clear()
        report = counter.count(model(width), torch.zeros(1, 4))
        assert report.macs == 4 * width + width * 2
