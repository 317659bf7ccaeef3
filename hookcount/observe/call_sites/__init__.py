"""Where an op was called from."""
