"""hookcount's own convention: the multiply-accumulates of contractions, of all that ran."""

from .convention import Convention

DEFAULT = Convention("default")
