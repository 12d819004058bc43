"""What is to be done after a drill, and whether it was. Pure but for what is given.

An entry of the ledger says one thing: that something is to be done, or that it was. Both name the same id.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from lifeboat.foundation.value import Value
from lifeboat.repository.ledger import Entry


class FollowUp(Value):
    """One thing to do.

    Args:
        id: 6 hex digits. drill: Id of the drill it came of; empty for none.
        due: The day by which it is to be done; None: nobody said.
        closed: When somebody said that it was done; outcome: in whose words.
    """

    id: str
    text: str
    owner: str
    drill: str
    due: date | None
    opened: datetime
    closed: datetime | None = None
    outcome: str = ""

    def is_overdue(self, now: datetime) -> bool:
        return self.closed is None and self.due is not None and self.due < now.date()


def opening(id: str, text: str, owner: str, drill: str, due: date | None) -> dict[str, Any]:
    """What is put into the ledger for something to do."""
    return {
        "act": "open",
        "id": id,
        "text": text,
        "owner": owner,
        "drill": drill,
        "due": due.isoformat() if due else None,
    }


def closing(id: str, outcome: str) -> dict[str, Any]:
    """What is put into the ledger when it was done."""
    return {"act": "close", "id": id, "outcome": outcome}


def follow_ups(entries: Iterable[Entry]) -> list[FollowUp]:
    """All of them, oldest first; what cannot be read is passed over."""
    found: dict[str, FollowUp] = {}
    for entry in entries:
        said: Mapping[str, Any] = entry.content
        try:
            name = str(said["id"])
            if said["act"] == "open" and name not in found:
                due = date.fromisoformat(said["due"]) if said.get("due") else None
                found[name] = FollowUp(name, str(said["text"]), str(said["owner"]), str(said["drill"]), due, entry.time)
            elif said["act"] == "close" and name in found and found[name].closed is None:
                found[name] = replace(found[name], closed=entry.time, outcome=str(said["outcome"]))
        except (KeyError, TypeError, ValueError):
            continue
    return list(found.values())
