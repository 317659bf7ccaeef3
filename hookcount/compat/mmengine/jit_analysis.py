"""``hookcount.compat.mmengine.jit_analysis``: the base of the analyzers, which is fvcore's."""

from ..fvcore.ignored import IGNORED
from ..fvcore.jit_analysis import JitModelAnalysis

__all__ = ["JitModelAnalysis"]

_IGNORED_OPS = IGNORED
"""The ops without a figure, under the name that this set has in mmengine. It cannot be changed."""
