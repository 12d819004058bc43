"""The questions of ``lifeboat emergency``; the command itself is ``cli/commands/emergency.py``."""
