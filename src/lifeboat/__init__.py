"""Lifeboat: backup and disaster recovery for a MongoDB application and its uploaded files."""

__version__ = "0.1.0"
