"""What lies on a server, as a list: databases that are meant, others, collections with their kind. No document is read."""

from collections.abc import Sequence
from contextlib import suppress

from pymongo.errors import OperationFailure

from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.catalog_listed import is_captured, is_server_s_own
from lifeboat.sources.mongodb.connect import Client
from lifeboat.sources.mongodb.landing_names import is_ours
from lifeboat.sources.mongodb.meaning import in_our_words

COUNTED_AT_MOST = 300
"""Collections whose size is asked for, to find the largest: one short command each."""


class ListedCollection(Value):
    """Args: kind: ``collection``, ``capped``, ``timeseries``, ``view``; documents: by the server's own count; None: not asked."""

    namespace: str
    kind: str
    documents: int | None = None


class Overview(Value):
    """Args: meant, others: databases by name, those that are backed up and those that are not."""

    meant: tuple[str, ...]
    others: tuple[str, ...]
    collections: tuple[ListedCollection, ...]

    @property
    def largest(self) -> str | None:
        """The collection with most documents."""
        counted = [one for one in self.collections if one.documents is not None and one.kind == "collection"]
        return max(counted, key=lambda one: one.documents or 0, default=None).namespace if counted else None  # type: ignore[union-attr]


def overview(client: Client, databases: Sequence[str] | None) -> Overview:
    """Args: databases: those that are meant; None: all but the server's own. Raises an error of ``errors.py``."""
    with in_our_words("listing the databases"):
        there = sorted(name for name in client.list_database_names() if is_captured(name))
    meant = [name for name in there if databases is None or name in databases]
    found: list[ListedCollection] = []
    for database in meant:
        with in_our_words(f"listing the collections of {database}"):
            for one in client[database].list_collections():
                name, options = str(one["name"]), one.get("options") or {}
                if is_server_s_own(name) or is_ours(name):
                    continue
                kind = "capped" if options.get("capped") else str(one.get("type", "collection"))
                asks = kind == "collection" and len(found) < COUNTED_AT_MOST
                documents = None
                if asks:
                    with suppress(OperationFailure):  # the right to count may be missing, or the collection gone by now
                        documents = client[database][name].estimated_document_count()
                found.append(ListedCollection(f"{database}.{name}", kind, documents))
    return Overview(tuple(meant), tuple(one for one in there if one not in meant), tuple(found))
