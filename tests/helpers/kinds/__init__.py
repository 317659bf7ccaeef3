"""The table of kinds of state that a forward may change."""

from . import containers, objects, randomness
from .making import KINDS

__all__ = ["KINDS"]
