"""A count as one HTML file, which needs neither a network nor JavaScript."""
