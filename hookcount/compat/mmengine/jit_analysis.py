"""``hookcount.compat.mmengine.jit_analysis``: the base of the analyzers, which is fvcore's."""

from ..fvcore.jit_analysis import JitModelAnalysis

__all__ = ["JitModelAnalysis"]
