"""The commands below ``lifeboat report``, one file each; their names and lines stand in ``commands/report.py``."""
