"""No raw traceback: what users' code, files and pipes can do to the command line."""

import functools
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hookcount

SOURCE = """
import sys, time, warnings
from torch import nn

warnings.warn("a warning at import")

class Stop(BaseException): pass

class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no text")

def deep(): return deep()
def plain(): raise ValueError("two\\nlines")
def colours(): raise ValueError("\\x1b[31mred\\x07")
def memory(): raise MemoryError
def leaves(): sys.exit("bye")
def stops(): raise Stop("stop")
def odd(): raise Odd
def interrupts(): raise KeyboardInterrupt
def sleeps():
    open("asleep", "w").close()
    time.sleep(60)
def nothing(): return None
def wants(x): return x
def lazy(): return nn.LazyLinear(3)

def net(happens):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(3, 2)
        def forward(self, x):
            happens()
            return self.inner(x)
    return Net

for name in ("deep", "plain", "colours", "memory", "leaves", "stops", "odd", "interrupts"):
    globals()[f"in_forward_{name}"] = net(globals()[name])
"""
RAISED = ("deep", "plain", "colours", "memory", "leaves", "stops", "odd")
QUICK = ("--warmup", "0", "--repeat", "1", "--min-seconds", "0")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "troubles.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("troubles", None)


def expect(result, status):
    found, out, err = result
    assert (found, out) == (status, "")
    assert "Traceback" not in err
    assert not re.search("[\x00-\x09\x0b-\x1f]", err)
    if status != 130:
        assert err.count("hookcount: error: ") == err.count("To fix it: ") == 1


@pytest.mark.parametrize("name", [*RAISED, "nothing", "wants", "lazy"])
@pytest.mark.parametrize("command", [(), ("size",)])
def test_a_factory_that_fails(run, folder, command, name):
    words = () if command else ("--input", "1x3")
    expect(run(*command, f"troubles.py:{name}", *words), 1)


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("command", [(), ("compare",), ("measure", *QUICK)])
def test_a_forward_that_fails(run, folder, command, name):
    expect(run(*command, f"troubles.py:in_forward_{name}", "--input", "1x3"), 1)


@pytest.mark.parametrize("name", ["interrupts", "in_forward_interrupts"])
def test_an_interrupt(run, folder, name):
    expect(run(f"troubles.py:{name}", "--input", "1x3"), 130)
    expect(run("measure", f"troubles.py:{name}", "--input", "1x3", *QUICK), 130)


@pytest.mark.parametrize(
    "code",
    [
        b"x = '\xff\xfe'\n",
        b"def f(:\n",
        b"x\0y\n",
        b"raise SystemExit(3)\n",
        b"class S(BaseException): pass\nraise S\n",
        b"import no_such_package\n",
        b"1 / 0\n",
    ],
)
def test_a_file_that_cannot_be_imported(run, folder, code):
    (folder / "broken_code.py").write_bytes(code)
    expect(run("broken_code.py:f"), 1)
    assert "broken_code" not in sys.modules


@pytest.mark.parametrize(
    "name",
    [
        *("a:b:c", "a b:c", ".:x", "C:\\nets\\net.py:f", "C:\\nets\\net.pt", "a/b", "x.py"),
        *("a" * 3000, "a/" * 3000, "a" * 300 + ".pt", "\udcff", "a\nb"),
        *("timm:", "os.path:nothing", "torch:nn.x"),
    ],
)
def test_a_name_of_nothing(run, folder, name):
    found, out, err = run(name)
    assert found in (1, 2)
    expect((found, out, err), found)


def test_a_traceback_is_shown_where_it_is_wanted(run, folder):
    _, _, err = run("troubles.py:in_forward_plain", "--input", "1x3", "--traceback")
    assert "Traceback (most recent call last)" in err
    assert "in plain" in err


def test_a_fault_of_hookcount(run, monkeypatch):
    def fault(*args, **kwargs):
        raise IndexError("a fault")

    monkeypatch.setattr("hookcount.cli.size.size", fault)
    status, out, err = run("size", "resnet18")
    assert "not expected: IndexError: a fault" in err
    expect((status, out, err), 1)
    assert 'raise IndexError("a fault")' in run("size", "resnet18", "--traceback")[2]


# -- as a program


def program(*words, **options):
    beside = Path(hookcount.__file__).parents[1]
    path = os.pathsep.join([str(beside), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", "hookcount", *words],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        **options,
    )


def test_a_reader_that_leaves():
    with program("size", "squeezenet1_1", stdout=subprocess.PIPE) as running:
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(300) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk():
    with open("/dev/full", "w") as full, program("size", "squeezenet1_1", stdout=full) as running:
        err = running.stderr.read().decode()
        assert running.wait(300) == 2
    expect((2, "", err), 2)
    assert "stdout: cannot write the file: No space left" in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_control_c(folder):
    # a shell starts a program in the background with this signal ignored, and the suite may be one
    not_ignored = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    options = {"stdout": subprocess.PIPE, "cwd": folder, "preexec_fn": not_ignored}
    with program("troubles.py:sleeps", **options) as running:
        end = time.monotonic() + 120
        while not (folder / "asleep").exists() and time.monotonic() < end:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, b"")
    assert b"Traceback" not in err
