"""Models of transformers by name, built from configs."""
