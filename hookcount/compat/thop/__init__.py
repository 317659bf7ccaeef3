"""``from hookcount.compat.thop import profile, clever_format`` replaces ``from thop import ...``.

The modules have the names of those in thop, so that replacing the prefix is enough:
``from hookcount.compat.thop.vision.basic_hooks import count_convNd``.

thop itself is not needed. ultralytics-thop has the same import name and counts in another way. For
its figures use ``report.under("ultralytics")``.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
>>> profile(model, inputs=(torch.zeros(2, 8),), verbose=False)
(96.0, 44.0)

The MACs are 2 * 4 * 8, and 4 for each of 2 * 4 elements. The parameters are 8 * 4 + 4 and 2 * 4.
"""

from .profile import default_dtype, profile, profile_origin
from .utils import clever_format

__version__ = "0.1.1"
"""The version of thop whose figures these are."""

__all__ = ["clever_format", "default_dtype", "profile", "profile_origin"]
