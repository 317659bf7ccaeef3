"""``from hookcount.compat.ultralytics_thop import profile`` replaces that of ultralytics-thop.

ultralytics-thop, which has the import name ``thop``, is not needed. The modules have the names of
those in the tool, so that replacing the prefix is enough:
``from hookcount.compat.ultralytics_thop.utils import clever_format``.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4))
>>> profile(model, inputs=(torch.zeros(2, 8),), verbose=False)
(96.0, 44.0)

The MACs are 2 * 4 * 8, and 4 for each of 2 * 4 elements. The parameters are 8 * 4 + 4 and 2 * 4.
"""

from .profile import default_dtype, profile, profile_origin
from .utils import clever_format

__version__ = "2.2.3"
"""The version of ultralytics-thop whose figures these are."""

__all__ = ["clever_format", "default_dtype", "profile", "profile_origin"]
