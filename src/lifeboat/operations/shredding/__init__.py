"""Shredding: the keys of a month are destroyed, and with them all that was sealed under them."""
