"""Keys, wrapping, sealing. Pure."""
