"""Why an op has no price, where the reason is none of a missing formula."""

from __future__ import annotations

import torch

from ..core.outline import SCALARS, TORCHS
from ..core.trace import Call, Unseen, leaves
from ..rules.registry import FREE, Entry

SPARSE = Unseen(
    "on a sparse operand is not counted, since its work depends on how many elements are stored",
    "register a formula for the module that runs it",
    takes_formula=False,
)
"""Why an op with a sparse operand has no price. A formula for the op would be for dense ones."""

NO_TENSOR = Entry(
    "an op without tensors", FREE, "own", "it neither takes nor gives a tensor", "schema"
)
"""The entry of an op that works on no tensor: it does no arithmetic on any."""

_PLAIN = SCALARS | TORCHS


def has_sparse(call: Call) -> bool:
    """Whether an op takes or gives a sparse tensor."""
    return call.module is None and any(
        tensor.sparse for tensor in leaves((call.args, call.kwargs, call.out))
    )


def has_no_tensor(call: Call) -> bool:
    """Whether an op takes and gives only plain values: nothing that is or may hold a tensor."""
    return _is_plain((call.args, tuple(call.kwargs.values()), call.out))


def _is_plain(value: object) -> bool:
    if isinstance(value, (tuple, list)) and not isinstance(value, torch.Size):
        return all(map(_is_plain, value))
    return type(value) in _PLAIN or isinstance(value, torch.Size)
