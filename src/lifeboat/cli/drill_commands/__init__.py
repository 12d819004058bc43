"""What follows drills, one file for each action; the table stands in ``cli/commands/drill.py``."""
