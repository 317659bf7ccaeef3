"""Models of eight libraries."""
