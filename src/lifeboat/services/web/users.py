"""Who may sign in to the dashboard: names, roles and hashes of passwords, in one file of the state folder.

Invariant: a password is never stored, only what scrypt makes of it; the file is this user's alone, and is written whole or not at all.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.replace_file import replace_file
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value

NAME = "dashboard-users.json"
PASSWORD_AT_LEAST = 12
PASSWORD_AT_MOST = 1024
"""In characters: nobody types more, and a long one only keeps the machine busy."""
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1
"""32 MiB and about a tenth of a second for each try (OWASP Password Storage Cheat Sheet gives N=2^15, r=8, p=3 for three times that)."""
SCRYPT_BYTES = 32
_MEMORY = 128 * SCRYPT_N * SCRYPT_R * 2
USERS_AT_MOST = 200


class Role(StrEnum):
    """``reader`` sees everything and changes nothing; ``operator`` also begins backups and verifications."""

    READER = "reader"
    OPERATOR = "operator"


class DashboardUserRefused(SettingsError):
    """A user of the dashboard cannot be added, found or removed."""

    code = "dashboard-user-refused"


class DashboardUsersUnreadable(SettingsError):
    """The file of the dashboard's users cannot be read, or others can read it."""

    code = "dashboard-users-unreadable"


class User(Value):
    """Args: stamp: Changes with the password: sessions that began before it are over."""

    name: str
    role: Role
    added: datetime
    stamp: str


class _Stored(Value):
    role: str
    added: str
    salt: str
    hash: str
    n: int = SCRYPT_N
    r: int = SCRYPT_R
    p: int = SCRYPT_P


class Users:
    """Args: state: Lifeboat's state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / NAME
        self._known: tuple[tuple[int, int, int], dict[str, _Stored]] | None = None

    def list(self) -> list[User]:
        """By name; raises ``DashboardUsersUnreadable``."""
        return [_user(name, one) for name, one in sorted(self._read().items())]

    def find(self, name: str) -> User | None:
        found = self._read().get(name)
        return None if found is None else _user(name, found)

    def add(self, name: str, role: Role, password: Secret, now: datetime) -> User:
        """Raises ``DashboardUserRefused``."""
        if not re.fullmatch(r"[A-Za-z0-9._@-]{1,64}", name):
            raise DashboardUserRefused(
                f"{name!r} is no name for a user", "1 to 64 letters, digits, dots, dashes and @: alice"
            )
        check_password(password)
        salt = os.urandom(16)
        made = _Stored(
            role.value, now.isoformat(), salt.hex(), _scrypt(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P).hex()
        )
        with self._changed() as known:
            if name in known:
                raise DashboardUserRefused(
                    f"there is a user {name} already",
                    f"`lifeboat dashboard user remove {name}` first: sessions end with it",
                )
            if len(known) >= USERS_AT_MOST:
                raise DashboardUserRefused(f"there are {USERS_AT_MOST} users already", "remove those who left")
            known[name] = made
        return _user(name, made)

    def remove(self, name: str) -> None:
        """Their sessions end at the next click; raises ``DashboardUserRefused``."""
        with self._changed() as known:
            if name not in known:
                there = ", ".join(sorted(known)) or "nobody"
                raise DashboardUserRefused(f"there is no user {name}", f"these are there: {there}")
            del known[name]

    def check(self, name: str, password: Secret) -> User | None:
        """The user if the password is theirs. Takes as long for a name that nobody has."""
        found = self._read().get(name)
        one = found or _NOBODY
        said = password.reveal()[: PASSWORD_AT_MOST + 1]
        made = _scrypt(Secret(said), bytes.fromhex(one.salt), one.n, one.r, one.p)
        same = hmac.compare_digest(made, bytes.fromhex(one.hash))
        return _user(name, found) if same and found is not None else None

    def _read(self) -> dict[str, _Stored]:
        """The file as it is; read anew only when it was changed."""
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_ino, status.st_mtime_ns, status.st_size)
                known = self._known
                if known is not None and known[0] == seen:
                    return dict(known[1])
                content = file.read(1024 * 1024)
        except FileNotFoundError:
            self._known = None
            return {}
        except OSError as error:
            raise DashboardUsersUnreadable(
                f"{self.path} cannot be read: {(error.strerror or str(error)).lower()}", "is the file this user's?"
            ) from None
        if status.st_mode & 0o077:
            raise DashboardUsersUnreadable(
                f"{self.path} is open to other users (mode {stat.S_IMODE(status.st_mode):04o})",
                f"chmod 600 {self.path}",
            )
        try:
            said = json.loads(content)["users"]
            found = {str(name): _Stored(**one) for name, one in said.items()}
            for name, one in found.items():
                _check(name, one)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DashboardUsersUnreadable(
                f"{self.path} is damaged", "remove it, and add the users again: `lifeboat dashboard user add NAME`"
            ) from None
        # At once: threads that ask meanwhile see the one or the other, never the new stamp with the old names.
        self._known = seen, found
        return dict(found)

    @contextmanager
    def _changed(self) -> "Iterator[dict[str, _Stored]]":
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._cannot(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            yield known
            self._write(known)
        finally:
            os.close(lock)

    def _write(self, known: dict[str, _Stored]) -> None:
        said = {"users": {name: asdict(one) for name, one in known.items()}}
        try:
            replace_file(self.path, json.dumps(said, indent=1).encode())
        except OSError as error:
            raise self._cannot(error) from None

    def _cannot(self, error: OSError) -> DashboardUserRefused:
        return DashboardUserRefused(
            f"{self.path} cannot be written: {(error.strerror or str(error)).lower()}", "may this user write there?"
        )


def check_password(password: Secret) -> None:
    """Raises ``DashboardUserRefused`` for one that is quickly guessed."""
    length = len(password.reveal())
    if not PASSWORD_AT_LEAST <= length <= PASSWORD_AT_MOST or len(set(password.reveal())) < 5:
        raise DashboardUserRefused(
            f"a password has {PASSWORD_AT_LEAST} characters at least, and five different ones",
            "four or five words that have nothing to do with each other are good",
        )


def _scrypt(password: Secret, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same letters typed on two keyboards may be composed differently.
    text = unicodedata.normalize("NFC", password.reveal()).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=SCRYPT_BYTES)


def _check(name: str, one: _Stored) -> None:
    """Whether a password can be tried on it, at a cost that a sign-in may have; raises ``ValueError``, ``TypeError``, ``AttributeError``."""
    _user(name, one)
    is_cheap = 2 <= one.n <= SCRYPT_N and 1 <= one.r <= SCRYPT_R and 1 <= one.p <= SCRYPT_P
    if (
        not is_cheap
        or one.n & (one.n - 1)
        or len(bytes.fromhex(one.hash)) != SCRYPT_BYTES
        or not bytes.fromhex(one.salt)
    ):
        raise ValueError("not made by us")


def _user(name: str, one: _Stored) -> User:
    return User(name, Role(one.role), datetime.fromisoformat(one.added), hashlib.sha256(one.hash.encode()).hexdigest())


_NOBODY = _Stored(Role.READER.value, "2000-01-01T00:00:00+00:00", bytes(16).hex(), bytes(SCRYPT_BYTES).hex())
