"""Does the newest copy hold what is to be erased? A mistyped field or value erases nobody, and nobody would notice for years.

Limits: large collections are left out: they would have to be fetched for it.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

from bson import decode

from lifeboat.foundation.progress import Progress
from lifeboat.foundation.sizes import MIB
from lifeboat.operations.database_point import DatabasePoint, StoredCollection
from lifeboat.operations.erasing.entries import Erasure
from lifeboat.operations.erasing.live import StillLive
from lifeboat.operations.erasing.load import erased_by
from lifeboat.operations.erasing.names import ErasedNames
from lifeboat.operations.stored_trees import lines_of, stored_roots
from lifeboat.repository.reading import SnapshotReader
from lifeboat.sources.mongodb.catalog import LENIENT, Document
from lifeboat.sources.mongodb.documents import spans_of

LOOKED_AT_MOST_BYTES = 256 * MIB
"""Of each collection; a few seconds."""


def documents_stored(reader: SnapshotReader, erasure: Erasure, progress: Progress) -> list[StillLive]:
    """By selector how many documents of a database snapshot it means, also none; without those that were not looked at."""
    point = DatabasePoint(reader)
    found = []
    for selector in erasure.documents:
        stored = point.by_namespace.get(selector.collection)
        if stored is None or stored.entry.is_series or stored.bytes > LOOKED_AT_MOST_BYTES:
            continue
        progress.begin(f"looking into the newest copy of {selector.collection}", stored.bytes)
        eraser = erased_by([replace(erasure, documents=(selector,))]).collections[selector.collection]
        count = sum(
            eraser.erasure_of(one) is not None or bool(eraser.fields_of(one))
            for one in _documents(point, stored, progress)
        )
        found.append(StillLive(selector.collection, count))
    return found


def files_stored(reader: SnapshotReader, erasure: Erasure) -> list[StillLive]:
    """By path how many names of a snapshot of files it means, folders apart; also none."""
    found = []
    for path in erasure.files:
        erased = erased_by([replace(erasure, files=(path,))])
        count = 0
        for root in stored_roots(reader):
            names = ErasedNames(erased, root.path, (entry for entry, _ in lines_of(reader, root)))
            if names.concerns_tree:
                count += sum(
                    entry.kind != "directory" and names.of(entry) is not None for entry, _ in lines_of(reader, root)
                )
        found.append(StillLive(os.fsdecode(path), count))
    return found


def _documents(point: DatabasePoint, stored: StoredCollection, progress: Progress) -> Iterator[Document]:
    for block in point.read_chunks(stored.entry):
        for begin, end in spans_of(block):
            yield decode(bytes(block[begin:end]), codec_options=LENIENT)
        progress.advance(len(block))
