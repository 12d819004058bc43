"""Make a collection that is gone, so that single documents can be put into it: with its options and indexes, expiry not armed."""

from lifeboat.foundation.finding import Finding, Level
from lifeboat.sources.mongodb.blueprint import armings_of, create_options, indexes_to_build
from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.errors import DatabaseRefused
from lifeboat.sources.mongodb.live_documents import LiveCollection
from lifeboat.sources.mongodb.target_server import MAJORITY


def make_collection(live: LiveCollection, entry: CollectionEntry) -> list[Finding]:
    """Create it as it was; what is to be said of it."""
    options = create_options(entry)
    doing = f"making {live.namespace}"

    server = live.server

    def create() -> None:
        server.send(live.database, doing, "create", live.name, **options, writeConcern=MAJORITY)

    server.until(lambda: live.name in server.listed(live.database, live.name), create)
    live.exists = True
    findings = [
        Finding(
            Level.WARNING,
            "collection-made",
            live.namespace,
            "was not there and was made anew with its options and indexes; other documents of it did not come back",
            f"to have all of it: `lifeboat restore db --ns {entry.namespace}`",
        )
    ]
    for index in indexes_to_build(entry):
        try:
            server.tell(live.database, doing, "createIndexes", live.name, indexes=[index])
        except DatabaseRefused as refusal:
            findings.append(
                Finding(
                    Level.WARNING,
                    "index-not-built",
                    f"{live.namespace} {index['name']}",
                    refusal.message,
                    "create it by hand",
                )
            )
    if armings_of(entry):
        findings.append(
            Finding(
                Level.WARNING,
                "expiry-not-armed",
                live.namespace,
                "its indexes do not expire documents as they did: what was put back would be deleted at once",
                "`collMod` arms an index with expireAfterSeconds when you want that",
            )
        )
    return findings
