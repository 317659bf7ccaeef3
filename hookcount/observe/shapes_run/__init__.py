"""The shapes-only run: the model's code runs, its arithmetic does not."""
