"""``from hookcount.compat.torchprofile import profile_macs`` in place of ``from torchprofile import profile_macs``.

torchprofile itself is not needed. It reads a jit trace, so ops that are made of others (linear, attention) are seen whole here.

>>> import torch
>>> from torch import nn
>>> profile_macs(nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)), torch.zeros(2, 8))      # 2 * 4 * 8 products; 2 * 4 elements
72
"""

from .profile import HANDLER_MAP, Node, Variable, profile_macs

__all__ = ["HANDLER_MAP", "Node", "Variable", "profile_macs"]
