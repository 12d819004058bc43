"""Where a stream of bytes or documents is cut. Pure."""
