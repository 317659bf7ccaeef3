"""After every test, nothing is left anywhere: no hook, mode, patch or observer, no
changed setting.
"""

import gc
import os
import sys
import warnings

import pytest
import torch
from torch.nn.modules import module as nn_module

os.environ.setdefault("HF_HUB_OFFLINE", "1")

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores

# When torch's compiler is first used, it replaces torch.manual_seed and nn.Module.__init__. So it
# is
# used once before any snapshot.
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
    from hookcount.observe.patches import in_use

    return {
        "hooks": {name: len(getattr(nn_module, name)) for name in GLOBAL_HOOKS},
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "function modes": torch._C._len_torch_function_stack(),
        "observers": len(observers_here()),
        "patches": in_use(),
        "garbage collector": gc.isenabled(),
        "grad mode": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "warning filters": list(warnings.filters),
        "functions": {
            owner.__name__: {k: id(v) for k, v in vars(owner).items() if callable(v)}
            for owner in PATCHABLE
        },
    }


@pytest.fixture(autouse=True)
def nothing_left_behind():
    before, imported = _surroundings(), len(sys.modules)
    assert before["patches"] == []
    yield
    after = _surroundings()
    for owner, functions in before.pop("functions").items():
        # torch loads some functions lazily, so more may come
        changed = [
            name
            for name, known in functions.items()
            if after["functions"][owner].get(name) != known
        ]
        assert not changed, f"{owner}: {changed} were replaced"
    if len(sys.modules) > imported:  # libraries add filters of their own when they are imported
        kept = before.pop("warning filters")
        assert [each for each in after["warning filters"] if each in kept] == kept
    for name, value in before.items():
        assert after[name] == value, name


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
