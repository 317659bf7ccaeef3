"""What a measured time costs, and whether it is right."""
