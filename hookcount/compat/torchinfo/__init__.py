"""``from hookcount.compat.torchinfo import summary`` replaces ``from torchinfo import summary``.

torchinfo itself is not needed.

>>> import torch
>>> from torch import nn
>>> model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
>>> found = summary(model, input_size=(1, 3, 6, 6), verbose=0)
>>> found.total_params, found.total_mult_adds
(224, 3584)

The parameters are 3 * 8 * 9 + 8. Each of them is used at 4 * 4 positions.
"""

from .enums import ColumnSettings, Mode, RowSettings, Units, Verbosity
from .errors import FailedRunError
from .formatting import FormattingOptions
from .layer_info import LayerInfo
from .model_statistics import ModelStatistics
from .torchinfo import summary

__version__ = "1.8.0"
"""The version of torchinfo whose figures and table these are."""

__all__ = [
    "ColumnSettings",
    "FailedRunError",
    "FormattingOptions",
    "LayerInfo",
    "Mode",
    "ModelStatistics",
    "RowSettings",
    "Units",
    "Verbosity",
    "__version__",
    "summary",
]
