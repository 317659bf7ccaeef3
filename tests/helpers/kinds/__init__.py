"""The table of kinds of state that a forward may change."""

from . import containers, modules, objects, process, randomness, tensors, tries
from .making import KINDS

__all__ = ["KINDS"]
