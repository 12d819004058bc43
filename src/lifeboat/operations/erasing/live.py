"""Does live still hold it? Looked at, never changed: what is live the application erases, by its own rules.

Only what is matched is counted; nothing of it is kept or shown.
"""

import os

from bson import decode

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.value import Value
from lifeboat.operations.erasing.entries import Erasure
from lifeboat.operations.erasing.load import erased_by
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import LENIENT
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.target_server import TargetServer


class StillLive(Value):
    """What live holds of an erasure. Args: place: the collection or path; number: documents, or names for a path."""

    place: str
    number: int


def documents_live(client: Client, erasure: Erasure, clock: Clock, progress: Progress) -> list[StillLive]:
    """Documents of the live database that the erasure means; a view or a missing collection holds none of its own.

    Raises:
        SourceError: The database cannot be reached or read.
    """
    server = TargetServer(client, clock=clock, progress=progress, patience_seconds=10.0)
    found = []
    for namespace, eraser in erased_by([erasure]).collections.items():
        database, _, name = namespace.partition(".")
        there = server.listed(database, name).get(name)
        if there is None or there["type"] == "view":
            continue
        progress.begin(f"looking whether {namespace} still holds it")
        top = dict.fromkeys(("_id", *eraser.fields), 1)
        with in_our_words(f"looking into {namespace}"):
            raw = collection_of(server.database(database), name).find_raw_batches({}, top)
            documents = (
                decode(bytes(block[begin:end]), codec_options=LENIENT)
                for block in raw
                for begin, end in spans_of(block)
            )
            count = sum(eraser.erasure_of(one) is not None or bool(eraser.without(one)[1]) for one in documents)
        if count:
            found.append(StillLive(namespace, count))
    return found


def files_live(erasure: Erasure) -> list[StillLive]:
    """Those of its paths at which something lies on this machine."""
    return [StillLive(os.fsdecode(path), 1) for path in erasure.files if os.path.lexists(path.rstrip(b"/"))]
