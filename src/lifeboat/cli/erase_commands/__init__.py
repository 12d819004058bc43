"""What can be done about erasures, one file each; named in ``cli/commands/erase.py``."""
