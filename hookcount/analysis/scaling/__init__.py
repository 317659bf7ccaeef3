"""How counts grow with the size of the input."""
