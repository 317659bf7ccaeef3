"""What a count costs."""
