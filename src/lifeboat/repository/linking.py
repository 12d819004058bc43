"""After the commit: the writer's records go into its chain, at the latest after its next run.

Invariant: one run of this machine links at a time, so each record is in exactly one link. What is remembered locally is a hint,
but for the links of ours that the store has lost: those are the proof of a rollback.
"""

from contextlib import suppress
from datetime import datetime

from lifeboat.foundation.errors import SettingsError
from lifeboat.repository.chain import Link, make_link
from lifeboat.repository.names import digest, link_name
from lifeboat.repository.objects import write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time
from lifeboat.repository.writers import WriterSecret


def write_link(repository: Repository, writer: WriterSecret, generation: str, now: datetime) -> None:
    """Add the writer's unlinked records to its chain; a run that died between record and link is caught up here.

    What is linked already is remembered locally, so that an hourly backup does not read the whole chain each time. So is each link
    of ours that the store no longer has: a rollback stays visible after the chain has gone on from the older state.
    """
    with repository.state.one_at_a_time():
        _write_link(repository, writer, generation, now)


def _write_link(repository: Repository, writer: WriterSecret, generation: str, now: datetime) -> None:
    mine = writer.writer.hex()
    previous = repository.newest_link(mine)
    memory = repository.state.read_json("linked.json") or {}
    if memory.get("writer") != mine:
        memory = {}
    lost = memory.get("lost", [])
    if previous is not None and memory.get("head") == previous.name and memory.get("generation") == generation:
        linked = set(memory["records"])
    else:
        opened = [link for _, link in repository.links(mine) if isinstance(link, Link)]
        linked = {record for link in opened for record in link.records}
        if memory and memory["head"] not in {link.name for link in opened}:
            lost = [*lost, {"head": memory["head"], "sequence": memory["sequence"]}]
    missing = repository.unlinked_records(mine, linked)
    if not missing:
        return
    heads = {other: head for other, head in repository.heads().items() if other != mine}
    names = [record.object_name.rsplit("-", 1)[-1] for record in missing]
    sequence, raw = make_link(writer, repository.id, generation, previous, names, heads, show_time(now))
    write_named(repository.store, link_name(mine, generation, sequence, digest(raw)), raw)
    remembered = {
        "writer": mine,
        "head": digest(raw),
        "sequence": sequence,
        "generation": generation,
        "records": sorted(linked) + names,
        "lost": lost,
    }
    with suppress(
        SettingsError
    ):  # a hint: without it the next run reads the chain, and the snapshot is committed all the same
        repository.state.write_json("linked.json", remembered)
