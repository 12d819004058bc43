"""Objects as files of a directory."""

from lifeboat.storage.local.store import LocalStore

__all__ = ["LocalStore"]
