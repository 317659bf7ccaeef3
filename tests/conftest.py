"""After every test: no hook, mode, patched function or watching observer is left anywhere."""

import os

import pytest
import torch
from torch.nn.modules import module as nn_module

os.environ.setdefault("HF_HUB_OFFLINE", "1")

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores

# torch's own compiler replaces torch.manual_seed and nn.Module.__init__ when it is first used: let it, before any snapshot
torch.compile(torch.nn.Identity(), backend="eager")(torch.zeros(1))

GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_forward_hooks_always_called",
    "_global_forward_hooks_with_kwargs",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
)
PATCHABLE = (torch, torch.Tensor, torch.nn.functional, torch.nn.Module)


def _surroundings():
    from hookcount.observe.observer import observers_here

    return {
        "hooks": {name: len(getattr(nn_module, name)) for name in GLOBAL_HOOKS},
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "function modes": torch._C._len_torch_function_stack(),
        "observers": len(observers_here()),
        "grad mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "functions": {
            owner.__name__: {k: id(v) for k, v in vars(owner).items() if callable(v)}
            for owner in PATCHABLE
        },
    }


@pytest.fixture(autouse=True)
def nothing_left_behind():
    before = _surroundings()
    yield
    after = _surroundings()
    for what, value in before.items():
        if (
            what == "functions"
        ):  # torch loads some lazily: what was there must be the same, more may come
            for owner, functions in value.items():
                changed = [
                    name
                    for name, known in functions.items()
                    if after[what][owner].get(name) != known
                ]
                assert not changed, f"{owner}: {changed} were replaced"
        else:
            assert after[what] == value, what


@pytest.fixture(autouse=True)
def same_numbers_each_time():
    torch.manual_seed(0)


@pytest.fixture
def user_registrations():
    """Registrations made with ``hookcount.register`` in the test are taken away after it."""
    from hookcount.counter import USER

    before = set(USER)
    yield USER
    for name in set(USER) - before:
        USER.unregister(name)
