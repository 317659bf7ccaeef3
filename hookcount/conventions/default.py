"""hookcount's own convention: the multiply-accumulates of contractions, of all that ran."""

from ..rules.convention import Convention

DEFAULT = Convention("default")

MODULES = Convention("modules only", sees="modules")
"""The same without ops outside of modules that have a formula: what a tool of module hooks would count if it did that rightly."""
