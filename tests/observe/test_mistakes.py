"""A call of count that cannot work raises an error that says what to write."""

import numpy
import pytest
import torch
from torch import nn

import hookcount
from hookcount import InputError, ModelError

RUNS = ("auto", "shapes", "real")
LAYER, X = nn.Linear(8, 4), torch.zeros(2, 8)


class Named(nn.Module):
    """Takes its inputs by name, as the models of transformers do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 4)

    def forward(self, ids, mask=None):
        return self.layer(ids) if mask is None else self.layer(ids) * mask


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        (((2, 8),), {}, r"size \(2, 8\), not a tensor.*count\(model, torch.zeros\(2, 8\)\)"),
        (([2, 8],), {}, r"count\(model, torch.zeros\(2, 8\)\)"),
        ((torch.Size([2, 8]),), {}, r"count\(model, torch.zeros\(2, 8\)\)"),
        (([(2, 8)],), {}, r"count\(model, torch.zeros\(2, 8\)\)"),
        (((numpy.int64(8),),), {}, r"count\(model, torch.zeros\(8\)\)"),
        ((), {"input_size": (2, 8)}, r"no parameter 'input_size'.*torch.zeros\(2, 8\)"),
        ((), {"input_shape": [2, 8]}, r"no parameter 'input_shape'.*torch.zeros\(2, 8\)"),
        ((), {"inputs": (X,)}, r"no parameter 'inputs'.*count\(model, x\)"),
        ((X,), {"run": "real"}, r"'run' is an option.*Counter\(run=...\).count\(model"),
        ((numpy.zeros((2, 8)),), {}, r"array of numpy.*torch.as_tensor\(x\)"),
        ((), {"input": numpy.zeros((2, 8))}, r"array of numpy.*torch.as_tensor\(x\)"),
        ((({"input": X}),), {}, r"a dict of parameters.*count\(model, \*\*inputs\)"),
        (((X,),), {}, r"a tuple of tensors.*count\(model, \*inputs\)"),
    ],
)
def test_an_input_of_another_kind(args, kwargs, says, run):
    with pytest.raises(InputError, match="(?s)" + says) as caught:
        hookcount.Counter(run=run).count(LAYER, *args, **kwargs)
    assert "Linear" in str(caught.value)
    assert "To fix it: " in str(caught.value)
    assert caught.value.__cause__ is not None  # what the model raised


def test_what_the_error_says_works():
    inputs = {"ids": X, "mask": torch.ones(2, 4)}
    with pytest.raises(InputError, match=r"\*\*inputs"):
        hookcount.count(Named(), inputs)
    assert hookcount.count(Named(), **inputs).macs == 2 * 8 * 4
    with pytest.raises(InputError, match=r"\*inputs"):
        hookcount.count(Named(), tuple(inputs.values()))
    assert hookcount.count(Named(), *inputs.values()).macs == 2 * 8 * 4


class Takes(nn.Module):
    """A forward that takes what other forwards do not."""

    def forward(self, given, input_size=None):
        if isinstance(given, dict):
            given = given["given"]
        return torch.as_tensor(given).float() * 2


@pytest.mark.parametrize("given", [(2, 8), [2, 8], numpy.zeros(16), {"given": X}, {"given": [1]}])
def test_a_forward_that_takes_it_gets_it(given):
    assert hookcount.count(Takes(), given, input_size=(2, 8)).flops in (1, 2, 16)


class Own(Exception):
    pass


class Raises(nn.Module):
    def forward(self, x, **options):
        raise Own("of the model")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((X,), {}),
        ((), {"x": X}),
        (({"image": X},), {}),
        (([X, X],), {}),
        ((numpy.zeros(2),), {}),
        (((2, 8),), {}),
        ((X,), {"size": (2, 8, "a")}),
    ],
)
def test_any_other_error_of_a_model_is_passed_on(args, kwargs):
    with pytest.raises(Own, match="of the model"):
        hookcount.count(Raises(), *args, **kwargs)


class Predicts(nn.Module):
    """As ultralytics' YOLO: no forward, and a call that is a prediction."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(8, 4))

    def __call__(self, source=None):
        return self.predict(source)

    def predict(self, source):
        return [row.tolist() for row in self.model(torch.zeros(2, 8))]


class PredictsInForward(Predicts):
    def forward(self, source):
        raise NotImplementedError

    def predict(self, source):
        raise FileNotFoundError("bus.jpg")


@pytest.mark.parametrize("model", [Predicts(), PredictsInForward()])
@pytest.mark.parametrize("args", [(), ("bus.jpg",), (X,)])
def test_a_wrapper_that_runs_a_prediction_hints_at_its_model(model, args):
    with pytest.raises(ModelError, match=r"a whole prediction.*Sequential") as caught:
        hookcount.count(model, *args)
    assert "To fix it: count its .model" in str(caught.value)
    assert hookcount.count(model.model, X).macs == 2 * 8 * 4
    assert hookcount.size(model).parameters == 8 * 4 + 4


def test_a_wrapper_can_be_watched():
    model = Predicts()
    with hookcount.Counter().watch(model) as watch:
        model("bus.jpg")
    assert watch.report().macs == 2 * 8 * 4


class Holder:
    def __init__(self, **held):
        vars(self).update(held)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("resnet50", "build the model 'resnet50'.*`hookcount resnet50`"),
        (Holder(other=3, model=LAYER, net=LAYER), r"that it holds, its \.model"),
        (Holder(other=3, unet=LAYER), r"that it holds, its \.unet"),
        (Holder(other=3), "give the model itself"),
        (3, "give the model itself"),
        (LAYER.forward, "the model itself, not its method forward"),
        (nn.init.zeros_, "call a function that builds it, and wrap another function in a module"),
        (LAYER.state_dict(), "build the model in code.* these are weights"),
        ({"epoch": 3, "state_dict": LAYER.state_dict()}, "build the model in code"),
        ({"epoch": 3, "model": LAYER}, r"that it holds, its \['model'\]"),
        ({}, "give the model itself"),
    ],
)
def test_what_is_no_module(model, says):
    with pytest.raises(ModelError, match=f"{type(model).__name__}: not an nn.Module.*{says}"):
        hookcount.count(model, X)
