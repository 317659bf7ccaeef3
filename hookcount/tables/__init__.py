"""Tables of any kind: for terminals, for other programs, in files. Nothing here knows what it shows."""
