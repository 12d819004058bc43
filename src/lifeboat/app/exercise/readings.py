"""What the judge of an exercise remembers: a digest of each collection, of the accounts, and of each uploaded file.

Invariant: read by ``samples``, which shares no code with what backs up and restores.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from lifeboat.app.demo_scene import DATABASE
from lifeboat.samples.fingerprint import fingerprint
from lifeboat.samples.fingerprint_tree import fingerprint_tree
from lifeboat.sources.mongodb.connect import Client

ACCOUNTS = "users and roles"


def read_collections(client: Client, only: Collection[str] = ()) -> dict[str, str]:
    """Digest by collection, and one of the accounts; empty where the database is gone."""
    there = fingerprint(client, DATABASE)
    found = {name: _digest(json.dumps(asdict(one), sort_keys=True)) for name, one in there.collections.items()}
    found[ACCOUNTS] = _digest(json.dumps([dict(there.users), dict(there.roles)], sort_keys=True))
    return {name: one for name, one in found.items() if not only or name in only}


def read_uploads(root: Path) -> dict[str, str]:
    """Digest of content and mode of each file and link; folders change their times when somebody looks after them."""
    if not root.is_dir():
        return {}
    return {
        os.fsdecode(path): _digest(f"{one.kind} {one.mode} {one.size} {one.content.hex()}")
        for path, one in fingerprint_tree(root).items()
        if one.kind in ("file", "link")
    }


def wanting(wanted: Mapping[str, str], there: Mapping[str, str], kind: str) -> list[str]:
    """How much is not as it should be, and not what: finding that out is the exercise. What is there besides does not count."""
    wrong = sum(there.get(name) != one for name, one in wanted.items())
    return [f"{wrong:,} of {len(wanted):,} {kind} {'is' if wrong == 1 else 'are'} not as wanted"] if wrong else []


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:32]
