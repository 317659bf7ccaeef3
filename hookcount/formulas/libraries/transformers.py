"""transformers, by name: its op for mixtures of experts on a torch without grouped products."""

from __future__ import annotations

from torch import Size

from ...core.ops import Ops
from ..arithmetic import matmul
from ..builtin import formula


@formula("transformers::grouped_mm_fallback", kind="linear")
def grouped_mm_fallback(input: Size, weight: Size) -> Ops:
    """[m, n] = [m, k] @ [g, k, n]: the rows are in g groups, one for each expert. m * k * n.

    Rows beyond the last offset are counted, as shapes do not show the offsets.
    """
    return matmul(input[0], input[1], weight[2])
