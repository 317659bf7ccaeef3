"""Rules of thumb for the FLOPs of a training step, such as 6 N D, beside what was counted."""
