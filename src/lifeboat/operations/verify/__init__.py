"""Verification: is it young enough, is everything there, is everything what it was."""
