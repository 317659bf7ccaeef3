"""Runs and values as a jit trace has them."""
