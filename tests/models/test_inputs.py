"""The descriptions of inputs: what is read, and what takes no memory."""

import pytest
import torch

from hookcount.core.errors import InputError
from hookcount.models.inputs import Input, parse, written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,3,224,224", Input(None, (1, 3, 224, 224), None)),
        ("1x3x224x224", Input(None, (1, 3, 224, 224), None)),
        ("1X3X224X224", Input(None, (1, 3, 224, 224), None)),
        ("1×3×224×224", Input(None, (1, 3, 224, 224), None)),
        ("ids=1x128:int64", Input("ids", (1, 128), torch.int64)),
        ("x=3x4", Input("x", (3, 4), None)),
        ("x=1, 3, 4", Input("x", (1, 3, 4), None)),
        ("(1, 3, 4)", Input(None, (1, 3, 4), None)),
        ("(3,)", Input(None, (3,), None)),
        ("[3x320x320]", Input(None, (3, 320, 320), None)),
        ("7", Input(None, (7,), None)),
        ("0x4", Input(None, (0, 4), None)),
        ("scale=()", Input("scale", (), None)),
        ("():bool", Input(None, (), torch.bool)),
    ],
)
def test_a_shape(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize("name", [None, "ids"])
@pytest.mark.parametrize("shape", [(), (3,), (1, 3, 224, 224)])
@pytest.mark.parametrize("dtype", [None, torch.int64, torch.bfloat16])
def test_what_is_written_is_read(name, shape, dtype):
    assert parse(written(name, shape, dtype)) == Input(name, shape, dtype)
    assert str(Input(name, shape, dtype)) == written(name, shape, dtype)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no shape"),
        ("x", "no shape"),
        ("1x", "no shape"),
        ("1xx3", "no shape"),
        ("1,,3", "no shape"),
        (",", "no shape"),
        ("1x3.5", "no shape"),
        ("1_000", "no shape"),
        ("1x+3", "no shape"),
        ("1x-3", "never negative"),
        ("1x3:int65", "int64"),
        ("1x3:", "no dtype"),
        ("9" * 5000, "no shape"),
        ("\x1b[31m", "no shape"),
        ("9999999999x9999999999", "so many elements"),
        (f"{2**63}", "so many elements"),
        ("a b=1x3", "no name of a parameter"),
    ],
)
def test_what_is_no_shape(text, said):
    with pytest.raises(InputError, match=said) as caught:
        parse(text)
    assert len(str(caught.value)) < 300
    assert "\x1b" not in str(caught.value)
    assert "To fix it: " in str(caught.value)


def test_small_inputs_of_integers_have_values_on_meta_and_large_ones_have_none():
    assert parse("1x128:int64").tensor("meta").device.type == "cpu"
    large = parse("9999999999:int64").tensor("meta")
    assert (large.device.type, large.shape) == ("meta", (9999999999,))
    assert parse("99999999999x3").tensor("meta").is_meta


def test_an_input_beyond_the_memory_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr("hookcount.models.inputs.numbers", None)  # not reached
    with pytest.raises(InputError, match=r"99999999999x3: it takes 1\.09 TiB.*") as caught:
        parse("99999999999x3").tensor("cpu")  # 4 bytes * 3 * 99999999999 / 2^40
    assert "--device meta" in str(caught.value)
