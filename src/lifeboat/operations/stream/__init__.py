"""The continuous archive: every change of the database in segments, half a minute after it was made."""
