"""Lose everything, as the demo and the drills must before they can claim to bring it back.

Only ever called on a database and folders that the caller made for that purpose.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo import MongoClient


def lose_database(client: MongoClient[dict[str, Any]], database: str, *, accounts: bool = True) -> int:
    """Drop every collection and view, and the database's users and roles too; return how many collections went."""
    target = client[database]
    # Views first: dropping a view's collection leaves the view, but system.views goes with the last of them.
    listed = sorted(target.list_collections(), key=lambda entry: entry["type"] != "view")
    names = [entry["name"] for entry in listed if not entry["name"].startswith("system.")]
    for name in names:
        target.drop_collection(name)
    if accounts:
        target.command("dropAllUsersFromDatabase")
        target.command("dropAllRolesFromDatabase")
    client.drop_database(database)
    return len(names)


def lose_files(root: Path) -> int:
    """Delete everything beneath ``root``, whatever its mode; return how many names went."""
    gone = 0
    for name in os.listdir(os.fsencode(root)):
        path = os.path.join(os.fsencode(root), name)
        if os.path.isdir(path) and not os.path.islink(path):
            gone += sum(len(folders) + len(files) for _, folders, files in os.walk(path))
            shutil.rmtree(path, onerror=_allow_and_try_again)
        else:
            os.unlink(path)
        gone += 1
    return gone


def _allow_and_try_again(act: Callable[..., Any], path: Any, _error: object) -> None:
    os.chmod(os.path.dirname(path), 0o700)
    act(path)
