"""The autocast that a thread enters in a block."""

import threading

import torch

from hookcount.observe.autocast_seen import autocast_seen


def test_the_first_autocast_that_is_enabled():
    with autocast_seen() as seen:
        assert seen.dtype is None
        with torch.autocast("cpu", enabled=False):
            assert seen.dtype is None
        with torch.autocast("cpu", torch.bfloat16):
            pass
        with torch.autocast("cpu", torch.float16):
            pass
    assert seen.dtype == torch.bfloat16
    with torch.autocast("cpu", torch.float16):
        assert seen.dtype == torch.bfloat16


def test_another_thread_is_not_seen():
    def work():
        with torch.autocast("cpu", torch.bfloat16):
            pass

    with autocast_seen() as seen:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen.dtype is None
