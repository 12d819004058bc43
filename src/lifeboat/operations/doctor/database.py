"""The database: does it answer, does it let us in, may we do what each command does, and how far back does it remember?"""

from collections.abc import Sequence

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.sizes import show_seconds
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.history import DEFAULT_HISTORY_SECONDS, history_window_seconds, oplog_window
from lifeboat.sources.mongodb.rights import (
    RESTORE_USERS,
    Account,
    Missing,
    look_at_account,
    needed_for_backup,
    needed_for_restore,
)
from lifeboat.sources.mongodb.server_facts import MAKE_A_SET, TRIED, ServerFacts

LONGEST_OUTAGE_SECONDS = 24 * 3600
"""What an oplog should outlast: a machine that dies on one evening is back on the next."""
TELLING_SECONDS = 3600
"""A pace measured over less says nothing about a day."""
ROOM_FOR_GROWTH = 2
"""A dump that takes half of the history window today takes all of it when the data has doubled."""
HOLD_LONGER = (
    "`mongosh \"$MONGODB_URI\" --eval 'db.adminCommand({setParameter: 1, minSnapshotHistoryWindowInSeconds: %d})'` as an "
    "administrator (costs disk for everything overwritten within that time; until the next restart of the server)"
)


def check_sign_in(client: Client, subject: str) -> list[Finding]:
    """Who we are there. A server that wants nobody's name lets everybody in who reaches it."""
    account = look_at_account(client)
    if account.names:
        return [Finding(Level.OK, "sign-in", subject, f"signed in as {', '.join(account.names)}")]
    message = "nobody had to sign in: whoever reaches this server can read, change and delete everything"
    hint = "make a user, then set `security.authorization: enabled` in /etc/mongod.conf and restart mongod"
    return [Finding(Level.WARNING, "no-sign-in", subject, message, hint)]


def check_rights(client: Client, databases: Sequence[str] | None, command: str) -> list[Finding]:
    """Whether the user may do what ``backup`` or ``restore`` needs, or restore users (``users``); each missing action is named."""
    account = look_at_account(client)
    if not account.names:
        return [Finding(Level.OK, f"rights-{command}", "rights", "not asked for by this server")]
    if command == "users":
        return _about(account, command, RESTORE_USERS, ())
    needed, wanted = (needed_for_backup if command == "backup" else needed_for_restore)(databases)
    return _about(account, command, needed, wanted)


def check_replica_set(facts: ServerFacts) -> list[Finding]:
    if facts.in_a_set:
        return [Finding(Level.OK, "replica-set", "server", f"is a member of the set {facts.set_name}")]
    message = "a standalone server: a backup is not one instant, collections are read one after another"
    return [Finding(Level.WARNING, "not-one-instant", "server", message, MAKE_A_SET)]


def check_version(facts: ServerFacts) -> list[Finding]:
    if facts.release in TRIED:
        return [Finding(Level.OK, "version", "server", f"MongoDB {facts.version}, which was tried")]
    message = f"MongoDB {facts.version} is supported by design but was not tried; tried: 6.0"
    hint = "rehearse a restore before you rely on it: `lifeboat restore db latest --to rehearsal`"
    return [Finding(Level.WARNING, "version-untried", "server", message, hint)]


def check_history(client: Client, facts: ServerFacts, last_dump_seconds: float | None) -> list[Finding]:
    """Whether reading the whole database fits into the time for which the server keeps an instant readable."""
    if not facts.in_a_set:
        return [Finding(Level.OK, "history-window", "server", "a standalone has none")]
    told = history_window_seconds(client)
    window = DEFAULT_HISTORY_SECONDS if told is None else told
    known = f"{window} s" if told is not None else f"{window} s by default; this user may not ask for it"
    if last_dump_seconds is None:
        return [Finding(Level.OK, "history-window", "server", f"{known}; no backup was measured against it yet")]
    took = f"the last backup took {show_seconds(last_dump_seconds)}"
    if last_dump_seconds * ROOM_FOR_GROWTH <= window:
        return [Finding(Level.OK, "history-window", "server", f"{known}; {took}")]
    longer = max(3600, int(last_dump_seconds * 4))
    message = f"{known}, and {took}: what is read after that is not of the same instant without the oplog"
    return [Finding(Level.WARNING, "history-window-short", "server", message, HOLD_LONGER % longer)]


def check_oplog(
    client: Client,
    facts: ServerFacts,
    objective_seconds: float,
    outage_seconds: float = LONGEST_OUTAGE_SECONDS,
) -> list[Finding]:
    """Whether the oplog reaches back over the longest outage, and over the objective."""
    if not facts.in_a_set:
        return [Finding(Level.OK, "oplog-window", "server", "a standalone has no oplog")]
    window = oplog_window(client)
    if window is None:
        message = "this user may not read the oplog, which a backup longer than the history window needs"
        return [Finding(Level.WARNING, "oplog-closed", "server", message, _role_hint("backup"))]
    wanted = max(objective_seconds, outage_seconds)
    best = max(window.seconds, window.full_seconds or 0.0)
    said = f"the oplog holds {show_seconds(window.seconds)}"
    if best > window.seconds:
        said += f" and is filling up; at this pace it will hold {show_seconds(best)}"
        if window.seconds < TELLING_SECONDS:
            return [Finding(Level.OK, "oplog-window", "server", f"{said} (too young to tell)")]
    if best >= wanted or window.full_seconds is None:
        return [Finding(Level.OK, "oplog-window", "server", said)]
    message = f"{said}; an outage of {show_seconds(wanted)} would outlast it"
    hint = "make it larger (16 GB here): `mongosh \"$MONGODB_URI\" --eval 'db.adminCommand({replSetResizeOplog: 1, size: 16000})'`"
    return [Finding(Level.WARNING, "oplog-window-short", "server", message, hint)]


def _about(account: Account, command: str, needed: Sequence[object], wanted: Sequence[object]) -> list[Finding]:
    subject = f"{', '.join(account.names)}"
    lacking = account.lacks(needed)  # type: ignore[arg-type]
    if lacking:
        level = Level.PROBLEM if command == "backup" else Level.WARNING
        what = {"backup": "a backup", "restore": "a restore over live", "users": "bringing users and roles back"}[
            command
        ]
        message = f"{what} is not possible; missing: {_list(lacking)}"
        return [Finding(level, "database-right-missing", subject, message, _role_hint(command))]
    if some := account.lacks(wanted):  # type: ignore[arg-type]
        message = f"enough for ordinary collections; missing: {_list(some)}"
        return [Finding(Level.WARNING, "database-right-partly-missing", subject, message, _role_hint(command))]
    return [Finding(Level.OK, f"rights-{command}", subject, "nothing is missing")]


def _list(missing: Sequence[Missing]) -> str:
    return "; ".join(str(one) for one in missing)


def _role_hint(command: str) -> str:
    return f"`lifeboat doctor --role {command}` prints the roles for an administrator to paste into mongosh"
