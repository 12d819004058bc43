"""What this machine remembers of its runs, its alerts and the sizes of what it stored: hints, all of it, in one SQLite file."""
