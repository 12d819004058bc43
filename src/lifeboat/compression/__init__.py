"""zstd, and when not to bother. Pure."""
