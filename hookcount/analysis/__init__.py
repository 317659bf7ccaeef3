"""Readers of a priced trace."""
