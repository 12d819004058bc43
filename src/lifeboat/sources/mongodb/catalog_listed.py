"""Which of the things that a server lists are in a backup, and as what. Pure: the same rules for a catalog that was read and
for one that was followed through the oplog.

Invariant: what is left out is left out by a rule below, and whatever a user could miss is a finding.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.catalog import BUCKETS, CollectionEntry, describe, describe_series
from lifeboat.sources.mongodb.errors import ROLE_HINT
from lifeboat.sources.mongodb.landing_names import is_ours

NEVER_CAPTURED = ("admin", "local", "config")
"""Their users and roles are read apart; the rest belongs to the server, not to the application."""


class Listed(Value):
    """One collection as the server describes it, whichever way it was asked.

    Args:
        mixed: Of time-series buckets: whether one may hold several types in one field.
        refused: Of time-series buckets: what the user may not do with them; empty when nothing is missing.
    """

    database: str
    name: str
    options: Mapping[str, Any]
    indexes: Sequence[Mapping[str, Any]]
    uuid: bytes
    mixed: bool = False
    refused: str = ""

    @property
    def is_buckets(self) -> bool:
        return self.name.startswith(BUCKETS) and "timeseries" in self.options

    @property
    def is_series(self) -> bool:
        """What users see of a time-series collection: a view over its buckets."""
        return "timeseries" in self.options and not self.is_buckets


def is_captured(database: str) -> bool:
    """Whether a database is in a backup of everything."""
    return database not in NEVER_CAPTURED and not database.startswith("__mdb_internal")


def is_server_s_own(name: str) -> bool:
    """Whether a name says that its collection is no user's, but for the stored functions."""
    return name.startswith("system.") and name != "system.js"


def left_out_because(one: Listed) -> str | None:
    """Why a collection is no part of a backup; an empty string where nobody could miss it."""
    if is_ours(one.name):
        return "leftover"
    if one.options.get("temp") or is_server_s_own(one.name):
        return ""  # half of somebody's $out, dropped at the next start; the server's own
    return None


def sort_out(listed: Sequence[Listed], *, with_temporary: bool = False) -> tuple[list[CollectionEntry], list[Finding]]:
    """The entries, by database and name, and what is to be said about the rest.

    Args:
        with_temporary: Also what the server made for a while, such as half of somebody's ``$out``.
    """
    entries, findings = _sort_out_series(listed)
    for each in listed:
        reason = left_out_because(each)
        if each.is_series and reason is None:
            continue
        if with_temporary and reason == "" and each.options.get("temp") and not is_server_s_own(each.name):
            reason = None
        if reason is None:
            entry = describe(each.database, each.name, each.options, each.indexes, each.uuid)
            entries.append(entry)
        elif reason == "leftover":
            findings.append(_leftover(f"{each.database}.{each.name}"))
    entries.sort(key=lambda entry: (entry.database, entry.name))
    return entries, findings


def _sort_out_series(listed: Sequence[Listed]) -> tuple[list[CollectionEntry], list[Finding]]:
    """Pair what users see with the buckets behind it; either alone is the rest of something that was cut off."""
    entries, findings = [], []
    seen = {(each.database, each.name) for each in listed if each.is_series and not is_ours(each.name)}
    behind = {(each.database, each.name.removeprefix(BUCKETS)): each for each in listed if each.is_buckets}
    for database, name in sorted(seen | behind.keys()):
        namespace, buckets = f"{database}.{name}", behind.get((database, name))
        if is_ours(name):
            continue  # a leftover, and said as one
        if buckets is None:
            findings.append(_series_without_data(namespace))
        elif (database, name) not in seen:
            findings.append(_data_without_series(namespace))
        elif buckets.refused:
            findings.append(_time_series_left_out(database, name, buckets.refused))
        else:
            facts = (buckets.options, buckets.indexes, buckets.uuid)
            entries.append(describe_series(database, name, *facts, mixed=buckets.mixed))
    return entries, findings


def _time_series_left_out(database: str, name: str, action: str) -> Finding:
    namespace = f"{database}.{name}"
    return Finding(
        Level.PROBLEM,
        "time-series-left-out",
        namespace,
        f"{namespace} is a time-series collection and is NOT in this backup: "
        f"the user may not {action} on {database}.{BUCKETS}{name}",
        f"{ROLE_HINT}; or the role lifeboatCaptureOne of docs/operations.md",
        (namespace,),
    )


def _series_without_data(namespace: str) -> Finding:
    return Finding(
        Level.PROBLEM,
        "time-series-cut-off",
        namespace,
        f"{namespace} is a time-series collection without its data, as a restore leaves it that was cut off between two steps",
        "run that restore again to its end: it finishes in moments",
        (namespace,),
    )


def _data_without_series(namespace: str) -> Finding:
    return Finding(
        Level.PROBLEM,
        "time-series-cut-off",
        namespace,
        f"there is data of a time-series collection {namespace}, but not the collection: it is NOT in this backup",
        "run the restore that was cut off again, or give the data its name back: db.createCollection with the same options",
        (namespace,),
    )


def _leftover(namespace: str) -> Finding:
    return Finding(
        Level.WARNING,
        "restore-leftover",
        namespace,
        f"{namespace} is left over from a restore that did not finish, and is not backed up",
        "run that restore again to its end, or drop the collection",
    )
