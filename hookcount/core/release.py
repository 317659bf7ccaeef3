"""The release of torch at hand."""

from __future__ import annotations

import torch

RELEASE = tuple(map(int, torch.__version__.split(".")[:2]))
"""Major and minor number, such as ``(2, 14)``."""
