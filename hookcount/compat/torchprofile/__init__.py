"""``from hookcount.compat.torchprofile import profile_macs`` replaces that of ``torchprofile``.

torchprofile itself is not needed. It reads a jit trace, so it sees a composite op (linear,
attention) as one op. So does this module.

>>> import torch
>>> from torch import nn
>>> profile_macs(nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)), torch.zeros(2, 8))
72

These are 2 * 4 * 8 products, and one for each of 2 * 4 elements.
"""

from .profile import HANDLER_MAP, Node, Variable, profile_macs

__all__ = ["HANDLER_MAP", "Node", "Variable", "profile_macs"]
