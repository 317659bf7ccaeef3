"""A count as figures."""
