"""A formula names what it needs: by name, by position, or all."""

import dis
import functools
import inspect

import pytest
import torch
from torch import nn

import hookcount
from hookcount import FormulaError, Ops, RegistrationError, Registry
from hookcount.formulas import BUILTIN
from hookcount.rules.binding import CallFormula
from hookcount.rules.parameters import known_parameters, parameters_of

A, B = torch.zeros(3, 4), torch.zeros(4, 5)


class Product(nn.Module):
    def forward(self, x, y):
        return torch.mm(x, y)


def macs_of_mm(formula):
    """``aten::mm(self, mat2)`` of [3, 4] and [4, 5], priced by ``formula``."""
    mine = Registry()
    mine.register("aten::mm", formula)
    return hookcount.Counter(mine).count(Product(), A, B).macs


def of_module(cls, formula, *args, **kwargs):
    mine = Registry()
    mine.register(cls, formula)
    return hookcount.Counter(mine, run="real").count(cls(), *args, **kwargs).total


# -- ops ---------------------------------------------------------------------------------------


def test_an_op_by_the_names_of_its_schema():
    assert macs_of_mm(lambda mat2: Ops(macs=mat2[1])) == 5
    assert macs_of_mm(lambda mat2, self: Ops(macs=100 * self[0] + mat2[1])) == 305
    assert macs_of_mm(lambda out: Ops(macs=out.numel())) == 15
    assert macs_of_mm(lambda *, self, out: Ops(macs=self[1] * out.numel())) == 60
    assert macs_of_mm(lambda: Ops(macs=7)) == 7


def test_an_op_by_position_under_names_of_ones_own():
    def as_before(a, b, *, out):
        return Ops(macs=a[0] * a[1] * b[1] + 0 * out.numel())

    assert macs_of_mm(as_before) == 60
    assert macs_of_mm(lambda a: Ops(macs=a[0])) == 3
    assert macs_of_mm(lambda a, b, out: Ops(macs=b[1] * out[0])) == 15
    assert macs_of_mm(lambda mat2, self, /: Ops(macs=100 * mat2[0] + self[1])) == 305


def test_an_op_gets_everything_where_the_formula_takes_it():
    def everything(*args, out, **kwargs):
        assert [tuple(each) for each in args] == [(3, 4), (4, 5)]
        assert kwargs == {}
        return Ops(macs=out.numel())

    assert macs_of_mm(everything) == 15
    assert macs_of_mm(lambda self, **rest: Ops(macs=rest["mat2"][1] * rest["out"][0])) == 15
    assert macs_of_mm(lambda first, *rest: Ops(macs=first[0] * rest[0][1])) == 15


def test_defaults_are_the_formulas_own_or_else_the_schemas():
    class Sum(nn.Module):
        def forward(self, x):
            return torch.add(x, x)

    def priced(formula):
        mine = Registry()
        mine.register("aten::add", formula)
        return hookcount.Counter(mine).count(Sum(), A).total.adds

    assert priced(lambda alpha: Ops(adds=alpha)) == 1
    assert priced(lambda alpha=9: Ops(adds=alpha)) == 9
    assert priced(lambda *, alpha: Ops(adds=alpha)) == 1


def test_a_keyword_only_name_that_no_overload_has_is_an_error_at_registration():
    with pytest.raises(
        RegistrationError, match=r"aten::mm: the formula at .* asks for 'mat3'.*self, mat2"
    ):
        Registry().register("aten::mm", lambda *, mat3: Ops())
    Registry().register("aten::add", lambda *, alpha: Ops())  # some overload has it
    with pytest.raises(RegistrationError, match=r"asks for 'inputs'.*input, module, out"):
        Registry().register(nn.Linear, lambda *, inputs: Ops())


def test_a_keyword_only_name_is_an_error_at_first_use_where_the_target_is_a_name():
    mine = Registry()
    mine.register(f"{Product.__module__}.Product", lambda *, z: Ops())
    with pytest.raises(
        FormulaError, match=r"the model itself.*asks for 'z', which the call does not give"
    ):
        hookcount.Counter(mine).count(Product(), A, B)


def test_a_name_of_the_schemas_at_another_place_beside_a_wrong_one_is_an_error():
    """``self`` is a parameter of mm, but not its second: by position it would be silently wrong."""
    with pytest.raises(
        FormulaError, match=r"asks for 'mat3', which the target does not have.*'self'"
    ):
        macs_of_mm(lambda mat3, self: Ops())


# -- modules -----------------------------------------------------------------------------------


class Masked(nn.Module):
    def forward(self, x, mask=None, *, scale=2):
        return x.flatten()


def test_a_module_by_the_names_of_its_forward():
    x, mask = torch.zeros(2, 3), torch.zeros(5)
    assert of_module(Masked, lambda x: Ops(macs=x[1]), x) == Ops(macs=3)
    assert of_module(Masked, lambda mask: Ops(macs=mask[0]), x, mask=mask) == Ops(macs=5)
    assert of_module(Masked, lambda mask: Ops(macs=mask[0]), x, mask) == Ops(macs=5)
    assert of_module(Masked, lambda scale: Ops(macs=scale), x) == Ops(macs=2)
    assert of_module(
        Masked, lambda scale, module: Ops(macs=scale + module.training), x, scale=4
    ) == Ops(macs=5)


def test_a_module_by_position_the_module_first():
    x, mask = torch.zeros(2, 3), torch.zeros(5)

    def as_before(layer, given, hidden=None, *, out):
        assert isinstance(layer, Masked)
        return Ops(macs=given[1], adds=0 if hidden is None else hidden[0], muls=out[0])

    assert of_module(Masked, as_before, x) == Ops(macs=3, muls=6)
    assert of_module(Masked, as_before, x, mask) == Ops(macs=3, adds=5, muls=6)
    assert of_module(Masked, as_before, x, mask=mask) == Ops(macs=3, adds=5, muls=6)
    assert of_module(Masked, lambda layer: Ops(macs=7), x, mask) == Ops(macs=7)


def test_a_module_gets_everything_where_the_formula_takes_it():
    x, mask = torch.zeros(2, 3), torch.zeros(5)

    def everything(module, *args, out, **kwargs):
        return Ops(macs=len(args), adds=len(kwargs), muls=out[0])

    assert of_module(Masked, everything, x, mask=mask, scale=3) == Ops(macs=1, adds=2, muls=6)
    assert of_module(Masked, everything, x, mask) == Ops(macs=2, muls=6)


class Out(nn.Module):
    """A forward whose parameters are called as what a formula may name."""

    def forward(self, x, out=None, module=None):
        return x.flatten()


def test_a_forward_with_parameters_called_out_and_module():
    x, given = torch.zeros(2, 3), torch.zeros(7)
    for formula in (
        lambda module, x, *, out: Ops(macs=x[1], adds=out[0], muls=int(isinstance(module, Out))),
        lambda layer, value, *rest, out: Ops(
            macs=value[1], adds=out[0], muls=int(isinstance(layer, Out))
        ),
        lambda module, *args, out, **kwargs: Ops(
            macs=args[0][1], adds=out[0], muls=int(isinstance(module, Out))
        ),
    ):
        assert of_module(Out, formula, x, out=given) == Ops(macs=3, adds=6, muls=1)
        assert of_module(Out, formula, x, given, given) == Ops(macs=3, adds=6, muls=1)
        assert of_module(Out, formula, x, module=given) == Ops(macs=3, adds=6, muls=1)
    assert of_module(Out, lambda layer, value, buffer: Ops(macs=buffer[0]), x, out=given) == Ops(
        macs=7
    )


class Open(nn.Module):
    def forward(self, *inputs, **options):
        return inputs[0].flatten()


def test_a_forward_without_names():
    x = torch.zeros(2, 3)
    assert of_module(Open, lambda module, first: Ops(macs=first[1]), x, x) == Ops(macs=3)
    assert of_module(Open, lambda module, *inputs: Ops(macs=len(inputs)), x, x) == Ops(macs=2)
    assert of_module(Open, lambda *, gain: Ops(macs=gain), x, gain=4) == Ops(macs=4)
    assert of_module(Open, lambda module, gain: Ops(macs=gain), x, gain=4) == Ops(macs=4)
    assert of_module(Open, lambda module, first: Ops(macs=first[1]), x, gain=4) == Ops(macs=3)


def test_an_error_says_the_path_the_formula_and_the_arguments():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Masked()

        def forward(self, x):
            return self.inner(x)

    mine = Registry()
    mine.register(Masked, lambda x, mask: Ops(macs=mask[0]))
    with pytest.raises(FormulaError) as caught:
        hookcount.Counter(mine).count(Holder(), torch.zeros(2, 3))
    text = str(caught.value)
    assert text.startswith("'inner' (Masked): the formula for ")
    assert "raised TypeError" in text
    assert "x=torch.Size([2, 3]), mask=None" in text


# -- what a binding must not guess ---------------------------------------------------------------


class Scatters(nn.Module):
    def forward(self, x, value):
        return x.scatter(1, torch.zeros(3, 2, dtype=torch.int64), value)


def test_names_of_another_overload_in_another_order_are_not_bound_by_position():
    """``aten::scatter.value(self, dim, index, value)`` has no ``src``; its third is the index."""
    mine = Registry()
    mine.register("aten::scatter", lambda self, dim, src: Ops(macs=self[1] * 10 + dim + src[1]))
    assert hookcount.Counter(mine).count(Scatters(), A, A).macs == 4 * 10 + 1 + 4
    with pytest.raises(FormulaError, match="asks for 'src', which the call does not give"):
        hookcount.Counter(mine).count(Scatters(), A, 1.0)


def test_a_keyword_only_parameter_of_the_target_by_its_name_after_names_of_ones_own():
    class Weighted(nn.Module):
        def forward(self, x):
            return torch.add(x, x, alpha=3)

    mine = Registry()
    mine.register("aten::add", lambda a, b, alpha=1: Ops(adds=alpha * b[0]))
    assert hookcount.Counter(mine).count(Weighted(), A).total == Ops(adds=9)
    x = torch.zeros(2, 3)
    assert of_module(Masked, lambda m, a, b, scale: Ops(macs=scale), x, scale=4) == Ops(macs=4)
    with pytest.raises(FormulaError, match="'scale', which is not at that place"):
        of_module(Masked, lambda m, scale, b: Ops(macs=1), x, x)


def test_module_is_the_module_at_any_place():
    x = torch.zeros(2, 3)
    for formula in (
        lambda given, module: Ops(macs=given[1], muls=int(isinstance(module, Masked))),
        lambda given, module, *rest: Ops(macs=given[1], muls=int(isinstance(module, Masked))),
        lambda given, hidden, module: Ops(macs=given[1], muls=int(isinstance(module, Masked))),
        lambda given, out, module, *rest: Ops(macs=given[1], muls=out[0] // 6),
    ):
        assert of_module(Masked, formula, x) == Ops(macs=3, muls=1)
    with pytest.raises(FormulaError, match="'module', which is not at that place"):
        macs_of_mm(lambda module, given: Ops(macs=1))


def test_a_parameter_called_out_of_the_target_keeps_its_place():
    """The formula's ``out`` is the result; what follows is not moved to the place before it."""
    x, given = torch.zeros(2, 3), torch.zeros(7)
    seen = of_module(Out, lambda m, a, out, b: Ops(macs=out[0], adds=b[0]), x, given, given[:5])
    assert seen == Ops(macs=6, adds=5)


def test_an_argument_of_the_forward_is_not_taken_for_the_module():
    x = torch.zeros(2, 3)
    with pytest.raises(FormulaError, match="asks for 'covering', which .* and for 'x'"):
        of_module(Masked, lambda x, covering: Ops(macs=1), x, x)
    with pytest.raises(FormulaError, match="asks for 'x', which is not at that place"):
        of_module(Masked, lambda x, *rest: Ops(macs=1), x, x)


def test_an_argument_given_by_name_is_not_taken_from_another_place():
    x = torch.zeros(2, 3)
    with pytest.raises(FormulaError, match="'gain', which is not at that place"):
        of_module(Open, lambda x, gain: Ops(macs=1), x, gain=4)


def test_a_default_of_the_forward_that_is_a_tensor_is_its_size():
    class Scaled(nn.Module):
        def forward(self, x, weight=torch.ones(3)):  # noqa: B008
            return x * weight

    assert of_module(Scaled, lambda weight: Ops(macs=weight[0]), torch.zeros(2, 3)).macs == 3


class Static(nn.Module):
    @staticmethod
    def forward(x, times=1):
        return x * times


class OfClass(nn.Module):
    @classmethod
    def forward(cls, x, times=1):
        return x * times


class Partial(nn.Module):
    def times(self, unused, x, times=1):
        return x * times

    forward = functools.partialmethod(times, None)


class Callable_(nn.Module):
    class Times:
        def __call__(self, x, times=1):
            return x * times

    forward = Times()


@pytest.mark.parametrize("cls", [Static, OfClass, Partial, Callable_])
def test_a_forward_that_is_no_plain_method(cls):
    x = torch.zeros(2, 3)
    by_name = of_module(cls, lambda x, times: Ops(macs=10 * x[1] + times), x, times=4)
    by_position = of_module(cls, lambda m, a, b: Ops(macs=10 * a[1] + b), x, times=4)
    assert by_name == by_position == Ops(macs=34)


def test_what_a_partial_gives_by_name_is_no_parameter():
    def scaled(a, mat2, factor):
        return Ops(macs=factor * mat2[1])

    assert macs_of_mm(functools.partial(scaled, factor=2)) == 10


# -- hookcount's own ---------------------------------------------------------------------------


def bound_formulas():
    for name in BUILTIN:
        price = BUILTIN.get(name).price
        if callable(price) and not isinstance(price, CallFormula):
            yield name, price


def test_each_of_hookcounts_own_formulas_asks_for_names_that_its_target_has():
    """The keyword-only names, and for ops that are bound by name all of them: in some overload."""
    wrong = []
    for name, price in bound_formulas():
        known = known_parameters(name, None)
        wanted = parameters_of(price)
        names = [each for each in wanted.keyword if each not in ("out", "module")]
        if not name.startswith("aten::"):  # versions of a library differ in what has a default
            names = [each for each in names if wanted.default(each) is inspect.Parameter.empty]
        wrong += [(name, each) for each in names if known and not any(each in one for one in known)]
    assert wrong == []


def test_few_parameters_of_hookcounts_own_formulas_are_unused():
    """Formulas name what they need. A few by position must name what comes before."""
    wanted = unused = 0
    for price in {price for _, price in bound_formulas()}:
        code = getattr(price, "__code__", None)
        if code is None or hasattr(price, "__signature__"):
            continue
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        loaded = [each.argval for each in dis.get_instructions(price) if "LOAD_" in each.opname]
        # from Python 3.13 on, one instruction may load two variables
        read = {name for one in loaded for name in (one if isinstance(one, tuple) else (one,))}
        read |= set(code.co_cellvars)
        wanted += len(names)
        unused += sum(name not in read for name in names)
    assert wanted > 500
    assert unused / wanted < 0.05
