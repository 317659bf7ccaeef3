"""A timed run starts from what the user gave, and leaves all as it was, also after an error."""

import random
import threading

import pytest
import torch
from helpers.snapshot import snapshot
from torch import nn

import hookcount
from hookcount.observe.clocks import HostClock
from hookcount.observe.interrupts import HeldBack
from hookcount.observe.model import checked
from hookcount.observe.timed_run import TimedForward

RUNS = 4


def run_often(model, *args, **kwargs):
    """Run a timed forward several times, plain and with modules by turns."""
    forward = TimedForward(model, checked(model), args, kwargs)
    with HeldBack() as signals:
        for index in range(RUNS):
            forward.run(HostClock(), bool(index % 2), signals)
    return forward


class Sees(nn.Module):
    """Notes what each forward sees, outside of what a run puts back."""

    def __init__(self, change):
        super().__init__()
        self.change = change
        self.count = 0
        self.kept = []
        self.register_buffer("state", torch.zeros(3))

    def forward(self, x):
        seen.append((x.tolist(), self.count, len(self.kept), self.state.tolist()))
        self.change(self, x)
        return x


seen = []


def add_in_place(model, x):
    x.add_(1)


def write_past_autograd(model, x):
    x.data.add_(1)


def write_through_numpy(model, x):
    x.numpy()[0] = 7


def change_attributes(model, x):
    model.count += 1
    model.kept.append(x)
    model.new = 1


def change_a_buffer(model, x):
    model.state += 1


def replace_a_buffer(model, x):
    model.state = torch.ones(3)


CHANGES = [
    add_in_place,
    write_past_autograd,
    write_through_numpy,
    change_attributes,
    change_a_buffer,
    replace_a_buffer,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
def test_each_run_starts_from_what_the_user_gave(change):
    seen.clear()
    model, x = Sees(change), torch.arange(3.0)
    before = snapshot(model=model, x=x)
    run_often(model, x)
    assert seen == [([0.0, 1.0, 2.0], 0, 0, [0.0, 0.0, 0.0])] * RUNS
    assert before.differences(snapshot(model=model, x=x)) == []


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_all_is_put_back_after_an_error(change, error):
    def and_raise(model, x):
        change(model, x)
        raise error

    model, x = Sees(and_raise), torch.arange(3.0)
    before = snapshot(model=model, x=x)
    with pytest.raises(error):
        run_often(model, x)
    assert before.differences(snapshot(model=model, x=x)) == []


def test_a_tensor_that_the_forward_resizes_has_its_shape_and_its_values_again():
    class Resizes(nn.Module):
        def forward(self, x):
            assert x.tolist() == [0, 1, 2]
            x.resize_(500).fill_(7)
            return x

    x = torch.arange(3.0)
    version = x._version
    run_often(Resizes(), x)
    assert (x.tolist(), x._version) == ([0, 1, 2], version)


def test_batch_norm_in_train_mode_and_dropout():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout()).train()
    x = torch.randn(8, 4)
    before, state = snapshot(model=model, x=x), torch.get_rng_state()
    run_often(model, x)
    assert before.differences(snapshot(model=model, x=x)) == []
    assert torch.equal(torch.get_rng_state(), state)


def test_all_is_put_back_also_if_another_thread_runs():
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            pass

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout()).train()
        x = torch.randn(8, 4)
        before, state = snapshot(model=model, x=x), torch.get_rng_state()
        run_often(model, x)
    finally:
        stop.set()
        thread.join()
    assert before.differences(snapshot(model=model, x=x)) == []
    assert torch.equal(torch.get_rng_state(), state)


def test_each_run_draws_the_same_random_numbers():
    drawn = []

    class Draws(nn.Module):
        def forward(self, x):
            drawn.append((torch.rand(1).item(), random.random()))
            return x

    state = random.getstate()
    run_often(Draws(), torch.zeros(1))
    assert len(set(drawn)) == 1
    assert random.getstate() == state


def test_an_iterator_is_whole_in_each_run():
    class Consumes(nn.Module):
        def forward(self, items):
            assert len(list(items)) == 3
            return torch.zeros(1)

    items = iter([torch.zeros(1)] * 3)
    run_often(Consumes(), items)
    assert len(list(items)) == 3


def test_arguments_by_name_and_inside_containers():
    class Writes(nn.Module):
        def forward(self, *, batch):
            assert batch["x"][0].item() == 1
            batch["x"][0].mul_(2)
            batch["more"] = 1
            return batch["x"][0]

    batch = {"x": [torch.ones(1)]}
    before = snapshot(batch=batch)
    run_often(Writes(), batch=batch)
    assert before.differences(snapshot(batch=batch)) == []


def test_settings_of_the_thread_are_put_back():
    class Sets(nn.Module):
        def forward(self, x):
            torch.set_grad_enabled(False)
            return x

    run_often(Sets(), torch.zeros(1))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("grad", [True, False])
def test_the_grad_mode_and_autocast_are_those_of_the_caller(grad):
    found = []

    class Looks(nn.Module):
        def forward(self, x):
            found.append(
                (
                    torch.is_grad_enabled(),
                    torch.is_autocast_enabled("cpu"),
                    torch.is_autocast_cache_enabled(),
                )
            )
            return x

    with torch.set_grad_enabled(grad), torch.autocast("cpu", dtype=torch.bfloat16):
        run_often(Looks(), torch.zeros(1))
    assert set(found) == {(grad, True, True)}


def test_no_mode_of_hookcounts_is_active():
    found = []

    class Looks(nn.Module):
        def forward(self, x):
            found.append((torch._C._len_torch_dispatch_stack(), len(self._forward_hooks)))
            return x

    run_often(Looks(), torch.zeros(1))
    assert found == [(0, 0)] * RUNS


def test_a_parameter_to_which_the_forward_wrote_is_named():
    class Writes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.other = nn.Linear(2, 2)

        def forward(self, x):
            with torch.no_grad():
                self.inner.weight.mul_(2)
            return self.inner(x)

    assert run_often(Writes(), torch.zeros(1, 2)).written() == ["inner.weight"]
    assert run_often(nn.Linear(2, 2), torch.zeros(1, 2)).written() == []


class Trains(nn.Module):
    """Runs a backward pass in its forward."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        out = self.inner(x)
        out.sum().backward()
        return out.detach()


@pytest.mark.parametrize("before", [False, True], ids=["none", "some"])
def test_a_backward_pass_in_the_forward_leaves_the_gradients(before, monkeypatch):
    # as in a process with one thread: an earlier test may have left another
    monkeypatch.setattr("hookcount.observe.undo.others.clocks", dict)
    model, x = Trains(), torch.ones(1, 3, requires_grad=True)
    if before:
        model(x)
    state = snapshot(model=model, x=x)
    run_often(model, x)
    assert state.differences(snapshot(model=model, x=x)) == []
    assert (model.inner.weight.grad is not None) is before


def test_an_error_names_the_module_that_raised():
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(2, 2), nn.Linear(3, 3)))
    with pytest.raises(RuntimeError) as caught:
        run_often(model, torch.zeros(1, 2))
    assert "'1.1' (Linear) while it was being timed" in caught.value.__notes__[0]


def test_the_errors_of_hookcount_get_no_note():
    class Raises(nn.Module):
        def forward(self, x):
            raise hookcount.InputError("mine")

    with pytest.raises(hookcount.InputError) as caught:
        run_often(Raises(), torch.zeros(1))
    assert not hasattr(caught.value, "__notes__")
