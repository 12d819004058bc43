"""Whether what is said to have been carried forward lies there; before a backup leans on it, which may not look."""

from collections.abc import Container, Mapping

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.operations.verify.found import Structure, damaged
from lifeboat.repository.carrying import Carry
from lifeboat.repository.errors import SaidByFormer, SaidByNobody
from lifeboat.repository.names import KEYS
from lifeboat.repository.open_repository import Repository
from lifeboat.retention.periods import closes


def check_carried(repository: Repository, found: Structure) -> None:
    """Whether what is said to have been carried into a month that still takes backups lies there: a writer that may not look would lean on it."""
    now = repository.store.time_there()
    listed: dict[str, dict[str, int]] = {}

    def sizes_in(prefix: str) -> dict[str, int]:
        if prefix not in listed:
            listed[prefix] = {one.name[-64:]: one.size_bytes for one in repository.store.list_under(prefix)}
        return listed[prefix]

    for writer in repository.secrets:
        for name, carry in repository.carries(writer):
            if isinstance(carry, SaidByFormer):
                continue
            if isinstance(carry, SaidByNobody):
                found.findings.append(
                    Finding(Level.WARNING, carry.code, name, f"{carry.message}; it counts for nothing", carry.hint)
                )
            elif isinstance(carry, LifeboatError):
                damaged(found, name, carry, ("what the next backup need not store again; nothing that is stored",))
            elif closes(carry.lane.generation) > now:
                sizes, keys = sizes_in(carry.lane.place), sizes_in(f"{KEYS}{carry.lane.generation}/")
                lost = _lost_of(found, carry, sizes, keys)
                if lost:
                    found.findings.append(_not_there(name, carry, len(lost)))


def _lost_of(found: Structure, carry: Carry, sizes: Mapping[str, int], keys: Container[str]) -> list[bytes]:
    """Of the packs that a statement names those that do not lie there whole, with their keys, as far as indexes tell what that is."""
    lane, lost = carry.lane, []
    for pack in carry.packs:
        told = found.packs.get(lane.place, pack) or found.packs.get(lane.origin, pack)
        whole = sizes.get(pack.hex()) == (sizes.get(pack.hex(), -1) if told is None else told.size_bytes)
        if not whole or (told is not None and told.data_key_name.hex() not in keys):
            lost.append(pack)
    return lost


def _not_there(name: str, carry: Carry, count: int) -> Finding:
    said = f"{count} of the {len(carry.packs)} packs that it says were carried into {carry.lane.generation}"
    return Finding(
        Level.PROBLEM,
        "carried-missing",
        name,
        f"{said} are not there, or cut: a guarded writer's next backup would lean on them",
        "`lifeboat carry-forward` copies them again from where they were; who said so, and who could delete?",
    )
