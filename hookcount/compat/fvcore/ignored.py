"""The ops that fvcore passes over."""

from __future__ import annotations

from ..jit.names import aten

_VIEWS = aten(
    "chunk expand flatten narrow permute reshape select size slice split split_with_sizes squeeze "
    "t transpose unbind unsqueeze unsqueeze_ view"
)
_COPIES = aten(
    "cat constant_pad_nd contiguous copy_ detach dropout gather index index_put_ masked_fill "
    "nonzero roll stack to type_as"
)
_NEW_TENSORS = aten(
    "arange empty full full_like new_empty new_full new_zeros ones zeros zeros_like"
)
_COMPARISONS_AND_INTEGERS = aten(
    "Int ScalarImplicit __and__ bitwise_not clamp clamp_ eq floor floor_divide ge gt max "
    "relu relu_ remainder"
)

IGNORED = _VIEWS | _COPIES | _NEW_TENSORS | _COMPARISONS_AND_INTEGERS
"""Ops that have no figure and are not in ``unsupported_ops``."""

UNTRACED = aten("alias lift_fresh")
"""Ops that a dispatcher sees and for which a jit trace has no node."""
