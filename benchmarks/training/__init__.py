"""Training steps against torch's own counter, against hand products, and against the clock."""
