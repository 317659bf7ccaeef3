"""The tables of ``docs/tools.rst``: each cell is worked out and compared with the figure of that
convention.
"""

import re
import warnings

import pytest
import torch
from helpers.functions import Fn
from helpers.paths import ROOT
from torch import nn
from torch.nn import functional as F

import hookcount
from hookcount.conventions import CONVENTIONS
from hookcount.conventions.torch import ATTENTION_ON_CPU

PAGE = ROOT / "docs" / "tools.rst"
IMAGE = torch.zeros(2, 6, 11, 13)
X = 2 * 6 * 11 * 13
CONV = {
    "M": 2 * 10 * (9 * 11) * (6 * 9),
    "Y": 2 * 10 * 9 * 11,
}  # outputs 10 x 9 x 11, windows 6 x 3 x 3
LINEAR = {"M": 2 * 5 * 7 * 11, "Y": 2 * 5 * 11, "N": 2, "W": 7 * 11, "b": 11}
PRODUCT = {"M": 2 * 5 * 7 * 11, "Y": 2 * 5 * 11}
ROWS = X // 13


def of_held(function, *shapes):
    """A function of the input and of parameters of these shapes, as a module."""
    held = {f"held_{index}": torch.zeros(shape) for index, shape in enumerate(shapes)}
    return Fn(lambda me, x: function(x, *me.parameters()), **held)


class Attends(nn.Module):
    """Four heads of four: in eval mode without gradients it runs as one op."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x):
        return self.attend(x, x, x, need_weights=False)[0]


ROWS_OF = {
    # a row's label: a model (two: what the second adds), its input, and what the letters are
    "convolution": (nn.Conv2d(6, 10, 3, bias=False), IMAGE, CONV),
    "bias of a convolution": ((nn.Conv2d(6, 10, 3, bias=False), nn.Conv2d(6, 10, 3)), IMAGE, CONV),
    "transposed convolution": (  # 23 x 27 outputs
        nn.ConvTranspose2d(6, 12, 3, 2, groups=2, bias=False),
        IMAGE,
        {"M": X * 6 * 9, "Y": 2 * 12 * 23 * 27, "C_in": 6, "C_out": 12, "k": 9, "g": 2},
    ),
    "linear of rows": (nn.Linear(7, 11, bias=False), torch.zeros(2, 5, 7), LINEAR),
    "bias of a linear": (
        (nn.Linear(7, 11, bias=False), nn.Linear(7, 11)),
        torch.zeros(2, 5, 7),
        LINEAR,
    ),
    "``F.linear(x, w)``": (
        of_held(lambda x, w: F.linear(x, w), (11, 7)),
        torch.zeros(2, 5, 7),
        LINEAR,
    ),
    "``F.conv2d(x, w)``": (of_held(lambda x, w: F.conv2d(x, w), (10, 6, 3, 3)), IMAGE, CONV),
    "``x @ y``": (of_held(lambda x, y: x @ y, (2, 7, 11)), torch.zeros(2, 5, 7), PRODUCT),
    "``torch.matmul(x, y)``": (
        of_held(lambda x, y: torch.matmul(x, y), (2, 7, 11)),
        torch.zeros(2, 5, 7),
        PRODUCT,
    ),
    "``torch.bmm(x, y)``": (
        of_held(lambda x, y: torch.bmm(x, y), (2, 7, 11)),
        torch.zeros(2, 5, 7),
        PRODUCT,
    ),
    "``torch.einsum``": (
        of_held(lambda x, y: torch.einsum("bij,bjk->bik", x, y), (2, 7, 11)),
        torch.zeros(2, 5, 7),
        PRODUCT,
    ),
    "attention in one op": (
        of_held(lambda x, k: F.scaled_dot_product_attention(x, k, k), (2, 3, 7, 8)),
        torch.zeros(2, 3, 5, 8),
        {"M": 2 * 3 * 5 * 7 * (8 + 8)},
    ),
    "``MultiheadAttention``, fused": (
        Attends(),
        torch.zeros(2, 5, 16),
        {
            "M": 2 * (4 * 5 * 16 * 16 + 2 * 5 * 5 * 16),
            "S": 2 * 4 * 5 * (3 * 5 - 1),
            "A": 2 * 4 * 5 * 5,
            "X": 2 * 5 * 16,
        },
    ),
    "batch norm, eval, with weights": (nn.BatchNorm2d(6), IMAGE, {"X": X, "N": 2, "W": 12}),
    "layer norm, with weights": (nn.LayerNorm(13), IMAGE, {"X": X, "N": 2, "W": 26}),
    "ReLU": (nn.ReLU(), IMAGE, {"X": X}),
    "GELU": (nn.GELU(), IMAGE, {"X": X}),
    "``nn.Softmax``": (nn.Softmax(-1), IMAGE, {"X": X, "S": ROWS * (3 * 13 - 1)}),
    "``x.softmax()``": (
        of_held(lambda x: x.softmax(-1)),
        IMAGE,
        {"X": X, "S": ROWS * (3 * 13 - 1)},
    ),
    "average pool, windows of k": (nn.AvgPool2d(3, 2), IMAGE, {"X": X, "Y": 2 * 6 * 5 * 6, "k": 9}),
    "adaptive pool to 1 x 1": (nn.AdaptiveAvgPool2d(1), IMAGE, {"X": X, "Y": 12}),
    "max pool": (nn.MaxPool2d(3, 2), IMAGE, {"X": X, "Y": 2 * 6 * 5 * 6}),
    "``x * y``": (of_held(lambda x, y: x * y, IMAGE.shape), IMAGE, {"Y": X}),
    "``x + y``": (of_held(lambda x, y: x + y, IMAGE.shape), IMAGE, {"Y": X}),
    "embedding": (nn.Embedding(17, 7), torch.zeros(3, 5, dtype=torch.long), {"N": 3, "W": 17 * 7}),
    # 4 gates of 7 + 11 inputs, in each of 4 x 5 steps; a sum and two biases each, and 4 per hidden
    # unit
    "``nn.LSTM``": (
        nn.LSTM(7, 11),
        torch.zeros(4, 5, 7),
        {
            "M": 20 * 4 * 11 * 18,
            "T": 20,
            "Y": 20 * 11,
            "W": 4 * 11 * 18 + 2 * 4 * 11,
            "G": 20 * (4 * 11 * 18 + 4 * 3 * 11 + 4 * 11),
        },
    ),
}


def _tables():
    """Each row's cells by convention, from the simple tables below the heading."""
    text = PAGE.read_text().partition("The price of an operation in each tool\n")[2]
    found = {}
    for table in re.findall(
        r"^=[= ]+\n(\\.*?)\n=[= ]+\n(.*?)\n=[= ]+$", text, re.MULTILINE | re.DOTALL
    ):
        heading, body = table
        starts = [match.start() for match in re.finditer(r"(?<!\S)\S+", heading)]
        names = [name.strip("`") for name in heading.split()[1:]]
        for line in body.splitlines():
            cells = [
                line[start:end].strip()
                for start, end in zip(starts, [*starts[1:], None], strict=True)
            ]
            found.setdefault(cells[0], {}).update(zip(names, cells[1:], strict=True))
    return found


TABLES = _tables()


def _worth(cell, letters, report):
    if cell == "ours":
        return report.flops
    if cell == "2M or 0":
        cell = "2M" if ATTENTION_ON_CPU else "0"
    product = re.sub(r"(?<=[\d)])(?=[A-Z])", "*", cell.replace("·", "*").replace("/", "//"))
    return eval(product, {}, letters)


def _counted(model, given):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hookcount.Counter(run="real").count(model.eval(), given)


def test_the_tables_have_a_column_for_every_convention_but_our_own():
    assert set(TABLES) == {"unit", *ROWS_OF}
    for cells in TABLES.values():
        assert set(cells) == set(CONVENTIONS) - {"default"}
    assert TABLES["unit"] == {
        name: each.unit for name, each in CONVENTIONS.items() if name != "default"
    }


@pytest.mark.parametrize("label", ROWS_OF)
def test_each_cell_is_what_that_convention_counts(label):
    models, given, letters = ROWS_OF[label]
    *without, model = models if isinstance(models, tuple) else (models,)
    report = _counted(model, given)
    less = _counted(without[0], given) if without else None
    for name, cell in TABLES[label].items():
        if cell == "none":
            assert isinstance(report.priced.figure_under(CONVENTIONS[name]), hookcount.FormulaError)
            continue
        found = report.under(name).headline - (less.under(name).headline if less else 0)
        letters["B"] = given.shape[0]
        assert found == _worth(cell, letters, report), (name, cell)
