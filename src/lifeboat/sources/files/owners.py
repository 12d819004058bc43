"""Numbers of users and groups, and their names on this machine; each looked up once."""

import grp
import pwd


class Owners:
    """Both directions; a lookup can go over the network, so no number or name is asked for twice."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], tuple[str, str]] = {}
        self._users: dict[str, int] = {}
        self._groups: dict[str, int] = {}

    def names(self, uid: int, gid: int) -> tuple[str, str]:
        """(user, group); empty where the machine knows none."""
        known = self._names.get((uid, gid))
        if known is None:
            known = self._names[uid, gid] = (_user_name(uid), _group_name(gid))
        return known

    def numbers(self, uid: int, gid: int, user: str, group: str) -> tuple[int, int]:
        """(uid, gid) that the names have here; the stored number where a name is unknown, as ``tar`` does it."""
        if user not in self._users:
            self._users[user] = _user_number(user)
        if group not in self._groups:
            self._groups[group] = _group_number(group)
        here_uid, here_gid = self._users[user], self._groups[group]
        return (here_uid if here_uid >= 0 else uid, here_gid if here_gid >= 0 else gid)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def _user_number(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid if user else -1
    except KeyError:
        return -1


def _group_number(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid if group else -1
    except KeyError:
        return -1
