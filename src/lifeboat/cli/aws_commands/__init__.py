"""The commands below ``lifeboat aws``, one file each; the table stands in ``cli/commands/aws.py``."""
