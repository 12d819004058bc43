"""After the commit: the writer's records go into its chain, at the latest after its next run.

Invariant: one run of this machine links at a time, so each record is in exactly one link. What is remembered locally is a hint,
but for the links of ours that the store has lost: those are the proof of a rollback.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from lifeboat.foundation.errors import RepositoryDamaged, SettingsError
from lifeboat.repository.chain import Link, make_link, open_link
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import digest, link_name
from lifeboat.repository.objects import read_verified, write_named
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import show_time
from lifeboat.repository.writers import WriterSecret
from lifeboat.storage.errors import ObjectMissing, StorageDenied


def linked_memory(state: LocalState) -> dict[str, Any]:
    """What this machine remembers of its newest link; empty where it remembers nothing that makes sense."""
    said = state.read_json("linked.json") or {}
    texts = (said.get("writer"), said.get("head"), said.get("generation"))
    records, lost = said.get("records"), said.get("lost", [])
    is_sound = (
        all(isinstance(one, str) for one in texts)
        and isinstance(said.get("sequence"), int)
        and isinstance(records, list)
        and all(isinstance(one, str) for one in records)
        and isinstance(lost, list)
        and all(isinstance(one, dict) for one in lost)
    )
    return said if is_sound else {}


def write_link(repository: Repository, writer: WriterSecret, generation: str, now: datetime) -> None:
    """Add the writer's unlinked records to its chain; a run that died between record and link is caught up here.

    What is linked already is remembered locally, so that an hourly backup does not read the whole chain each time. So is each link
    of ours that the store no longer has: a rollback stays visible after the chain has gone on from the older state.
    """
    # One look, and not before the others of this machine have written theirs.
    with repository.state.one_at_a_time(), repository.one_look():
        _write_link(repository, writer, generation, now)


def _write_link(repository: Repository, writer: WriterSecret, generation: str, now: datetime) -> None:
    mine = writer.writer.hex()
    memory = linked_memory(repository.state)
    if memory.get("writer") != mine:
        memory = {}
    previous = _goes_on_from(repository, mine, memory, repository.newest_link(mine))
    lost = memory.get("lost") or []
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
    heads = repository.heads(without=mine)
    names = [record.object_name.rsplit("-", 1)[-1] for record in missing]
    sequence, raw = make_link(writer, repository.id, generation, previous, names, heads, show_time(now))
    name = link_name(mine, generation, sequence, digest(raw))
    write_named(repository.store, name, raw)
    repository.wrote(name, raw)
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


def _goes_on_from(repository: Repository, mine: str, memory: Mapping[str, Any], found: Link | None) -> Link | None:
    """The link to go on from: the newest that was found, or our last one, where a listing left it out or its bytes are spoilt.

    Else a second link would get its number, and the writer would look like a clone of itself. One that is gone stays gone: a rollback.
    """
    head, sequence, generation = memory.get("head"), memory.get("sequence"), memory.get("generation")
    if not isinstance(head, str) or not isinstance(sequence, int) or not isinstance(generation, str):
        return found
    if found is not None and (found.name == head or found.sequence >= sequence):
        return found
    name = link_name(mine, generation, sequence, head)
    try:
        return open_link(
            read_verified(repository.store, name), name, repository.registrations[mine].signing_key, repository.id
        )
    except (ObjectMissing, StorageDenied):
        return found
    except RepositoryDamaged:
        return Link(head, mine, generation, sequence, None, (), {}, "")
