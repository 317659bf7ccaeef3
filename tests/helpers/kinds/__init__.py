"""The table of kinds of state that a forward may change."""

from . import containers, modules, objects, process, randomness, reached, tensors, tries
from .making import KINDS

FILES = (containers, modules, objects, process, randomness, reached, tensors, tries)
"""Each adds its kinds to the table when it is imported."""

__all__ = ["FILES", "KINDS"]
