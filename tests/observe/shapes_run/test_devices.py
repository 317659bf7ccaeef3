"""Functions of torch that compare devices: a shapes-only run counts them as a real run does."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import hookcount
from hookcount.core.release import RELEASE

WINDOW = torch.hann_window(64)


class Calls(nn.Module):
    """Calls a function with an activation, a parameter and a buffer."""

    def __init__(self, function, parameter=None, buffer=None):
        super().__init__()
        self.function = function
        self.parameter = None if parameter is None else nn.Parameter(parameter)
        self.register_buffer("buffer", buffer)

    def forward(self, x):
        return self.function(x * 2, self.parameter, self.buffer)


def spectrum(x, window):
    return torch.stft(x, 64, 16, window=window, return_complex=True)


def front_end(x, _, window):
    return spectrum(x, torch.hann_window(64, device=x.device)).abs() + spectrum(x, window).abs()


def attention_to_a_constant(x, *_):
    key = torch.ones(1, 2, 4, 8)
    return functional.scaled_dot_product_attention(x, key, key)


def attention_of_a_parameter(x, query, _):
    return functional.scaled_dot_product_attention(query, torch.ones(1, 2, 4, 8), x)


def of_columns(x, p, _):
    return torch.take_along_dim(p, x.argsort(1), 1)


ones = torch.ones


def cones(*shape):
    return torch.ones(*shape, dtype=torch.complex64)


SAMPLES = {
    "stft": (ones(2, 400), front_end, None, WINDOW),
    "a method": (ones(2, 400), lambda x, _, w: x.stft(64, 16, window=w, return_complex=True).abs()),
    "istft": (ones(2, 400), lambda x, _, w: torch.istft(spectrum(x, w), 64, 16, window=w)),
    "istft of a length": (
        ones(2, 400),
        lambda x, _, w: torch.istft(spectrum(x, w), 64, 16, window=w, length=400),
    ),
    "cdist": (ones(2, 5, 8), lambda x, p, _: torch.cdist(x, p), ones(7, 8)),
    "cdist by a product": (ones(50, 8), lambda x, p, _: torch.cdist(x, p).argmin(1), ones(70, 8)),
    "cdist to a constant": (ones(5, 8), lambda x, *_: torch.cdist(x, torch.ones(6, 8), p=1)),
    "multi_dot": (ones(5, 8), lambda x, p, b: torch.linalg.multi_dot([x, p, b]), ones(8, 3)),
    "take_along_dim": (ones(5, 8), lambda x, _, b: x.take_along_dim(b, 1), None, ones(5, 2).long()),
    "take_along_dim of a parameter": (ones(5, 8), of_columns, ones(5, 8)),
    "meshgrid": (ones(5), lambda x, p, _: sum(torch.meshgrid(x, p, indexing="ij")), ones(3)),
    "cartesian_prod": (ones(5), lambda x, *_: torch.cartesian_prod(x, torch.ones(3)) * 2),
    "quantile": (ones(4, 6), lambda x, *_: x.quantile(0.3, dim=1)),
    "nanquantile": (ones(4, 6), lambda x, _, b: torch.nanquantile(x, b), None, ones(2) / 2),
    "constant key": (ones(1, 2, 4, 8), attention_to_a_constant),
    "parameter as query": (ones(1, 2, 4, 8), attention_of_a_parameter, ones(1, 2, 4, 8)),
    "inner": (ones(3), lambda x, p, _: torch.inner(x, p), ones(3)),  # in no list of hookcount's
    "narrow": (ones(5, 4), lambda x, *_: x.narrow(0, x.argmax() % 3, 2) * 2),
    "narrow by names": (
        ones(5, 4),
        lambda x, *_: torch.narrow(x, dim=1, start=x.argmin() % 2, length=3) * 2,
    ),
    "cov": (ones(3, 5).cumsum(1), lambda x, p, _: torch.cov(x, aweights=p), ones(5)),
    "cov by counts": (
        ones(3, 5).cumsum(1),
        lambda x, p, b: x.cov(aweights=p, fweights=b),
        ones(5),
        ones(5).long(),
    ),
    "complex conv1d": (cones(1, 3, 8), lambda x, p, _: functional.conv1d(x, p), cones(4, 3, 3)),
    "complex conv2d": (
        cones(1, 3, 8, 8),
        lambda x, p, b: functional.conv2d(x, p, b, 2),
        cones(4, 3, 3, 3),
        cones(4),
    ),
    "complex conv_transpose2d": (
        cones(1, 3, 8, 8),
        lambda x, p, _: functional.conv_transpose2d(x, p),
        cones(3, 4, 3, 3),
    ),
}


# an older torch also compares the values of q, where they are on the CPU
CHECKS_Q = "quantile" if RELEASE < (2, 10) else "-"


# -- what a function writes to


def into_an_empty(function):
    """The function into an ``out=`` of no elements, which it resizes. Then one op on the result."""

    def call(x, p, _):
        out = torch.empty(0, device=x.device)
        made = function(x, *([] if p is None else [p]), out=out)
        assert made is out
        return out.relu()

    return call


def into_a_buffer(x, p, b):
    assert torch.linalg.norm(x, dim=1, out=b) is b
    return b.relu()


WRITTEN = {
    "inner": (ones(3, 4), torch.inner, ones(5, 4)),
    "tensordot": (ones(4, 4), torch.tensordot, ones(4, 4)),
    "norm": (ones(3, 4), torch.linalg.norm, None),
    "ndtr": (ones(3, 4), torch.special.ndtr, None),
    "multi_dot": (
        ones(2, 4),
        lambda x, p, out: torch.linalg.multi_dot([x, p], out=out),
        ones(4, 3),
    ),
    "matrix_power": (ones(3, 3), lambda x, out: torch.linalg.matrix_power(x, 5, out=out), None),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", WRITTEN)
def test_the_result_is_the_out_that_was_given(name, mode, device):
    x, function, parameter = WRITTEN[name]
    model = Calls(into_an_empty(function), parameter)
    with mode():
        real = hookcount.Counter(run="real").count(model, x)
        shapes = hookcount.count(model.to(device), x.to(device))
    assert (shapes.run, rows(shapes)) == ("shapes", rows(real))


def test_an_out_on_meta_has_its_new_shape():
    model = Calls(into_an_empty(torch.inner), ones(5, 4)).to("meta")
    with torch.no_grad():
        report = hookcount.count(model, torch.ones(3, 4, device="meta"))
    assert (report.macs, report.total.compares) == (3 * 5 * 4, 3 * 5)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_buffer_as_the_out_is_as_before(device):
    model = Calls(into_a_buffer, None, torch.full((3,), 7.0)).to(device)
    before = model.buffer
    with torch.no_grad():
        report = hookcount.count(model, torch.ones(3, 4, device=device))
    assert (report.run, report.total.compares) == ("shapes", 3)
    assert model.buffer is before
    assert device == "meta" or model.buffer.tolist() == [7.0] * 3


def model_of(name):
    x, function, *held = SAMPLES[name]
    if name == "multi_dot":
        held.append(ones(3, 9))
    if name in ("a method", "istft", "istft of a length"):
        held = [None, WINDOW]
    return Calls(function, *held), x


def rows(report):
    return report.to_dataframe().to_csv()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_run_on_shapes_equals_the_real_run(name, mode):
    if mode is torch.inference_mode and name.startswith("istft"):
        pytest.skip("a Python decomposition runs there")
    model, x = model_of(name)
    with mode():
        shapes = hookcount.count(model, x)
        real = hookcount.Counter(run="real").count(model, x)
    assert (shapes.run, real.run) == ("shapes", "real")
    if CHECKS_Q not in name:
        assert rows(shapes) == rows(real)
    assert shapes.flops > 0


@pytest.mark.parametrize("name", [name for name in SAMPLES if CHECKS_Q not in name])
def test_a_model_on_meta_equals_the_real_run(name):
    model, x = model_of(name)
    real = hookcount.Counter(run="real").count(model, x)
    assert rows(hookcount.count(model.to("meta"), x.to("meta"))) == rows(real)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_values_that_a_function_wants_on_the_cpu(mode):
    model = Calls(lambda x, _, at: torch.tensor_split(x, at), None, torch.tensor([1, 3]))
    with mode():
        assert hookcount.count(model, ones(5)).run == "shapes"
        with pytest.raises(hookcount.DataNeededError, match="tensor_split reads the values"):
            hookcount.count(model.to("meta"), torch.ones(5, device="meta"))


def test_an_error_of_the_model_is_its_own():
    model = Calls(lambda x, *_: torch.cdist(x, torch.ones(6, 7)))
    with pytest.raises(RuntimeError, match="same number of columns"):
        hookcount.count(model, ones(5, 8))
    with pytest.raises(RuntimeError, match="same number of columns"):
        hookcount.count(model.to("meta"), torch.ones(5, 8, device="meta"))
