"""What Sphinx runs to make pages from the code, and the picture of the terminal."""
