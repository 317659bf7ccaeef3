"""Process-wide changes: one place, a count of users, and each thread is asked for itself."""

import gc
import threading

import pytest
import torch
from torch import nn

import hookcount
from hookcount import Ops
from hookcount.observe import patches


class Owner:
    def speak(self):
        return "own"


def loudly(before):
    return lambda self: before(self).upper()


def test_the_first_user_installs_and_the_last_one_takes_off():
    own = vars(Owner)["speak"]
    with patches.patched(Owner, "speak", loudly):
        ours = vars(Owner)["speak"]
        assert Owner().speak() == "OWN"
        with patches.patched(Owner, "speak", loudly):
            assert vars(Owner)["speak"] is ours
        assert vars(Owner)["speak"] is ours
    assert vars(Owner)["speak"] is own
    assert patches.in_use() == []


def test_users_may_leave_in_any_order():
    own = vars(Owner)["speak"]
    one, other = (patches.patched(Owner, "speak", loudly) for _ in range(2))
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert Owner().speak() == "OWN"
    other.__exit__(None, None, None)
    assert vars(Owner)["speak"] is own


class Child(Owner):
    """It inherits ``speak``."""


@pytest.mark.parametrize("owner", [Owner, Child])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0), (0, 2, 1)])
def test_several_replacements_of_one_function_end_in_any_order(order, owner):
    own = vars(owner).get("speak")
    suffixes = "abc"

    def adds(suffix):
        return lambda before: lambda self: before(self) + suffix

    undos = [patches.replaced(owner, "speak", adds(each)) for each in suffixes]
    left = list(suffixes)
    for index in order:
        assert owner().speak() == "own" + "".join(left)
        undos[index]()
        left.remove(suffixes[index])
    assert vars(owner).get("speak") is own
    assert owner().speak() == "own"


def test_a_replacement_of_somebody_else_in_between_stays():
    own = vars(Owner)["speak"]
    below = patches.replaced(Owner, "speak", lambda before: lambda self: before(self) + "a")
    ours = vars(Owner)["speak"]
    Owner.speak = theirs = lambda self: ours(self) + "-theirs"
    above = patches.replaced(Owner, "speak", lambda before: lambda self: before(self) + "b")
    try:
        below()
        assert Owner().speak() == "owna-theirsb"
        above()
        assert vars(Owner)["speak"] is theirs
    finally:
        Owner.speak = own


def test_what_somebody_else_puts_on_top_stays():
    own = vars(Owner)["speak"]

    def theirs(self):
        return "theirs"

    with patches.patched(Owner, "speak", loudly):
        Owner.speak = theirs
    try:
        assert vars(Owner)["speak"] is theirs
    finally:
        Owner.speak = own


def test_an_exception_takes_it_off_too():
    own = vars(Owner)["speak"]
    with pytest.raises(KeyError), patches.patched(Owner, "speak", loudly):
        raise KeyError
    assert vars(Owner)["speak"] is own


def test_an_install_that_fails_leaves_nothing():
    def fails():
        raise OSError

    with pytest.raises(OSError), patches.shared("a change", fails):
        pass
    assert patches.in_use() == []


class Reads(nn.Module):
    def forward(self, x):
        return x * x.sum().item()


class Cast(nn.Module):
    """As older transformers do in each rotary embedding."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        with torch.autocast(device_type=x.device.type, enabled=False):
            return self.layer(x)


def test_eight_threads_that_count_with_fakes_and_autocast():
    """Each is right, and afterwards every patched thing and the collector are as before."""
    mine = hookcount.Registry()
    mine.register_fake(Reads, lambda module, x: x * 2.0)
    forward, init, collects = vars(Reads)["forward"], torch.autocast.__init__, gc.isenabled()
    wrong = []

    def count(n):
        counter = hookcount.Counter(mine, run="shapes")
        for _ in range(20):
            faked = counter.count(Reads(), torch.zeros(n)).total
            cast = counter.count(Cast(), torch.zeros(n, 4, device="meta")).macs
            if (faked, cast) != (Ops(muls=n), n * 4 * 2):
                wrong.append((n, faked, cast))

    threads = [threading.Thread(target=count, args=(n,)) for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert vars(Reads)["forward"] is forward
    assert torch.autocast.__init__ is init
    assert gc.isenabled() is collects
    assert patches.in_use() == []


def test_another_thread_meets_what_was_there_before():
    """While one thread counts shapes, a forward of the same class runs for real in another."""
    mine = hookcount.Registry()
    inside, done = threading.Event(), threading.Event()
    found = []

    def fake(module, x):
        inside.set()
        assert done.wait(30)
        return x * 2.0

    mine.register_fake(Reads, fake)

    def elsewhere():
        assert inside.wait(30)
        found.append(Reads()(torch.ones(2)).tolist())
        with pytest.raises(RuntimeError):
            torch.autocast("meta").__enter__()
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    report = hookcount.Counter(mine, run="shapes").count(Reads(), torch.zeros(3))
    thread.join()
    assert found == [[4.0 / 2, 4.0 / 2]]
    assert report.total == Ops(muls=3)
