"""hookcount's own convention: the multiply-accumulates of all contractions that ran."""

from ..rules.convention import Convention

DEFAULT = Convention("default")

MODULES = Convention("modules only", sees="modules")
"""The same, without ops outside of modules that have a formula.

A tool that works with module hooks would give this figure if all its formulas were right.
"""
