"""Hold restored users and roles against those that are stored.

Limits: names, roles, privileges, restrictions and how passwords are checked (mechanisms) are compared; credentials too, but never told.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import bson

from lifeboat.operations.database_point import DatabasePoint
from lifeboat.operations.drill.report import Compared, Difference
from lifeboat.sources.mongodb.catalog import EXACT
from lifeboat.sources.mongodb.target_server import TargetServer

_PARTS = {
    "user": ("roles", "credentials", "customData", "authenticationRestrictions"),
    "role": ("roles", "privileges", "authenticationRestrictions"),
}


def compare_accounts(server: TargetServer, point: DatabasePoint) -> list[Compared]:
    """One row for users, one for roles; none where nothing of it is stored."""
    found = []
    for kind in ("user", "role"):
        stored = [bson.decode(raw, codec_options=EXACT) for raw in point.accounts(f"{kind}s")]
        if stored:
            there = {str(one["_id"]): one for one in _there(server, kind)}
            differences = tuple(_differing(kind, stored, there))
            how = "roles, privileges and restrictions" if kind == "role" else "roles, credentials and restrictions"
            found.append(Compared(f"{kind}s", f"{kind}s", len(stored), 0, how, differences))
    return found


def _there(server: TargetServer, kind: str) -> Iterator[Mapping[str, Any]]:
    cursor = server.ask("admin", f"reading {kind}s", "find", f"system.{kind}s", batchSize=100_000)["cursor"]
    yield from cursor["firstBatch"]
    while cursor["id"]:
        cursor = server.ask("admin", f"reading {kind}s", "getMore", cursor["id"], collection=f"system.{kind}s")[
            "cursor"
        ]
        yield from cursor["nextBatch"]


def _differing(kind: str, stored: list[Any], there: Mapping[str, Any]) -> Iterator[Difference]:
    for one in stored:
        name = str(one["_id"])
        found = there.get(name)
        if found is None:
            yield Difference(f"{kind}-missing", f"{kind} {name}", "it did not come back")
            continue
        parts = [part for part in _PARTS[kind] if _comparable(one.get(part)) != _comparable(found.get(part))]
        if parts:
            yield Difference(f"{kind}-differs", f"{kind} {name}", f"differs in {', '.join(parts)}")


def _comparable(value: Any) -> Any:
    """Lists of roles and privileges mean the same in any order; nothing and an empty list too."""
    if isinstance(value, list):
        return sorted((_comparable(one) for one in value), key=repr)
    if isinstance(value, Mapping):
        return sorted(((str(key), _comparable(one)) for key, one in value.items()), key=repr)
    return value or []
