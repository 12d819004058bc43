"""A repository with the keys one has to it: made, opened, its catalog read."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.catalog_format import Index, IndexedPack, open_index, open_record
from lifeboat.repository.chain import Link, head_of_catalog, open_link
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.data_keys import open_data_key
from lifeboat.repository.description import Description, read_description
from lifeboat.repository.errors import (
    KeyMissing,
    KeyNotARecipient,
    ObjectDamaged,
    OnlyACustodian,
    SnapshotUnknown,
    WriterUnknown,
)
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import (
    CATALOG,
    Class,
    Source,
    catalog_prefix,
    key_name,
    packs_prefix,
    stated_digest,
    typed,
)
from lifeboat.repository.objects import read_many, read_verified
from lifeboat.repository.quarantine import quarantined
from lifeboat.repository.record import Record, record_from_json, show_time
from lifeboat.repository.statements import (
    NOTHING_SAID,
    Standing,
    Statement,
    Verb,
    open_statement,
    record_digest,
    standings,
)
from lifeboat.repository.writers import CatalogKey, Registration, WriterSecret, read_registrations, register_writer
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore

Opened = TypeVar("Opened")


@dataclass
class Repository:
    """An opened repository. ``trouble`` holds what was passed over while opening; ``verify`` reports it."""

    store: ObjectStore
    description: Description
    state: LocalState
    identity: Identity | None
    """Opens content. A custodian's key is none: see ``signer``."""
    registrations: dict[str, Registration]
    secrets: dict[str, CatalogKey]
    """What opens each writer's catalog: of a recipient and of this machine the whole secret, of a custodian no more than that."""
    label: str
    trouble: list[LifeboatError] = field(default_factory=list)
    machine: str | None = None
    """Tells this machine from others of the same name; None where the label was chosen by hand and says who this is."""
    custodian: Identity | None = None
    notes: list[Finding] = field(default_factory=list)
    """What happened while this machine's writer was looked for, for the report."""
    _data_keys: dict[bytes, AESGCM] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> bytes:
        return self.description.repository

    def need_identity(self) -> Identity:
        """The key that opens content; raises ``KeyMissing``, ``OnlyACustodian``."""
        if self.identity is None and self.custodian is not None:
            raise OnlyACustodian(
                f"key {self.custodian.recipient.fingerprint_short} is a custodian's: it lists, forgets and prunes snapshots, "
                "and opens none",
                "this needs the key of a recipient, on the keeper's machine",
            )
        if self.identity is None:
            raise KeyMissing(
                "reading the content of backups needs a key, and none is set",
                "set BACKUP_ENCRYPTION_KEY or LIFEBOAT_KEY_FILE; on a guarded writer this is done by the keeper",
            )
        return self.identity

    @property
    def signer(self) -> Identity | None:
        """The key at hand that may make statements: a recipient's, or a custodian's."""
        return self.identity or self.custodian

    def writer(self, now: datetime) -> WriterSecret:
        """This installation's writer; recovered or registered when the key permits. Raises ``WriterUnknown``."""
        secret = self.state.load_writer()
        if secret is not None and secret.writer.hex() in self.registrations:
            self.secrets.setdefault(secret.writer.hex(), secret)
            return secret
        if self.identity is None:
            raise WriterUnknown(
                "this machine is not a registered writer of the repository",
                f"on the machine with the key: `lifeboat writer add {self.label} --again --to FILE` (or without --again, if it never was "
                "one); then here `lifeboat init --writer FILE`",
            )
        ours = self._writer_of_this_machine()
        if ours is None:
            return self.new_writer(now)
        self.state.save_writer(ours)
        return ours

    def known_writer(self) -> WriterSecret | None:
        """The writer that this installation is, or would become again; registers and remembers nothing."""
        secret = self.state.load_writer()
        if secret is not None and secret.writer.hex() in self.registrations:
            return secret
        return None if self.identity is None else self._writer_of_this_machine()

    def new_writer(self, now: datetime) -> WriterSecret:
        """Register a new writer for this installation. It shares nothing with earlier ones: the answer to a suspicion
        about the host. Raises ``KeyMissing``.
        """
        secret = WriterSecret.generate()
        self.register(secret, self.label, now, self.machine or "")
        self.state.save_writer(secret)
        return secret

    def register(self, secret: WriterSecret, label: str, now: datetime, machine: str = "") -> None:
        """Make a writer known, for every recipient and custodian there is; raises ``KeyMissing``."""
        register_writer(self.store, self.description, secret, label, show_time(now), self.need_identity(), machine)
        self.take_registrations()
        self.secrets[secret.writer.hex()] = secret

    def writer_secret(self, writer: str) -> WriterSecret:
        """The whole secret of a writer; raises ``KeyMissing`` kinds when no more than its catalog key is at hand."""
        secret = self.secrets.get(writer)
        if isinstance(secret, WriterSecret):
            return secret
        self.need_identity()
        raise ObjectDamaged(
            f"no sound registration gives this key the secret of writer {writer[:8]}", "see `lifeboat verify`"
        )

    def own_label(self) -> str:
        """The name of this machine's writer, else the name that it would get."""
        local = self.state.load_writer()
        registered = self.registrations.get(local.writer.hex()) if local is not None else None
        return registered.label if registered is not None else self.label

    def label_of(self, record: Record) -> str:
        """The name of a snapshot's writer, as a recipient signed it."""
        registered = self.registrations.get(record.writer)
        return registered.label if registered is not None else record.label

    def judged_here(self, records: Iterable[Record]) -> list[Record]:
        """Of each source the backups of this machine's name if there are any, else everybody's.

        A machine that stands still must not hide behind another one that works.
        """
        backups = [record for record in records if record.is_backup]
        own = self.own_label()
        ours = {record.source for record in backups if self.label_of(record) == own}
        return [record for record in backups if record.source not in ours or self.label_of(record) == own]

    def _writer_of_this_machine(self) -> WriterSecret | None:
        """The newest writer that this machine was before it lost its memory.

        Two living machines with one name must not become one writer: their chains would fork. So a host's name alone proves
        nothing; a label that somebody chose does, since he says by it who this is.
        """
        named = [one for one in self.registrations.values() if one.label == self.label]
        ours = [one for one in named if self.machine is None or (self.machine and one.machine == self.machine)]
        for one in reversed(ours):
            secret = self.secrets.get(one.writer.hex())
            if isinstance(secret, WriterSecret):
                return secret
        if named and not ours:
            self.notes.append(
                Finding(
                    Level.WARNING,
                    "writer-new",
                    self.label,
                    "another machine, or this one before, is a writer of this name; this machine has become a new writer beside it "
                    "and stores everything once",
                    f"were they to be one: set LIFEBOAT_LABEL={self.label}; to tell them apart: give each a LIFEBOAT_LABEL of its own",
                )
            )
        return None

    def records(self) -> Iterator[tuple[str, Record | LifeboatError]]:
        """Every snapshot of every writer whose catalog opens, by name; what does not open comes out as its error."""
        # Snapshots of one month need nearly the same packs: their names are kept once, or hourly ones of a terabyte fill the memory.
        shared: dict[bytes, bytes] = {}
        for writer, secret in self.secrets.items():
            names = self._catalog_names(writer, "snapshot-")
            for name, record in self._opened(names, partial(self._open_record, secret)):
                if isinstance(record, Record):
                    record = replace(record, packs=tuple([shared.setdefault(pack, pack) for pack in record.packs]))
                yield name, record

    def record_at(self, writer: str, name: str) -> Record | LifeboatError:
        """One record of a writer whose catalog opens, or why it does not open."""
        opened = self._opened([name], partial(self._open_record, self.secrets[writer]))
        return next(one for _, one in opened)

    def unlinked_records(self, writer: str, linked: set[str]) -> list[Record]:
        """A writer's records whose object hash is not in ``linked``, oldest first."""
        names = [name for name in self._catalog_names(writer, "snapshot-") if stated_digest(name) not in linked]
        opened = self._opened(names, partial(self._open_record, self.secrets[writer]))
        return sorted((one for _, one in opened if isinstance(one, Record)), key=lambda record: record.finished)

    def snapshots(self) -> list[Record]:
        """All readable snapshots but those that were forgotten, newest recovery point first."""
        standings = self.standings()
        return [one for one in self._newest_first() if not standings.get(record_digest(one), NOTHING_SAID).forgotten]

    def forgotten_snapshots(self) -> list[tuple[Record, datetime]]:
        """Those that prune let go and has not removed yet, and when it did; newest recovery point first."""
        standings = self.standings()
        found = [(one, standings.get(record_digest(one), NOTHING_SAID).forgotten) for one in self._newest_first()]
        return [(one, forgotten) for one, forgotten in found if forgotten is not None]

    def _newest_first(self) -> list[Record]:
        found = [record for _, record in self.records() if isinstance(record, Record)]
        return sorted(found, key=lambda record: (record.believed_instant, record.finished), reverse=True)

    def find_snapshot(self, text: str, source: str | None = None) -> Record:
        """The snapshot with this id or its beginning, or ``latest``; raises ``SnapshotUnknown``.

        ``latest`` means this machine's newest when it has any, else the newest of all; ``latest@NAME`` that writer's. It is never
        one that was taken before a restore, nor one that was imported.
        """
        candidates = [record for record in self.snapshots() if source is None or record.source == source]
        latest, _, label = text.partition("@")
        if latest == "latest":
            return self._latest(candidates, label, source)
        found = [record for record in candidates if record.snapshot.startswith(text.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            raise SnapshotUnknown(f"{len(found)} snapshots begin with {text!r}", "give more digits of the id")
        for gone, when in self.forgotten_snapshots():
            if gone.snapshot.startswith(text.lower()):
                raise SnapshotUnknown(
                    f"snapshot {gone.snapshot[:8]} was let go by prune on {when:%Y-%m-%d}, and is about to be removed",
                    f"`lifeboat snapshots {gone.snapshot[:8]} --release` brings it back",
                )
        raise SnapshotUnknown(
            f"no snapshot{' of ' + source if source else ''} has the id {text!r}", "see `lifeboat snapshots`"
        )

    def _latest(self, newest_first: list[Record], label: str, source: str | None) -> Record:
        backups = [record for record in newest_first if record.is_backup]
        own = self.own_label()
        of_label = [record for record in backups if self.label_of(record) == (label or own)]
        found = of_label or ([] if label else backups)
        if not found:
            raise SnapshotUnknown(
                f"there is no snapshot of {typed(source) if source else 'anything'}{f' by {label}' if label else ''} yet",
                "see `lifeboat snapshots`" if backups else "take one with `lifeboat backup all`",
            )
        return found[0]

    def indexes(self, writer: str, generation: str) -> Iterator[tuple[str, Index | LifeboatError]]:
        """The indexes of one writer and generation, by name; damaged ones as their error."""
        secret = self.secrets[writer]

        def open_one(raw: bytes, name: str) -> Index:
            return open_index(
                raw,
                writer=secret.writer,
                catalog_key=secret.catalog_key,
                repository=self.id,
                generation=generation,
                name=name,
            )

        yield from self._opened(self._catalog_names(writer, "index-", generation), open_one)

    def chunk_table(
        self, writer: str, generation: str, source: str, class_: str, *, first: Collection[bytes] = frozenset()
    ) -> ChunkTable:
        """Where every chunk of this writer, generation, source and class lies. Damaged indexes are passed over, and noted.

        Args:
            first: Packs whose places come before those of others: the ones that a snapshot itself names.
        """
        table, later = ChunkTable(), []
        for pack in self._indexed_packs(writer, generation, source, class_, table.passed_over):
            if not first or pack.name in first:
                table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
            else:
                later.append(pack)
        for pack in later:
            table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        return table

    def chunks_to_count_on(self, writer: str, generation: str, source: Source, class_: Class) -> ChunkTable:
        """As ``chunk_table``, without the packs that are gone, cut or were found damaged: what a new snapshot may need without storing it
        again.

        Who may not list packs (a guarded writer) has to believe the indexes.
        """
        spoilt = quarantined(self.state, self.id)
        sizes: dict[str | None, int] | None
        try:
            sizes = {
                stated_digest(stored.name): stored.size_bytes
                for stored in self.store.list_under(packs_prefix(source, class_, generation))
            }
        except StorageDenied:
            sizes = None
        table = ChunkTable()
        for pack in self._indexed_packs(writer, generation, source, class_, table.passed_over):
            if pack.name not in spoilt and (sizes is None or sizes.get(pack.name.hex()) == pack.size_bytes):
                table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        return table

    def _indexed_packs(
        self, writer: str, generation: str, source: str, class_: str, passed_over: list[LifeboatError]
    ) -> Iterator[IndexedPack]:
        for _, index in self.indexes(writer, generation):
            if not isinstance(index, Index):
                passed_over.append(index)
            elif (index.source, index.class_) == (source, class_):
                yield from index.packs

    def links(self, writer: str) -> Iterator[tuple[str, Link | LifeboatError]]:
        """The links of one writer in the order of their numbers; damaged ones as their error."""
        signing_key = self.registrations[writer].signing_key
        yield from self._opened(
            self._catalog_names(writer, "link-"), lambda raw, name: open_link(raw, name, signing_key, self.id)
        )

    def statements(self) -> Iterator[tuple[str, Statement | LifeboatError]]:
        """What was said about the snapshots of every writer whose catalog opens; what does not count comes out as its error."""
        for writer in self.secrets:
            verbs = tuple(f"{verb}-" for verb in Verb)
            names = [name for name in self._catalog_names(writer, "") if name.rsplit("/", 1)[-1].startswith(verbs)]
            yield from self._opened(names, lambda raw, name: open_statement(raw, name, self.description))

    def standings(self) -> dict[str, Standing]:
        """What all statements that count come to, by ``record_digest``."""
        return standings(one for _, one in self.statements() if isinstance(one, Statement))

    def newest_link(self, writer: str) -> Link | None:
        """The writer's newest link that opens."""
        signing_key = self.registrations[writer].signing_key
        for name in reversed(self._catalog_names(writer, "link-")):
            try:
                return open_link(read_verified(self.store, name), name, signing_key, self.id)
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
        return None

    def newest_records(self, writer: str, links_at_most: int) -> Iterator[Record | LifeboatError]:
        """The records of a writer's newest links, newest link first: what was stored lately, without opening the whole catalog."""
        places = {stated_digest(name): name for name in self._catalog_names(writer, "snapshot-")}
        signing_key = self.registrations[writer].signing_key
        newest = list(reversed(self._catalog_names(writer, "link-")))[:links_at_most]
        for _, link in self._opened(newest, lambda raw, name: open_link(raw, name, signing_key, self.id)):
            for digest in reversed(link.records) if isinstance(link, Link) else ():
                if digest in places:
                    yield self.record_at(writer, places[digest])

    def heads(self) -> dict[str, str]:
        """The newest link of every writer whose catalog may be listed here: a guarded writer's rights end at its own."""
        found: dict[str, str] = {}
        for writer in self.registrations:
            with suppress(StorageDenied):
                link = self.newest_link(writer)
                if link is not None:
                    found[writer] = link.name
        return found

    def head(self) -> str:
        """Head of the catalog: one hash over the newest link of every writer."""
        return head_of_catalog(self.heads())

    def data_key(self, name: bytes, generation: str) -> AESGCM:
        """Open a data key with the identity; remembered. Raises ``KeyMissing``, ``KeyNotARecipient``, damage."""
        if name not in self._data_keys:
            identity = self.need_identity()
            where = key_name(generation, name.hex())
            stored = read_verified(self.store, where)
            self._data_keys[name] = AESGCM(open_data_key(stored, identity, self.id, generation, where))
        return self._data_keys[name]

    def _catalog_names(self, writer: str, kind: str, generation: str = "") -> list[str]:
        """Names of one kind (``"index-"``, ``"snapshot-"``, ``"link-"``) in a writer's catalog, sorted by their last part."""
        listed = self.store.list_under(catalog_prefix(writer, generation))
        parts = [(stored.name.rsplit("/", 1)[-1], stored.name) for stored in listed]
        return [name for last, name in sorted(parts) if last.startswith(kind)]

    def _opened(
        self, names: list[str], open_one: Callable[[bytes, str], Opened]
    ) -> Iterator[tuple[str, Opened | LifeboatError]]:
        """Read and open objects; damage comes out in place of what was opened, a store that is away is raised."""
        for name, raw in read_many(self.store, names):
            if isinstance(raw, LifeboatError) and not raw.worth_retrying:
                yield name, raw
                continue
            if isinstance(raw, Exception):
                raise raw
            try:
                opened = open_one(raw, name)
            except LifeboatError as error:
                yield name, error
            else:
                yield name, opened

    def _open_record(self, secret: CatalogKey, raw: bytes, name: str) -> Record:
        generation = name[len(CATALOG) :].split("/")[1]
        value = open_record(
            raw,
            writer=secret.writer,
            catalog_key=secret.catalog_key,
            repository=self.id,
            generation=generation,
            name=name,
        )
        record = record_from_json(value, secret.writer.hex(), name)
        if record.generation != generation:
            raise ObjectDamaged(f"{name} states another generation than the one it lies in", "see `lifeboat verify`")
        return record

    def take_registrations(self) -> None:
        """Read them anew, and open what the key at hand opens."""
        found, trouble = read_registrations(self.store, self.description)
        self.trouble = trouble
        for registration in found:
            writer = registration.writer.hex()
            self.registrations[writer] = registration
            if writer in self.secrets or self.signer is None:
                continue
            try:
                self.secrets[writer] = self._open(registration)
            except LifeboatError as error:
                self.trouble.append(error)

    def _open(self, registration: Registration) -> CatalogKey:
        if self.identity is not None:
            return registration.open_secret(self.identity, self.id)
        assert self.custodian is not None
        return registration.open_catalog_key(self.custodian, self.id)


def open_repository(
    store: ObjectStore, *, identity: Identity | None, state: LocalState, label: str, machine: str | None = None
) -> Repository:
    """Open what lies in a store with the keys at hand.

    Args:
        identity: The key at hand: a recipient's, or a custodian's, which opens catalogs alone.
        machine: See ``Repository.machine``.

    Raises:
        NoRepository: Nothing there.
        KeyNotARecipient: The key belongs to another repository, or to nobody's.
        RecipientsChanged: Not the repository or the recipients that this machine knows.
    """
    own = identity.recipient if identity is not None else None
    description = read_description(store, own=own, pinned=state.pinned_recipients())
    is_custodian = own is not None and description.is_custodian(own) and not description.holds(own)
    if own is not None and not is_custodian and not description.holds(own):
        known = ", ".join(f"{named.recipient.fingerprint_short} ({named.name})" for named in description.recipients)
        raise KeyNotARecipient(
            f"the key {own.fingerprint_short} does not open the repository at {store.describe()}, "
            f"which is sealed for {known}",
            "is BACKUP_ENCRYPTION_KEY or LIFEBOAT_KEY_FILE the key of another repository?",
        )
    state.check_pins(description.repository, description.fingerprints(), description.revision)
    repository = Repository(
        store,
        description,
        state,
        None if is_custodian else identity,
        {},
        {},
        label,
        machine=machine,
        custodian=identity if is_custodian else None,
    )
    repository.take_registrations()
    local = state.load_writer()
    if local is not None and local.writer.hex() in repository.registrations:
        repository.secrets.setdefault(local.writer.hex(), local)
    return repository
