"""What can the credentials of this machine really do in the store, against what its role needs? Said plainly, before a thief finds out.

Tried without touching anything stored: what is written is scratch; what is "deleted" never was; bodies that would land elsewhere are
sent with a wrong hash, which a store that checks hashes refuses only after it has let the request in.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from lifeboat.foundation.errors import StorageError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.repository.names import (
    CATALOG,
    CONFIG,
    PROBES,
    Class,
    Source,
    catalog_prefix,
    key_name,
    pack_name,
    segment_name,
)
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.roles import Role
from lifeboat.retention.periods import generation_of
from lifeboat.storage.archive import BringsBack, Tier
from lifeboat.storage.conformance.hooks import Inspectable, Provokable, SendsHash, unwrapped
from lifeboat.storage.errors import ContentRefused, ObjectMissing, StorageDenied
from lifeboat.storage.versions import KeepsVersions

NEVER = "2000-01"
"""A generation in which nothing was ever stored."""
POLICY = "`lifeboat aws policy {role}` prints the rights that are enough"


class Abilities(Value):
    """What the present credentials can do; None: could not be found out."""

    list_everything: bool
    list_own: bool
    read_own: bool
    read_packs: bool | None
    write_scratch: bool
    write_own: bool | None
    """Packs, keys, segments and its own catalog."""
    write_catalogs: bool | None
    """Into the catalogs of others."""
    overwrite: bool | None
    """Replace an object instead of creating one."""
    delete: bool
    delete_versions: bool | None
    keeps_versions: bool | None
    see_versions: bool | None = None
    """List older versions, to bring back what somebody deleted."""
    unarchive: bool | None = None
    """Ask for what lies in an archive class."""


def role_of(repository: Repository) -> Role:
    """What this machine is, by the keys at hand."""
    if repository.custodian is not None:
        return Role.CUSTODIAN
    if repository.description.profile == "simple":
        return Role.SIMPLE
    return Role.WRITER if repository.identity is None else Role.KEEPER


def check_rights(repository: Repository) -> list[Finding]:
    """Compare what this machine can do with what its role needs."""
    role = role_of(repository)
    can = find_abilities(repository)
    where = repository.store.describe()
    found = _missing(can, role, where)
    if role is Role.KEEPER and _makes_backups(repository):
        message = "the key is on a machine that makes backups of its own: a thief of this machine can read all backups"
        hint = "take the key to a second machine, the keeper: this one needs none to back up"
        found.append(Finding(Level.WARNING, "key-on-writer", "profile", message, hint))
    has_rights = isinstance(unwrapped(repository.store), Provokable)
    if has_rights:  # A folder has no rights that could be narrower: the one sentence about it stands below.
        found += _too_wide(can, role, where)
    found += _destroying(can, role, where, has_rights)
    return found or [Finding(Level.OK, "rights-fit", where, _fitting(can, role))]


def _fitting(can: Abilities, role: Role) -> str:
    thief = {
        Role.WRITER: "a thief of this machine can neither read nor delete backups",
        Role.KEEPER: "a thief of this machine can read all backups, since it holds the key, and delete none",
        Role.CUSTODIAN: "a thief of this machine can read no backup; what he deletes can be brought back from older versions",
        Role.SIMPLE: "a thief of this machine can read all backups, since it holds the key, and delete none",
    }[role]
    kept = {True: "; older versions are kept", False: "; older versions are not kept", None: ""}[can.keeps_versions]
    return f"the rights here are those that a {role} needs: {thief}{kept}"


_ELSEWHERE = {
    Role.WRITER: "a guarded writer sees its own catalog alone: here `lifeboat verify --level age`; all else on the keeper's machine",
    Role.CUSTODIAN: "a custodian sees catalogs alone: here `lifeboat verify --level structure`; all else on the keeper's machine",
}


@contextmanager
def denied_in_words_of_the_role(repository: Repository) -> Iterator[None]:
    """Where a role's rights end, say where the work can be done."""
    try:
        yield
    except StorageDenied as error:
        role = role_of(repository)
        if role in _ELSEWHERE:
            raise StorageDenied(error.message, _ELSEWHERE[role]) from error
        raise


def find_abilities(repository: Repository) -> Abilities:
    """Try everything."""
    store, place = repository.store, unwrapped(repository.store)
    local = repository.state.load_writer()
    mine = local.writer.hex() if local is not None else "0" * 32
    scratch = f"{PROBES}{os.urandom(8).hex()}"
    names = [f"{scratch}/{part}" for part in ("written", "versions")]
    never = os.urandom(32).hex()
    # Of this month: a bucket with Object Lock may refuse a pack whose lock would be over.
    month = generation_of(store.time_there())
    never_pack = pack_name(Source.FILES, Class.SHORT, month, never)
    sends_hash = place if isinstance(place, SendsHash) else None
    provokable = place if isinstance(place, Provokable) else None
    try:
        writes = _may(lambda: store.write(names[0], b"written by doctor"))
        checked = sends_hash is not None and writes and _refuses_wrong_hash(sends_hash, f"{scratch}/hash", names)

        def may_write(name: str, over: bool = False) -> bool | None:
            if sends_hash is None or not checked:
                return None
            return _may(lambda: sends_hash.write_with_wrong_hash(name, b"x", over))

        def may_overwrite() -> bool | None:
            """Of names that carry hashes: a policy may forbid it for those alone."""
            if provokable is None or not writes:
                return None
            tried = may_write(never_pack, over=True)
            return _may(lambda: provokable.write_over(names[0], b"again")) if tried is None else tried

        segment = segment_name(month, never, "0" * 16, "0" * 16, "0" * 16, mine, never)
        own = [
            may_write(name)
            for name in (never_pack, key_name(month, never), f"{catalog_prefix(mine, month)}index-{never}", segment)
        ]
        return Abilities(
            list_everything=_may(lambda: next(store.list_under(""), None)),
            list_own=_may(lambda: next(store.list_under(catalog_prefix(mine)), None))
            and _may(lambda: next(store.list_under(CONFIG), None)),
            read_own=_may(lambda: store.read(f"{catalog_prefix(mine, NEVER)}index-{never}"))
            or _reads_own(repository, mine),
            read_packs=_may_read_packs(repository),
            write_scratch=writes,
            write_own=None if None in own else all(own),
            write_catalogs=may_write(f"{CATALOG}{'f' * 32}/{month}/index-{never}"),
            overwrite=may_overwrite(),
            delete=_may(lambda: store.delete(never_pack)),
            delete_versions=_may(lambda: provokable.delete_a_version(never_pack)) if provokable else None,
            keeps_versions=_keeps_versions(place, names[1]) if writes else None,
            see_versions=_sees_versions(place),
            unarchive=_may_unarchive(place, never_pack),
        )
    finally:
        for name in names:
            with suppress(StorageError):
                store.delete(name)


def _may(attempt: Callable[[], object]) -> bool:
    """Whether it is let in: refused for another reason than rights counts as let in."""
    try:
        attempt()
    except StorageDenied:
        return False
    except (ContentRefused, ObjectMissing):
        return True
    return True


def _refuses_wrong_hash(place: SendsHash, name: str, names: list[str]) -> bool:
    try:
        place.write_with_wrong_hash(name, b"x")
    except ContentRefused:
        return True
    except StorageError:
        return False
    names.append(name)
    return False


def _reads_own(repository: Repository, mine: str) -> bool:
    """An object that is not there is told as denied to who may not list: so try one that is."""
    try:
        first = next(repository.store.list_under(catalog_prefix(mine)), None)
    except StorageDenied:
        return False
    return first is None or _may(lambda: repository.store.read(first.name))


def _may_read_packs(repository: Repository) -> bool | None:
    record = next((one for _, one in repository.records() if isinstance(one, Record) and one.packs), None)
    if record is None:
        return None
    name = pack_name(Source(record.source), Class(record.class_), record.generation, record.packs[0].hex())
    return _may(lambda: repository.store.read(name, (0, 1)))


def _keeps_versions(place: object, name: str) -> bool | None:
    if not isinstance(place, Inspectable):
        return None
    try:
        return place.keeps_versions(name, b"a version")
    except StorageError:
        return None


def _sees_versions(place: object) -> bool | None:
    return _if_offered(lambda: next(place.versions_under(PROBES), None)) if isinstance(place, KeepsVersions) else None


def _may_unarchive(place: object, never: str) -> bool | None:
    """Asked for a name that never was: nothing comes, and nothing is paid."""
    return _if_offered(lambda: place.bring_back(never, 1, Tier.BULK)) if isinstance(place, BringsBack) else None


def _if_offered(attempt: Callable[[], object]) -> bool | None:
    """As ``_may``; None where the store does not offer it at all."""
    try:
        return _may(attempt)
    except StorageError:
        return None


def _makes_backups(repository: Repository) -> bool:
    """Whether this machine is a host: a keeper stores no more than what was there before a restore."""
    local = repository.state.load_writer()
    mine = local.writer.hex() if local is not None else ""
    return any(isinstance(one, Record) and one.writer == mine and one.is_backup for _, one in repository.records())


def _missing(can: Abilities, role: Role, where: str) -> list[Finding]:
    lacks = []
    if not can.list_own:
        lacks.append("list its own catalog and config/")
    if not can.read_own:
        lacks.append("read its own catalog")
    if not can.write_scratch:
        lacks.append(f"write below {PROBES}")
    if role is not Role.CUSTODIAN and can.write_own is False:
        lacks.append("write packs, keys, segments and its own catalog")
    if role is not Role.WRITER and not can.list_everything:
        lacks.append("list everything")
    if role in (Role.KEEPER, Role.SIMPLE) and can.read_packs is False:
        lacks.append("read packs")
    if role is Role.CUSTODIAN and not can.delete:
        lacks.append("delete packs")
    if not lacks:
        return _missing_on_the_worst_day(can, role, where)
    message = f"the rights here are not enough for a {role}: it may not {', '.join(lacks)}"
    return [Finding(Level.PROBLEM, "right-missing", where, message, POLICY.format(role=role))]


def _missing_on_the_worst_day(can: Abilities, role: Role, where: str) -> list[Finding]:
    """Rights of who restores that no day but the worst asks for."""
    if role not in (Role.KEEPER, Role.SIMPLE):
        return []
    lacks = []
    if can.see_versions is False and can.keeps_versions:
        lacks.append("list older versions, to bring back what somebody deleted")
    if can.unarchive is False:
        lacks.append("bring packs back from an archive class")
    if not lacks:
        return []
    message = f"the rights here are enough for every day; on the worst one it may not {' nor '.join(lacks)}"
    return [Finding(Level.WARNING, "right-missing", where, message, POLICY.format(role=role))]


def _too_wide(can: Abilities, role: Role, where: str) -> list[Finding]:
    """More than the role needs, short of destroying anything."""
    if role not in (Role.WRITER, Role.CUSTODIAN):
        return []
    wide = []
    if role is Role.WRITER and can.list_everything:
        wide.append("list everything")
    if role is Role.WRITER and can.read_packs:
        wide.append("read packs (sealed: it cannot open them)")
    if role is Role.WRITER and can.write_catalogs:
        wide.append("write into the catalogs of others")
    if not wide:
        return []
    message = f"the rights here are wider than a {role} needs: it may also {', '.join(wide)}"
    return [Finding(Level.WARNING, "rights-wider", where, message, POLICY.format(role=role))]


def _destroying(can: Abilities, role: Role, where: str, has_rights: bool) -> list[Finding]:
    """Whether a thief of this machine could destroy what is stored."""
    recoverable = bool(can.keeps_versions) and can.delete_versions is False
    if role is Role.CUSTODIAN:
        if recoverable or not can.delete:
            return []
        message = (
            "a custodian has to delete, and here what it deletes is gone for good: so it is for a thief of this machine"
        )
        hint = "turn on versioning in the bucket, and give s3:DeleteObjectVersion to nobody"
        return [Finding(Level.WARNING, "can-delete", where, message, hint)]
    if can.delete:
        how = (
            "older versions are kept, and it may not remove those: its owner can bring them back"
            if recoverable
            else "for good: it may remove older versions, too"
            if can.keeps_versions
            else "for good: no older versions are kept"
        )
        if not has_rights:
            message = "this machine can delete backups: whoever can write to a folder can empty it"
            hint = "a bucket can hold a machine to its role: LIFEBOAT_REPOSITORY=s3://bucket/prefix, `lifeboat aws policy writer`"
            return [Finding(Level.WARNING, "can-delete", where, message, hint)]
        bad = role is not Role.SIMPLE and not recoverable
        message = f"this machine can delete backups, and so can who steals it; {how}"
        hint = (
            "the guarded profile (`lifeboat init --guarded`) needs no such right; at least turn on versioning in the bucket and take "
            "s3:DeleteObjectVersion away"
            if role is Role.SIMPLE
            else f"a {role} needs no such right: " + POLICY.format(role=role)
        )
        return [Finding(Level.PROBLEM if bad else Level.WARNING, "can-delete", where, message, hint)]
    if can.overwrite and not recoverable:
        message = "this machine cannot delete backups, but it can overwrite what it may write, and no older version would be left"
        hint = "turn on versioning in the bucket; `lifeboat aws policy bucket` prints what forbids overwriting to everybody"
        return [Finding(Level.WARNING, "can-overwrite", where, message, hint)]
    if can.delete_versions:
        message = "this machine may remove older versions: what was deleted or overwritten could not be brought back"
        return [Finding(Level.WARNING, "can-delete-versions", where, message, POLICY.format(role=role))]
    return []
