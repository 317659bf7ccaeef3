"""Which function was called: ``OpRun.called``, by the forms that a call has in Python; and a
convention that lists functions.
"""

import argparse
import dis
import functools
import inspect
import os
import sys
import types
import warnings

import pytest
import torch
from helpers.functions import Fn
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.observe.call_sites.called import called, steps_of

package = types.ModuleType("package.of_functions")
package.inner = types.ModuleType("package.of_functions.inner")
noted = []


class Value:
    """Notes how each of its operators and methods was called."""

    def note(self, *args, **kwargs):
        noted.append(called(sys._getframe(1)))
        return self

    __matmul__ = __imatmul__ = __add__ = note
    read = property(note)

    @staticmethod
    def made(*args, **kwargs):
        noted.append(called(sys._getframe(1)))


def note(*args, **kwargs):
    noted.append(called(sys._getframe(1)))
    return Value()


package.f = package.inner.g = note
MORE = {"f": note}
F_NAME, G_NAME, MINE = "package.of_functions.f", "package.of_functions.inner.g", f"{__name__}.note"


def plain(x, y, which):
    package.f(x, y)
    package.inner.g(x, y)
    package.inner.g(x, key=y)
    note(x)
    note(key=x)
    Value.made(x)
    return [F_NAME, G_NAME, G_NAME, MINE, MINE, f"{__name__}.Value.made"]


def local(x, y, which):
    here, value = package, Value()
    here.f(x, y)
    here.inner.g(x)
    value.note(x)
    return [F_NAME, G_NAME, ".note"]


def of_items(x, y, which):
    held, of_names, args = [x, [y]], {"f": note}, (x,)
    held[0].note(y, key=x)
    held[1][0].note(*args)
    held[1][0].note(x if which else y, key=x)
    x.note(held[1]).note(*args)
    of_names["f"](x)
    MORE["f"](x)
    MORE["f"](*args)
    return [".note", ".note", ".note", ".note", ".note", "", "", ""]


def unpacked(x, y, which):
    args, options = (x, y), {"key": y}
    package.f(*args)
    package.inner.g(*args, **options)
    package.inner.g(x, *args, other=3, **options)
    return [F_NAME, G_NAME, G_NAME]


def of_values(x, y, which):
    x @ y
    x @= y
    x + y
    x.note(y)
    x.note(y, key=x).note(3 if which else 4)
    x.read.note()
    return ["@", "@=", "", ".note", ".note", ".note", "", ".note"]


def by_other_names(x, y, which):
    mine = note
    mine(x)
    mine(key=x)
    (lambda: note)()(x)
    return ["", "", ""]


def chosen(x, y, which):
    package.f(x, y if which else x)
    package.f(y if which else x, x)
    package.f(x if not which else y if y else 3, not which, which or (x and y))
    which and package.inner.g(x, 3)
    z = package.f(x) if which else package.inner.g(x)
    return (
        [F_NAME, F_NAME, F_NAME, G_NAME, F_NAME]
        if which and z
        else [F_NAME, F_NAME, F_NAME, G_NAME]
    )


def nested(x, y, which):
    package.f(
        package.inner.g(1),
        [each + 1 for each in range(3)],
        {1: y @ x},
        f"{which}",
        1 < 3 < 4,
        lambda: 3,
    )
    return [G_NAME, "@", F_NAME]


def in_blocks(x, y, which):
    for _ in range(2):
        with open(os.devnull):
            try:
                package.f(1, 2)
                raise ValueError
            except ValueError:
                package.inner.g(1, key=y if which else 2)
            finally:
                package.f(y if which else 2, 3)
    return [F_NAME, G_NAME, F_NAME] * 2


@pytest.mark.parametrize(
    "form", [plain, local, of_items, unpacked, of_values, by_other_names, chosen, nested, in_blocks]
)
def test_the_name_in_each_form_of_a_call(form):
    noted.clear()
    expected = form(Value(), Value(), True)
    assert noted == expected


def of_weight(function):
    """A function of the input and of a square weight, as a module."""
    return Fn(lambda me, x: function(x, me.w), w=torch.ones(4, 4))


NAMES = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD", "LOAD_FAST", "LOAD_DEREF"}


def codes_of(code):
    yield code
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from codes_of(each)


@pytest.mark.parametrize("module", [argparse, functools, inspect, nn.functional])
def test_the_steps_of_code_are_those_that_dis_finds(module):
    checked = set()
    for code in codes_of(compile(inspect.getsource(module), "<code>", "exec")):
        read = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
        offsets, steps = steps_of(code)
        assert offsets == [each.offset for each in read]
        for step, each in zip(steps, read, strict=True):
            assert (step.name, step.number) == (each.opname, each.arg or 0)
            if step.name in NAMES:
                assert step.means(code) == each.argval
                checked.add(step.name)
    assert checked >= {"LOAD_GLOBAL", "LOAD_ATTR", "LOAD_DEREF"}


def runs(report, *names):
    """What ran of these ops, by name of the function and line."""
    return [
        op
        for run in report.priced.trace.runs
        for op in run.ops
        if str(op.call.target).split(".")[1] in names
    ]


CALLS = {
    "torch.matmul": lambda x, w: torch.matmul(x, w),
    ".matmul": lambda x, w: x.matmul(w),
    "@": lambda x, w: x @ w,
    "torch.mm": lambda x, w: torch.mm(x, w),
    "torch.nn.functional.linear": lambda x, w: F.linear(x, w),
    "torch._VF.einsum": lambda x, w: torch.einsum("ij,jk->ik", x, w),
    "torch.ops.aten.mm": lambda x, w: torch.ops.aten.mm(x, w),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
@pytest.mark.parametrize("run", ["shapes", "real"])
def test_the_function_that_ran_an_op(name, mode, run):
    with mode():
        report = hookcount.Counter(run=run).count(of_weight(CALLS[name]), torch.ones(2, 4))
    (product,) = runs(report, "mm", "bmm")
    assert product.called == name
    assert product.line.startswith(__file__)


def test_in_torchs_own_layers_the_function_is_known_and_the_line_is_none():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)
            self.mha = nn.MultiheadAttention(4, 1, batch_first=True)

        def forward(self, x):
            x = self.linear(x)
            return self.mha(x, x, x)[0]

    report = hookcount.count(Model().eval(), torch.ones(2, 3, 4))
    found = {(op.called, op.line) for op in runs(report, "addmm", "mm", "bmm")}
    assert found == {("torch.nn.functional.linear", ""), ("torch.bmm", "")}


def test_equal_calls_of_one_line_are_one():
    def products(x, w):
        for _ in range(5):
            x = x @ w + x @ w
        return x

    report = hookcount.count(of_weight(products), torch.ones(2, 4))
    (product,) = runs(report, "mm")
    assert (product.times, product.called) == (10, "@")


def test_a_convention_of_functions():
    """Of three equal products the two whose functions it lists."""

    def products(x, w):
        return torch.mm(x, w) @ w + x.mm(w)

    from hookcount.conventions.torchvision import TORCHVISION

    report = hookcount.count(of_weight(products), torch.ones(2, 4))
    product = {"aten::mm": "aten::mm"}
    replaced = {"torch.mm": product, ".mm": product}
    listed = hookcount.Convention("some", formulas=TORCHVISION.formulas, replaced=replaced)
    assert report.under(TORCHVISION).headline == 3 * 2 * 4 * 4
    assert report.under(listed).headline == 2 * 2 * 4 * 4
    assert report.under(listed).uncounted == ()


def test_code_that_is_made_anew_each_time():
    """A code object's identity may pass to another's: what was called must not."""
    found = []
    for name in ("torch.matmul(x, w)", "x @ w", "x.mm(w)") * 20:
        space = {"torch": torch}
        exec(f"def function(x, w):\n    return {name}", space)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = hookcount.count(of_weight(space.pop("function")), torch.ones(2, 4))
        found.append(runs(report, "mm")[0].called)
    assert found == ["torch.matmul", "@", ".mm"] * 20
