"""``Training.watch`` in loops of many kinds: the same training as without, and no work without an
owner.
"""

import copy
import queue
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vjp
from torch.nn.utils import clip_grad_norm_
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.checkpoint import checkpoint

import hookcount
from hookcount import Training
from hookcount.core.ops import flops

FORWARD = 4 * (8 * 16 + 16 * 2)
BACKWARD = 4 * (8 * 16 + 2 * 16 * 2)  # the first layer needs no gradient of its input


def net():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.BatchNorm1d(16), nn.Linear(16, 2))


PARAMETERS = 8 * 16 + 16 + 2 * 16 + 16 * 2 + 2


def x():
    return torch.randn(4, 8)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def accumulation(model):
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        for _ in range(3):
            (F.mse_loss(model(x()), torch.randn(4, 2)) / 3).backward()
        optimizer.step()


def several_losses(model):
    out = model(x())
    torch.autograd.backward([out.pow(2).mean(), out.abs().mean()])
    sgd(model).step()


def twice(model):
    loss = model(x()).mean()
    loss.backward(retain_graph=True)
    loss.backward()
    sgd(model).step()


def by_hand(model):
    found = torch.autograd.grad(model(x()).pow(2).sum(), list(model.parameters()))
    with torch.no_grad():
        for each, gradient in zip(model.parameters(), found, strict=True):
            each -= gradient


def scaled_and_clipped(model):
    optimizer, scaler = sgd(model), torch.amp.GradScaler("cpu")
    scaler.scale(model(x()).pow(2).mean()).backward()
    scaler.unscale_(optimizer)
    clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()


def averaged(model):
    optimizer = torch.optim.Adam(model.parameters())
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    for _ in range(2):
        optimizer.zero_grad(set_to_none=False)
        model(x()).pow(2).mean().backward()
        optimizer.step()
        rates.step()
        average.update_parameters(model)


def transforms(model):
    model.eval()
    parameters, buffers, images = dict(model.named_parameters()), dict(model.named_buffers()), x()

    def loss(held):
        return functional_call(model, (held, buffers), (images,)).pow(2).sum()

    grad(loss)(parameters)
    out, pull = vjp(loss, parameters)
    pull(torch.ones_like(out))


def hooks(model):
    handles = [each.register_hook(lambda g: g * 2) for each in model.parameters()]
    out = model(x())
    out.register_hook(lambda g: g @ torch.ones(2, 2))
    out.sum().backward()
    for each in handles:
        each.remove()


def steps_in_the_pass(model):
    optimizers = {each: torch.optim.SGD([each], lr=0.1) for each in model.parameters()}

    def update(parameter):
        optimizers[parameter].step()
        optimizers[parameter].zero_grad()

    handles = [each.register_post_accumulate_grad_hook(update) for each in model.parameters()]
    model(x()).sum().backward()
    for each in handles:
        each.remove()


def nested_checkpoints(model):
    for reentrant in (True, False):

        def inner(y, reentrant=reentrant):
            return checkpoint(model[0], y, use_reentrant=reentrant)

        again = x().requires_grad_()
        layers = lambda y, inner=inner: model[3](inner(y))  # noqa: E731
        checkpoint(layers, again, use_reentrant=reentrant).sum().backward()


def offloaded(model):
    with torch.autograd.graph.save_on_cpu():
        out = model(x())
    out.sum().backward()


def a_pass_in_a_hook(model):
    out = model[0](x()).tanh()

    def hook(gradient):
        with torch.enable_grad():
            model[3](out.detach()).pow(2).sum().backward()
        return gradient

    out.register_hook(hook)
    out.sum().backward()


def an_exception(model):
    out = model(x())

    def hook(gradient):
        raise KeyError("of a hook")

    out.register_hook(hook)
    with pytest.raises(KeyError, match="of a hook"):
        out.sum().backward()
    sgd(model).step()


def another_thread(model):
    thread = threading.Thread(target=model(x()).sum().backward)
    thread.start()
    thread.join()


def a_pass_of_its_own_in_a_thread(model):
    model(x()).sum().backward()
    model.zero_grad()

    def step():
        model(x()).sum().backward()
        sgd(model).step()

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()


ONE = (FORWARD, BACKWARD)
TWO = (2 * FORWARD, 2 * BACKWARD)
LINEAR, HEAD = 4 * 8 * 16, 4 * 16 * 2
# MACs of the forward and of the backward pass
LOOPS = {
    accumulation: (6 * FORWARD, 6 * BACKWARD),
    several_losses: ONE,
    twice: (FORWARD, 2 * BACKWARD),
    by_hand: ONE,
    scaled_and_clipped: ONE,
    averaged: TWO,
    transforms: TWO,
    hooks: (FORWARD, BACKWARD + 4 * 2 * 2),
    steps_in_the_pass: ONE,
    nested_checkpoints: (2 * (LINEAR + HEAD), 4 * (LINEAR + HEAD)),
    offloaded: ONE,
    # a forward in a hook is a forward that runs in the pass: a recomputation
    a_pass_in_a_hook: (LINEAR, LINEAR + HEAD),
    an_exception: (FORWARD, 0),
    another_thread: ONE,
    a_pass_of_its_own_in_a_thread: TWO,
}


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_loop_is_counted_and_goes_on_as_without(loop):
    model, other = net(), net()
    torch.manual_seed(0)
    loop(other)
    torch.manual_seed(0)
    multithreaded = torch._C._is_multithreading_enabled()
    with Training().watch(model) as watch:
        loop(model)
    for one, two in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert (one.grad is None) == (two.grad is None)
        assert one.grad is None or torch.equal(one.grad, two.grad)
    assert torch._C._is_multithreading_enabled() == multithreaded
    report = watch.report()
    assert (report.macs, report.backward.macs) == LOOPS[loop]
    assert report.step.uncounted == ()
    assert not any(each.ops.macs for each in report.step.records if each.path == "<outside>")


def owned(report):
    return {each.path: flops(each.own) for each in report.tree if flops(each.own)}


def test_an_update_by_hand_is_the_optimizers():
    model = net()
    with Training().watch(model) as watch:
        by_hand(model)
    parts = {"0": 8 * 16 + 16, "2": 2 * 16, "3": 16 * 2 + 2}
    assert owned(watch.report().optimizer) == parts  # each -= gradient


def test_clipping_and_the_average_are_the_optimizers():
    model = nn.Linear(4, 2, bias=False)
    model(torch.ones(1, 4)).sum().backward()
    average = copy.deepcopy(model)
    with Training().watch(model) as watch, torch.no_grad():
        model.weight.grad.mul_(0.5)  # of each gradient one
        average.weight.lerp_(model.weight, 0.1)  # its own, and of each element three
        for mine, one in zip(average.parameters(), model.parameters(), strict=True):
            mine.data.copy_(one.data)
        model.weight.data.mul_(0.9)
    report = watch.report()
    assert report.optimizer.flops == 8 * (1 + 3 + 1)
    assert report.flops == 0


def test_parameters_that_a_loop_replaces_or_adds():
    """``load_state_dict(assign=True)`` replaces all. Another layer is added, as adapters are."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False))
    with Training().watch(model) as watch:
        model(torch.ones(2, 4)).sum().backward()
        model.load_state_dict({"0.weight": torch.ones(4, 4)}, assign=True)
        model.append(nn.Linear(4, 3, bias=False))
        for _ in range(2):  # the second pass adds to the gradients
            model(torch.ones(2, 4)).sum().backward()
        sgd(model).step()
        with torch.no_grad():
            for each in model.parameters():
                each -= 0.1 * each.grad
    report = watch.report()
    # two for SGD, two for the update by hand
    assert owned(report.optimizer) == {"0": 4 * 4 * 4, "1": 4 * 4 * 3}
    added = {each.path: each.ops.adds for each in report.backward.records if not each.ops.macs}
    assert (added["0"], added["1"]) == (4 * 4, 4 * 3)
    assert report.flops == 2 * report.macs + 7 + 5 + 5  # the sums of 8, 6 and 6 outputs


def test_a_pass_in_a_thread_that_was_there_before():
    tasks, done = queue.Queue(), queue.Queue()

    def work():
        while (task := tasks.get()) is not None:
            task()
            done.put(None)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        model = net()
        with Training().watch(model) as watch:
            tasks.put(model(x()).sum().backward)
            done.get(timeout=60)
    finally:
        tasks.put(None)
        thread.join()
    assert watch.report().backward.macs == BACKWARD


class Asks(nn.Linear):
    """Its gradient hook notes whether autograd may use threads."""

    def __init__(self):
        super().__init__(8, 2)
        self.found = []

    def forward(self, x):
        out = super().forward(x)
        out.register_hook(lambda _: self.found.append(torch._C._is_multithreading_enabled()))
        return out


@pytest.mark.parametrize("run", ["shapes", "real"])
def test_a_pass_of_a_count_is_in_its_own_thread(run):
    found = []
    model = Asks()
    model.found = found
    before = torch._C._is_multithreading_enabled()
    Training(counter=hookcount.Counter(run=run)).count(model, x())
    with Training().watch(model):
        model(x()).sum().backward()
    model(x()).sum().backward()
    assert [*model.found][-2:] == [False, before]
    assert torch._C._is_multithreading_enabled() == before
