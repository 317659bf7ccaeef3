"""The kinds of what may be wrong with a random model's counts."""

KINDS = ("raises", "values", "totals", "rows", "FlopCounterMode", "second count", "state")
