"""The module tree with equal modules folded into one row."""
