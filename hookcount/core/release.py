"""The release of torch at hand, and the versions that belong to a figure."""

from __future__ import annotations

import torch

from .version import VERSION

RELEASE = tuple(map(int, torch.__version__.split(".")[:2]))
"""Major and minor number, such as ``(2, 14)``."""

VERSIONS = {"hookcount": VERSION, "torch": str(torch.__version__)}
"""The versions of what made a figure."""
