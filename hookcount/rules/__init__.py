"""Who says what of a target: entries in layers, and how a formula gets its arguments."""
