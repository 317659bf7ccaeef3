"""A cache by identity ends with its keys, and ``lasts`` finds what an imported module holds."""

import collections
import functools
import gc
import sys
import threading
import types

import pytest

from hookcount.core.lifetimes import ByIdentity, lasts


class Meta(type):
    def __eq__(cls, other):
        raise AssertionError("== of a metaclass ran")

    __hash__ = None


def test_a_class_is_forgotten_when_it_ends():
    ended = []
    cache = ByIdentity(ended.append)

    def fill():
        made = [types.new_class(f"Fresh{n}", (), {"metaclass": Meta}) for n in range(20)]
        for n, each in enumerate(made):
            assert cache.get(each) is None
            assert cache.put(each, n) == n
            assert cache.put(each, -1) == n  # the first value stays
            assert cache.get(each) == n
        return sorted(map(id, made))

    ids = fill()
    gc.collect()
    assert len(cache) == 0
    assert sorted(ended) == ids


def test_code_that_gets_the_place_of_another_is_new():
    cache = ByIdentity()
    places = set()
    for n in range(200):
        code = compile(f"{n} + x", "<text>", "eval")
        places.add(id(code))
        assert cache.get(code) is None
        cache.put(code, n)
        del code
    assert len(places) < 200  # places were used again
    assert len(cache) == 0


def test_threads_agree_on_a_value():
    classes = [type(f"Fresh{n}", (), {}) for n in range(500)]
    cache, found = ByIdentity(), [[] for _ in range(8)]
    start = threading.Barrier(8)

    def work(mine):
        start.wait()
        for each in classes:
            mine.append(cache.put(each, object()))

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
    assert all(each == found[0] for each in found)


def local_class():
    class Local:
        class Inner:
            pass

    return Local


@pytest.mark.parametrize(
    "named", [int, collections.OrderedDict, functools.partial, ByIdentity, lasts, local_class]
)
def test_lasts(named):
    assert lasts(named)


@pytest.mark.parametrize(
    "named", [local_class(), local_class().Inner, lambda: 0, 3, None, type("X", (), {})]
)
def test_does_not_last(named):
    assert not lasts(named)


def test_a_class_lasts_until_its_name_means_another():
    module = types.ModuleType("fresh_module")
    sys.modules["fresh_module"] = module
    try:
        text = "class Model:\n    class Inner: pass\ndef f(): pass"
        exec(text, vars(module))
        first = module.Model, module.Model.Inner, module.f
        assert all(map(lasts, first))
        exec(text, vars(module))
        assert not any(map(lasts, first))
        again = module.Model
        assert lasts(again)
    finally:
        del sys.modules["fresh_module"]
    assert not lasts(again)
