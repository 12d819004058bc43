"""A tree of files: walked, read, written back with everything that belongs to it."""
