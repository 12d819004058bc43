"""Lifeboat: backup and disaster recovery for a MongoDB application and its uploaded files.

As a library: ``from lifeboat import Lifeboat, schedule_backups``. Importing this imports nothing else: each comes when it is named.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifeboat.app.in_application import schedule_backups as schedule_backups
    from lifeboat.app.lifeboat import Lifeboat as Lifeboat

__version__ = "0.1.0"
_WHERE = {"Lifeboat": "lifeboat.app.lifeboat", "schedule_backups": "lifeboat.app.in_application"}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_WHERE[name]), name)
    return found
