"""Conventions: what a count is called and how much each kind of operation weighs in it. One file each."""

from .convention import Convention
from .default import DEFAULT

__all__ = ["DEFAULT", "Convention"]
