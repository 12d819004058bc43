"""A repository with the keys one has to it: opened, its writers known, its snapshots found. Its catalog is read in ``catalog.py``."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lifeboat.crypto.identity import Identity
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.repository.catalog import Catalog
from lifeboat.repository.catalog_memory import CatalogMemory
from lifeboat.repository.data_keys import open_data_key
from lifeboat.repository.description import Description, read_config, read_description, write_description
from lifeboat.repository.errors import (
    KeyMissing,
    KeyNotARecipient,
    ObjectDamaged,
    OnlyACustodian,
    SnapshotUnknown,
    WriterUnknown,
)
from lifeboat.repository.granting import granted_to, list_keys, open_grant
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.meter import Meter
from lifeboat.repository.names import (
    KEYS,
    key_name,
    typed,
)
from lifeboat.repository.objects import SmallObjects, read_verified, too_large
from lifeboat.repository.record import Record, show_time
from lifeboat.repository.replica import refuse_replica
from lifeboat.repository.writers import CatalogKey, Registration, WriterSecret, read_registrations, register_writer
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.object_store import ObjectStore


@dataclass
class Repository(Catalog):
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
    meter: Meter | None = None
    """Hears how long reading and opening take; None: nobody asks."""
    _data_keys: dict[tuple[str, bytes], AESGCM] = field(default_factory=dict, repr=False)
    _grants: dict[str, dict[bytes, bytes]] = field(default_factory=dict, repr=False)
    _no_keys: dict[str, dict[str, ObjectDamaged]] = field(default_factory=dict, repr=False)
    _memory: CatalogMemory = field(default_factory=CatalogMemory, repr=False)

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
        """This installation's writer; recovered or registered when the key permits. Raises ``WriterUnknown``, ``IsAReplica``."""
        secret = self.state.load_writer()
        if secret is not None and secret.writer.hex() in self.registrations:
            self.secrets.setdefault(secret.writer.hex(), secret)
            return secret
        self.refuse_replica("a backup")
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
        """Make a writer known, for every recipient and custodian there is; raises ``KeyMissing``, ``IsAReplica``."""
        self.refuse_replica("a new writer")
        register_writer(self.store, self.description, secret, label, show_time(now), self.need_identity(), machine)
        self.take_registrations()
        self.secrets[secret.writer.hex()] = secret

    def refuse_replica(self, what: str) -> None:
        """Stop what would make a replica differ; raises ``IsAReplica``. A machine that was a writer here already goes on: whoever can
        write to the store could otherwise stop all its backups with one object.

        Args:
            what: As for ``replica.refuse_replica``.
        """
        if self.state.load_writer() is None:
            refuse_replica(self.store, what)

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

    def find_snapshot(self, text: str, source: str | None = None) -> Record:
        """The snapshot with this id or its beginning, or ``latest``; raises ``SnapshotUnknown``.

        ``latest`` means this machine's newest when it has any, else the newest of all; ``latest@NAME`` that writer's. It is never
        one that was taken before a restore, nor one that was imported.
        """
        if not text.strip():
            # Every id begins with nothing: an empty variable in a script would have chosen one.
            raise SnapshotUnknown(
                "an empty name means no snapshot",
                "was a variable empty? `lifeboat snapshots` lists them; `latest` is the newest",
            )
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

    def data_key(self, name: bytes, generation: str) -> AESGCM:
        """Open a data key with the identity; remembered. Raises ``KeyMissing``, ``KeyNotARecipient``, damage."""
        if (generation, name) not in self._data_keys:
            self._data_keys[generation, name] = AESGCM(self.raw_data_key(name, generation))
        return self._data_keys[generation, name]

    def raw_data_key(self, name: bytes, generation: str) -> bytes:
        """The 32 bytes of a data key, as it was wrapped or else granted to us; as ``data_key``."""
        identity = self.need_identity()
        where = key_name(generation, name.hex())
        if (refused := self._too_large_keys(generation).get(where)) is not None:
            raise refused
        stored = read_verified(self.store, where)
        try:
            return open_data_key(stored, identity, self.id, generation, where)
        except KeyNotARecipient:
            granted = self._granted(generation, identity).get(name)
            if granted is None:
                raise
            return granted

    def _too_large_keys(self, generation: str) -> dict[str, ObjectDamaged]:
        """What lies in the place of a data key and is larger than any: it would be read whole; remembered."""
        if generation not in self._no_keys:
            self._no_keys[generation] = {}
            with suppress(StorageDenied):  # who may not list believes the store
                listed = self.store.list_under(f"{KEYS}{generation}/")
                self._no_keys[generation] = {one.name: refused for one in listed if (refused := too_large(one))}
        return self._no_keys[generation]

    def _granted(self, generation: str, identity: Identity) -> dict[bytes, bytes]:
        """What was opened to us afterwards in a generation; remembered."""
        if generation not in self._grants:
            found: dict[bytes, bytes] = {}
            for listed in list_keys(self.store, generation):
                for grant in granted_to(self.store, listed.grants, self.description, identity.recipient):
                    try:
                        found.update(open_grant(grant, identity, self.id))
                    except LifeboatError as error:
                        self.trouble.append(error)
            self._grants[generation] = found
        return self._grants[generation]

    def publish(self, after: Description) -> None:
        """Make a changed description the one that counts, as its next revision; raises ``KeyMissing``, ``IsAReplica``."""
        signer = self.need_identity()
        self.refuse_replica("another description")
        after = replace(after, revision=self.description.revision + 1)
        self.state.about_to_pin(after.fingerprints())
        write_description(self.store, after, [signer])
        self.description = after
        self.state.pin(after.repository, after.fingerprints(), after.revision)

    def look_again(self) -> None:
        """Who is a recipient by now, for what runs for days; raises ``RecipientsChanged`` where this machine was not told."""
        own = self.signer.recipient if self.signer is not None else None
        found = read_description(self.store, own=own, pinned=self.state.pinned_recipients())
        self.state.check_pins(found.repository, found.fingerprints(), found.revision)
        self.description = found

    def take_registrations(self, config: SmallObjects | None = None) -> None:
        """Read them anew (or from what was just read), and open what the key at hand opens."""
        found, trouble = read_registrations(config or read_config(self.store), self.description)
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
    config = read_config(store)
    description = read_description(store, config=config, own=own, pinned=state.pinned_recipients())
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
    repository.take_registrations(config)
    local = state.load_writer()
    if local is not None and local.writer.hex() in repository.registrations:
        repository.secrets.setdefault(local.writer.hex(), local)
    return repository
