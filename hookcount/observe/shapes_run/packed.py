"""Packed sequences in a shapes-only run.

Their shapes depend on the values of the lengths, which are on the CPU. They are a constant, unless
they come from data.
"""

from __future__ import annotations

import torch

from ..quiet import quiet
from ..values import OpArgs
from .data import Data
from .meta_tensors import empty

PACKS = "aten::_pack_padded_sequence"


def packed(data: Data, args: OpArgs) -> tuple[torch.Tensor, torch.Tensor] | None:
    """[sum of lengths, *], [T] = pack([T, N, *], lengths [N], batch_first): the rows of each step.

    None if the lengths are data. Lengths that torch refuses are left to torch.
    """
    padded, lengths, batch_first = args
    if data.has(lengths) or lengths.dim() != 1:
        return None
    with quiet():
        rows = lengths.tolist()
        batch, longest = padded.shape[:2] if batch_first else padded.shape[1::-1]
        descending = sorted(rows, reverse=True)
        if len(rows) != batch or rows != descending or rows[0] > longest or rows[-1] < 1:
            return None
        sizes = torch.tensor([sum(each > step for each in rows) for step in range(rows[0])])
        return empty((sum(rows), *padded.shape[2:]), padded.dtype), sizes
