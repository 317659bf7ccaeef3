"""The hooks of ultralytics-thop, in ``basic_hooks``."""
