"""Landing where documents are followed by changes: as they were read, then the changes, then indexes; capped collections last of all.

A capped collection pushes out documents of its own accord, so its documents and changes land beside it in one whose cap is never
reached (``staged``) and are copied in their order when they are what they should be. Not in an ordinary one: each node
keeps the documents of that in an order of its own, and after an election the order would be another.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bson import SON, Timestamp

from lifeboat.foundation.value import Value, field
from lifeboat.sources.mongodb.any_name import collection_of
from lifeboat.sources.mongodb.catalog import CollectionEntry, describe
from lifeboat.sources.mongodb.land import How, Landed, finish_landing, land
from lifeboat.sources.mongodb.landing import Landing
from lifeboat.sources.mongodb.meaning import in_our_words
from lifeboat.sources.mongodb.oplog.replay import Place
from lifeboat.sources.mongodb.target_server import TargetServer

REPLAYS_AT_MOST = 10
LARGEST_CAP_BYTES = 1 << 50


class Changes(Value):
    """What happened since the documents were read.

    Args:
        chunks: Begins the stored changes from the first; each chunk holds whole ones.
        later: Namespaces whose documents were read while they changed.
        births: By UUID: changes before this instant are of another collection that had it before.
    """

    chunks: Callable[[], Iterable[bytes]]
    later: AbstractSet[str]
    births: Mapping[bytes, Timestamp] = field(default_factory=dict)


def staged(landing: Landing) -> Landing:
    """Where documents and changes land."""
    if landing.entry.kind != "capped":
        return landing
    entry = landing.entry
    options = SON((key, value) for key, value in entry.options.items() if key != "max")
    options["size"] = LARGEST_CAP_BYTES
    roomy = describe(entry.database, entry.name, options, (), entry.uuid)
    return replace(landing, entry=roomy, name=landing.name_of_stage)


def place_of(landing: Landing, uuid: str) -> Place:
    at = staged(landing)
    return Place(at.database, at.temporary, landing.entry.kind == "capped", uuid)


def finish_after_replay(server: TargetServer, landing: Landing, landed: Landed, how: How) -> Landed:
    """Cap what is to be capped; then indexes, options, count."""
    if landing.entry.kind != "capped":
        return finish_landing(server, landing, landed)
    stage = staged(landing)

    def documents(entry: CollectionEntry) -> Iterable[bytes]:
        with in_our_words(f"putting {landing.namespace} in order"):
            collection = collection_of(server.database(stage.database), stage.temporary)
            with server.client.start_session(causal_consistency=True) as session:
                server.confirm(stage.database, stage.temporary, session)
                with collection.aggregate_raw_batches([], session=session) as cursor:
                    yield from cursor

    # The reading is ours to repeat here: elsewhere chunks come from the repository, which does not know of elections.
    capped = server.repeat(lambda: land(server, landing, documents, how))  # type: ignore[arg-type]
    server.drop(stage.database, stage.temporary)
    return capped
