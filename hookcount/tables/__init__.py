"""Tables for terminals, programs and files. Nothing here knows what a table is about."""
