"""A shell with the mission's variables, and a way to move to another time zone."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pretend_shell import KEY, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The mission's variables are set; the repository is a folder."""
    return Shell(
        tmp_path,
        {
            "HOME": str(tmp_path),
            "MONGODB_URI": "mongodb://app:pa55word-of-the-app@db.example/shop",
            "LIFEBOAT_REPOSITORY": str(tmp_path / "backups"),
            "BACKUP_ENCRYPTION_KEY": KEY,
            "UPLOADS_DIR": str(tmp_path),
        },
    )


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Move this process to a time zone."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    return move
