"""What a count finds in the process, and how it is put back: objects, tensors, settings."""
