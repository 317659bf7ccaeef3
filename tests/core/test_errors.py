"""Wrong input: a clear error that names the place and the fix, and nothing lost."""

import pytest
import torch
from torch import nn

import hookcount


class Fails(nn.Module):
    def forward(self, x):
        raise ValueError("no luck")


def deep():
    return nn.Sequential(nn.Linear(6, 6), nn.Sequential(nn.ReLU(), Fails()))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "NoneType.*not an nn.Module.*To fix it"),
        ("resnet50", "str.*not an nn.Module"),
        (nn.Linear, "Linear is a class.*Linear\\(\\.\\.\\.\\)"),
        (lambda x: x, "function.*wrap another function in a module"),
        (torch.zeros(2), "Tensor.*not an nn.Module"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [hookcount.count, hookcount.size, lambda model: hookcount.Counter().watch(model).__enter__()],
)
def test_not_a_model(call, wrong, says):
    with pytest.raises(hookcount.ModelError, match=says):
        call(wrong)


def test_forwards_own_exception_is_passed_on_with_the_path_noted():
    with pytest.raises(ValueError) as caught:
        hookcount.count(deep(), torch.zeros(4, 6))
    assert caught.value.args == ("no luck",)
    assert caught.value.__notes__ == [
        "hookcount: raised in '1.1' (Fails) while it was being counted; the model is as it was "
        "before."
    ]


def test_the_note_names_the_module_that_raised_last():
    class Catches(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = Fails(), nn.Linear(3, 3)

        def forward(self, x):
            try:
                self.first(x)
            except ValueError:
                return self.second(x)

    with pytest.raises(RuntimeError) as caught:
        hookcount.count(Catches(), torch.zeros(4, 6))
    assert "'second' (Linear)" in caught.value.__notes__[0]


def test_wrong_arguments():
    with pytest.raises(TypeError, match="forward") as caught:
        hookcount.count(nn.Linear(6, 5))
    assert "the model itself (Linear)" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError):
        hookcount.count(nn.Linear(6, 5), torch.zeros(4, 7))


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        (lambda module, x, *, out: 120, "returned 120, which is no hookcount.Ops"),
        (lambda module, x, *, out: None, "returned None"),
        (lambda module, x, *, out: hookcount.Ops(macs=-1), "ValueError.*never negative"),
        (lambda module, x, *, out: hookcount.Ops(macs=1.5), "TypeError.*an int, not float"),
        (lambda module, x, *, out: hookcount.Ops(macs=x[7]), "IndexError"),
    ],
)
def test_a_formula_that_fails(formula, says):
    registry = hookcount.Registry()
    registry.register(nn.Linear, formula)
    with pytest.raises(hookcount.FormulaError, match=says) as caught:
        hookcount.Counter(registry).count(
            nn.Sequential(nn.ReLU(), nn.Linear(6, 5)), torch.zeros(4, 6)
        )
    text = str(caught.value)
    assert text.startswith("'1' (Linear): the formula for torch.nn.modules.linear.Linear (")
    assert "test_errors.py:" in text
    assert "torch.Size([4, 6]), out=torch.Size([4, 5])" in text
    assert "To fix it: return hookcount.Ops" in text


def test_a_formula_that_needs_more_than_the_call_gives():
    registry = hookcount.Registry()
    registry.register(nn.Linear, lambda module, x, y: hookcount.Ops())
    with pytest.raises(hookcount.FormulaError, match="asks for 'y'") as caught:
        hookcount.Counter(registry).count(nn.Linear(6, 5), torch.zeros(4, 6))
    assert "test_errors.py:" in str(caught.value)


@pytest.mark.parametrize(
    "formula",
    [
        lambda module, x: hookcount.Ops(muls=x[1] * module.out_features),
        lambda module, *, out: hookcount.Ops(muls=module.in_features * out[1]),
    ],
)
def test_a_formula_names_only_what_it_needs(formula):
    registry = hookcount.Registry()
    registry.register(nn.Linear, formula)
    report = hookcount.Counter(registry).count(nn.Linear(6, 5), torch.zeros(4, 6))
    assert report.total == hookcount.Ops(muls=6 * 5)


def test_a_failing_formula_is_chained():
    registry = hookcount.Registry()
    registry.register("aten::relu", lambda x, *, out: 1 / 0)
    with pytest.raises(hookcount.FormulaError, match="ZeroDivisionError") as caught:
        hookcount.Counter(registry).count(Functional(), torch.zeros(2))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class Functional(nn.Module):
    def forward(self, x):
        return torch.relu(x)


def test_lazy_parameters():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(5))
    with pytest.raises(
        hookcount.ModelError,
        match="'1' \\(LazyLinear\\).*'weight' is a lazy parameter.*\n.*run the model once",
    ):
        hookcount.count(model, torch.zeros(4, 6))
    model(torch.zeros(4, 6))
    assert hookcount.count(model, torch.zeros(4, 6)).macs == 4 * 6 * 5


def test_empty_models():
    class Empty(nn.Module):
        def forward(self):
            return None

    report = hookcount.count(Empty())
    assert (report.macs, report.flops, report.params, report.uncounted) == (0, 0, 0, ())
    assert len(report.to_dataframe()) == 1
    assert "Empty" in str(report)
    with pytest.raises(NotImplementedError):
        hookcount.count(nn.Module(), 1)
    assert hookcount.count(nn.Sequential(), torch.zeros(3)).flops == 0


@pytest.mark.parametrize("shape", [(0, 6), (4, 0, 6)])
def test_empty_batches(shape):
    report = hookcount.count(
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.LayerNorm(5), nn.Softmax(-1)),
        torch.zeros(shape),
    )
    assert report.flops == 0
    assert report.uncounted == ()


def test_unwritable_output(tmp_path):
    report = hookcount.count(nn.Linear(6, 5), torch.zeros(4, 6))
    for write in (report.to_csv, report.to_json):
        with pytest.raises(OSError, match="cannot write the file.*\n.*To fix it") as caught:
            write(tmp_path / "missing" / "report.csv")
        assert isinstance(caught.value, hookcount.HookcountError)
        assert caught.value.filename.endswith("report.csv")
    report.to_csv(tmp_path / "report.csv")
    assert (tmp_path / "report.csv").read_text().startswith("path,type,depth,calls,params")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: hookcount.Counter(run="fast"), "run='fast'.*\n.*'auto', 'shapes', 'real'"),
        (lambda: hookcount.Counter(registry={}), "registry={}.*\n.*hookcount.Registry"),
        (
            lambda: hookcount.count(nn.Linear(2, 2), torch.zeros(2)).top(by="speed"),
            "'speed'.*\n.*own_macs",
        ),
    ],
)
def test_wrong_options(make, says):
    with pytest.raises(hookcount.InputError, match=says):
        make()


def test_hookcounts_own_errors_share_a_base():
    for name in hookcount.__all__:
        thing = getattr(hookcount, name)
        if (
            isinstance(thing, type)
            and issubclass(thing, Exception)
            and not issubclass(thing, Warning)
        ):
            assert issubclass(thing, hookcount.HookcountError)
