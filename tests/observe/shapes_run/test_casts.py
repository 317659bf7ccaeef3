"""Autocast on the CPU: a shapes-only run has the dtypes of the real run, also on meta."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

import hookcount


class Casts(nn.Module):
    """Runs a module under autocast for a named device, or for that of its input."""

    def __init__(self, inner, dtype=torch.bfloat16, device="cpu"):
        super().__init__()
        self.inner, self.dtype, self.device = inner, dtype, device

    def forward(self, x):
        with torch.autocast(self.device or x.device.type, dtype=self.dtype):
            return self.inner(x)


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(8, 8)

    def forward(self, x):
        return functional.scaled_dot_product_attention(self.query(x), x, x)


class Mixes(nn.Module):
    """Ops that autocast runs in the lower precision, in single precision, or as they are."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(8, 8))

    def forward(self, x):
        y = x @ self.weight
        with torch.autocast("cpu", enabled=False):
            plain = x @ self.weight
        spectrum = torch.fft.rfft(y).abs()
        loss = functional.mse_loss(y, x)
        return torch.einsum("...a,ab->...b", x, self.weight), y + plain, spectrum, loss


MODELS = {
    "linear": (nn.Linear(8, 4), (2, 8)),
    "prelu": (nn.Sequential(nn.Linear(8, 4), nn.PReLU()), (2, 8)),
    "convolutions": (
        nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.PReLU(),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3),
            nn.ConvTranspose2d(4, 2, 3),
            nn.Softmax(-1),
        ),
        (2, 3, 9, 9),
    ),
    "attention": (Attends(), (1, 2, 4, 8)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (2, 4, 8)),
    "encoder in eval": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), (2, 4, 8)),
    "lstm": (nn.LSTM(8, 5), (7, 2, 8)),
    "gru": (nn.GRU(8, 5), (7, 2, 8)),
    "cell": (nn.LSTMCell(8, 5), (7, 8)),
    "norm": (nn.Sequential(nn.Conv1d(3, 4, 3), nn.LayerNorm(8), nn.Linear(8, 3)), (2, 3, 10)),
    "policies": (Mixes(), (2, 8, 8)),
}


def rows(report):
    return report.to_dataframe().to_csv()


@pytest.mark.parametrize("device", ["cpu", None])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", MODELS)
def test_the_rows_of_a_real_run(name, dtype, device):
    inner, shape = MODELS[name]
    model = Casts(copy.deepcopy(inner), dtype, device)
    x = torch.ones(shape)
    try:
        model(x)
    except RuntimeError as error:
        pytest.skip(f"this torch refuses it: {error}")
    shapes, real = hookcount.count(model, x), hookcount.Counter(run="real").count(model, x)
    assert (shapes.run, real.run) == ("shapes", "real")
    assert rows(shapes) == rows(real)
    assert rows(hookcount.count(model.to("meta"), x.to("meta"))) == rows(real)


def test_output_bytes_on_meta():
    model = Casts(nn.Linear(8, 4)).to("meta")
    report = hookcount.count(model, torch.ones(6, 8, device="meta"))
    assert report.to_dataframe()["output_bytes"].tolist() == [6 * 4 * 2] * 2


def test_autocast_around_the_count():
    model, x = nn.Linear(8, 4), torch.ones(6, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        meta = hookcount.count(copy.deepcopy(model).to("meta"), x.to("meta"))
        assert rows(meta) == rows(hookcount.Counter(run="real").count(model, x))
    after = hookcount.count(model.to("meta"), x.to("meta"))
    assert after.to_dataframe()["output_bytes"].tolist() == [6 * 4 * 4]


def test_nothing_is_cast_in_a_real_run_or_without_autocast():
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 4))
    for run in ("shapes", "real"):
        report = hookcount.Counter(run=run).count(model, torch.ones(6, 8))
        assert report.to_dataframe()["output_bytes"].tolist() == [6 * 4 * 4] * 3


def test_code_may_ask_whether_autocast_is_on_for_the_device_of_its_input():
    class Asks(nn.Module):
        def forward(self, x):
            if torch.is_autocast_enabled(x.device.type):
                return (x * 2).to(torch.get_autocast_dtype(x.device.type))
            return x

    x = torch.ones(2, 8)
    for active, size in ((True, 2), (False, 4)):
        with torch.autocast("cpu", torch.bfloat16, enabled=active):
            for how in ("shapes", "real"):
                report = hookcount.Counter(run=how).count(nn.Sequential(nn.ReLU(), Asks()), x)
                assert report.tree.output_bytes == 2 * 8 * size
                assert report.total.muls == (2 * 8 if active else 0)
