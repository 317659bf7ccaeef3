"""The work by what it is for."""
