"""Questions to the restored database as checks: how many documents fit, and whether the files that they name are there.

Memory: one batch of documents.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from lifeboat.foundation.errors import SettingsError
from lifeboat.operations.drill.checks.kinds import Query, References, Surroundings
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.filter_text import read_filter
from lifeboat.sources.mongodb.meaning import in_our_words

NAMED_AT_MOST = 5


def ask_query(check: Query, surroundings: Surroundings) -> tuple[bool, str, str]:
    bounds = (("exactly", check.count), ("at least", check.at_least), ("at most", check.at_most))
    expected = ", ".join(f"{words} {number:,}" for words, number in bounds if number is not None)
    assert surroundings.uri is not None
    database, _, name = check.collection.partition(".")
    wanted = read_filter(check.filter)
    with connect(surroundings.uri) as client, in_our_words(f"counting in {check.collection}"):
        found = client[database][name].count_documents(wanted, maxTimeMS=int(check.seconds * 1000))
    passed = (
        (check.count is None or found == check.count)
        and (check.at_least is None or found >= check.at_least)
        and (check.at_most is None or found <= check.at_most)
    )
    return passed, expected, f"{found:,} documents"


def ask_references(check: References, surroundings: Surroundings) -> tuple[bool, str, str]:
    expected = f"every file that {check.collection} names in {check.field} is there"
    assert surroundings.uri is not None
    restored = _restored(check.root, surroundings)
    if restored is None:
        return True, expected, "left out: no files were restored"
    database, _, name = check.collection.partition(".")
    looked = missing = erased = 0
    named: list[str] = []
    with connect(surroundings.uri) as client, in_our_words(f"reading {check.collection}"):
        for document in client[database][name].find({}, {check.field: 1}):
            for value in _values(document, check.field.split(".")):
                looked += 1
                live, here = _place(value, check, restored)
                if here is not None and here.exists():
                    continue
                if live is not None and surroundings.erased.of_path(os.fsencode(live)) is not None:
                    erased += 1
                    continue
                missing += 1
                if len(named) < NAMED_AT_MOST:
                    named.append(f"{value} (_id {document['_id']})")
    told = f"{looked:,} references" + (f", {erased:,} to what is meant to stay erased" if erased else "")
    if missing:
        told += f"; {missing:,} files are missing: {', '.join(named)}"
    return not missing, expected, told


def _restored(root: Path, surroundings: Surroundings) -> Path | None:
    """Where the folder that is live at ``root`` was restored to."""
    for live, here in surroundings.folders.items():
        if root == live or live in root.parents:
            return here / root.relative_to(live)
    if not surroundings.folders:
        return None
    raise SettingsError(
        f"the root {root} lies in none of the trees that were restored",
        f"one of them, or a folder in it: {', '.join(map(str, surroundings.folders))}",
    )


def _place(value: object, check: References, restored: Path) -> tuple[Path | None, Path | None]:
    """Where the file is live, and where it was restored to; None for what names none, or leads out of the tree."""
    if not isinstance(value, str) or not value or "\0" in value:
        return None, None
    relative = value.removeprefix(check.strip)
    if not check.strip:
        relative = relative.removeprefix(f"{check.root}/")
    relative = os.path.normpath(relative.lstrip("/"))
    if relative.startswith(".."):
        return None, None
    return check.root / relative, restored / relative


def _values(document: object, path: list[str]) -> Iterator[object]:
    """What stands at a dotted path, arrays gone into."""
    if isinstance(document, list):
        for one in document:
            yield from _values(one, path)
    elif not path:
        if document is not None:
            yield document
    elif isinstance(document, Mapping) and path[0] in document:
        yield from _values(document[path[0]], path[1:])
