"""The function of torch that a name means."""

import pytest

from hookcount.rules.functions import function_called


@pytest.mark.parametrize(
    ("called", "function"),
    [
        ("torch.nn.functional.linear", "linear"),
        (".softmax", "softmax"),
        ("torch.special.expit", "sigmoid"),
        ("torch.true_divide", "div"),
        ("torch.linalg.matmul", "matmul"),
        ("torch._VF.lstm", "lstm"),
        ("mine.matmul", "matmul"),
        ("mine.sum", ""),  # Python's own, which adds
        ("torch.sum", "sum"),
        ("mine.helper", ""),
        ("@", ""),
        ("", ""),
    ],
)
def test_names(called, function):
    assert function_called(called) == function
