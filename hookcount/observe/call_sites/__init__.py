"""Finds where an op was called from: the source line, and the function that the code named."""
