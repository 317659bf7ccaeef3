"""The output shape of a grouped matrix product in float32.

torch's own shapes-only implementation takes only half precision. The kernel on the CPU takes
float32 too, and mixtures of experts in transformers run it.
"""

from __future__ import annotations

import torch


def grouped_mm(
    left: torch.Tensor, right: torch.Tensor, offs: torch.Tensor | None = None, *rest: object
) -> torch.Tensor | None:
    """[m, n] = [m, k] @ [g, k, n], or [g, m, k] @ [k, n]. Groups divide the rows or the columns.

    ``offs``: for each group, where its rows or columns end. ``rest``: a bias and an output dtype.
    A row of the output begins at a multiple of 16 bytes, which are four elements.
    """
    fits = (
        left.dtype == right.dtype == torch.float32
        and {left.dim(), right.dim()} == {2, 3}
        and offs is not None
        and left.shape[-1] == right.shape[-2]
        and offs.shape == (left if left.dim() == 3 else right).shape[:1]
        and not any(each is not None for each in rest)
    )
    if not fits:
        return None
    m, n = left.shape[-2], right.shape[-1]
    step = n if torch.version.hip else -(-n // 4) * 4
    return torch.empty_strided((m, n), (step, 1), dtype=left.dtype, device="meta")
