"""The run without arithmetic."""
