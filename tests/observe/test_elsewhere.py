"""Work that a forward hands to other threads is counted where it was handed over."""

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

import pytest
import torch
from torch import nn

import hookcount

X = torch.ones(2, 8)
LINEAR = 2 * 8 * 8
"""MACs of one layer."""


class Layers(nn.Module):
    def __init__(self, forward):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)
        self.weight = nn.Parameter(torch.ones(8, 8))
        self.pool = ThreadPoolExecutor(1)
        self.pool.submit(int).result()  # its thread is there before any count
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def in_a_thread(self, x):
    got = []
    thread = threading.Thread(target=lambda: got.append(self.a(x)))
    thread.start()
    thread.join()
    assert "run" not in vars(thread)
    return got[0]


def in_a_subclass(self, x):
    class Work(threading.Thread):
        def run(inner):
            inner.out = self.a(x)

    thread = Work()
    thread.start()
    thread.join()
    return thread.out


def in_an_executor(self, x):
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda each: each(x), (self.a, self.b)))


def in_an_executor_of_the_module(self, x):
    return self.pool.submit(torch.mm, self.a(x), self.weight).result() * 2


def in_a_thread_pool(self, x):
    with ThreadPool(2) as pool:
        mapped = sum(pool.map(lambda each: each(x), (self.a, self.b)))
        return mapped + pool.apply(self.a, (x,)) + sum(pool.imap(self.b, [x]))


def in_asyncio(self, x):
    async def go():
        return await asyncio.to_thread(self.a, x)

    return asyncio.run(go())


def in_a_callback(self, x):
    first = torch.futures.Future()
    then = first.then(lambda future: self.a(future.value()))
    thread = threading.Thread(target=lambda: first.set_result(x))
    thread.start()
    thread.join()
    return then.wait()


def in_a_fork(self, x):
    return torch.jit.wait(torch.jit.fork(self.a, x))


def in_two_levels(self, x):
    def inner():
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(self.b, self.a(x)).result()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(inner).result()


@pytest.mark.parametrize("run", ["shapes", "real"])
@pytest.mark.parametrize(
    ("forward", "layers"),
    [
        (in_a_thread, 1),
        (in_a_subclass, 1),
        (in_an_executor, 2),
        (in_an_executor_of_the_module, 2),
        (in_a_thread_pool, 4),
        (in_asyncio, 1),
        (in_a_callback, 1),
        (in_a_fork, 1),
        (in_two_levels, 2),
    ],
)
def test_work_in_another_thread_is_counted(forward, layers, run):
    model = Layers(forward)
    report = hookcount.Counter(run=run).count(model, X)
    assert (report.run, report.macs, report.uncounted) == (run, layers * LINEAR, ())
    assert hookcount.Counter(run=run).count(model, X).macs == report.macs


def test_modules_in_another_thread_are_at_their_paths():
    frame = hookcount.count(nn.Sequential(Layers(in_an_executor)), X).to_dataframe()
    macs = dict(zip(frame.path, frame.macs, strict=True))
    assert macs["0.a"] == macs["0.b"] == LINEAR
    assert macs["0"] == 2 * LINEAR


def test_a_formula_for_the_module_pays_for_its_other_threads():
    formulas = hookcount.Registry()
    formulas.register(Layers, lambda: hookcount.Ops(macs=7), covers="subtree")
    assert hookcount.Counter(formulas).count(Layers(in_an_executor), X).macs == 7


def test_a_watch_counts_other_threads_too():
    model = nn.Linear(8, 8)
    with hookcount.Counter().watch(model) as watch, ThreadPoolExecutor(2) as pool:
        list(pool.map(model, [X, X, X]))
    assert watch.report().macs == 3 * LINEAR


def test_an_error_in_another_thread_is_the_models_own():
    def fails(self, x):
        return self.pool.submit(lambda: x.reshape(5, 5)).result()

    with pytest.raises(RuntimeError, match="shape '\\[5, 5\\]' is invalid"):
        hookcount.count(Layers(fails), X)


def test_threads_that_serve_the_same_model_are_not_work_of_a_count():
    model, stop = nn.Sequential(nn.Linear(8, 8), nn.Dropout(), nn.Linear(8, 8)), threading.Event()
    got = []

    def serve():
        while not stop.is_set():
            model(X)

    def count():
        for run in ("shapes", "real") * 20:
            report = hookcount.Counter(run=run).count(model, X)
            got.append((report.macs, report.uncounted))

    servers = [threading.Thread(target=serve) for _ in range(2)]
    counts = [threading.Thread(target=count) for _ in range(2)]
    for thread in (*servers, *counts):
        thread.start()
    for thread in counts:
        thread.join()
    stop.set()
    for thread in servers:
        thread.join()
    assert got == [(2 * LINEAR, ())] * 80


def test_a_worker_from_before_the_count_is_named():
    tasks, results = queue.Queue(), queue.Queue()

    def work():
        while (task := tasks.get()) is not None:
            results.put(task())

    worker = threading.Thread(target=work)
    worker.start()

    def ask(self, x):
        tasks.put(lambda: self.a(x))
        return {"out": [results.get()]}

    with pytest.warns(hookcount.UncountedWarning, match="ran work in another thread"):
        report = hookcount.count(Layers(ask), X)
    tasks.put(None)
    worker.join()
    assert [each.paths for each in report.uncounted] == [("",)]


def test_work_that_goes_on_after_the_forward_is_named():
    begun, done = threading.Event(), threading.Event()

    def starts(self, x):
        def work():
            self.a(x)
            begun.set()
            done.wait(20)

        self.pool.submit(work)
        begun.wait(20)
        return self.b(x)

    model = Layers(starts)
    with pytest.warns(hookcount.UncountedWarning, match="had not ended when the forward returned"):
        hookcount.count(model, X)
    done.set()
    model.pool.shutdown()
