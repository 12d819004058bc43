"""What the catalog of a repository says, opened: records, what was said of them, indexes, links. Damage comes out in place of what it hit."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from lifeboat.foundation.errors import LifeboatError
from lifeboat.repository.carrying import Carry, open_carry
from lifeboat.repository.catalog_format import Index, IndexedPack, open_index, open_record
from lifeboat.repository.catalog_memory import CatalogMemory
from lifeboat.repository.chain import Link, head_of_catalog, open_link
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.description import Description
from lifeboat.repository.errors import (
    ObjectDamaged,
)
from lifeboat.repository.index_copies import IndexCopies
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import (
    CATALOG,
    KEYS,
    Class,
    Source,
    catalog_prefix,
    packs_prefix,
    stated_digest,
)
from lifeboat.repository.quarantine import quarantined, spoilt_in
from lifeboat.repository.record import Record, record_from_json
from lifeboat.repository.statements import (
    NOTHING_SAID,
    Standing,
    Statement,
    Verb,
    open_statement,
    record_digest,
    standings,
)
from lifeboat.repository.writers import CatalogKey, Registration
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.far import is_far
from lifeboat.storage.object_store import ObjectStore, StoredObject

Opened = TypeVar("Opened")


class Catalog:
    """The half of ``Repository`` that reads its catalog, with the secrets it has."""

    store: ObjectStore
    description: Description
    state: LocalState
    registrations: dict[str, Registration]
    secrets: dict[str, CatalogKey]
    _memory: CatalogMemory

    @contextmanager
    def one_look(self) -> Iterator[None]:
        """Within it, the catalog of a writer is listed once, and all that is asked is answered from that. Never around a write of ours, nor over
        a wait for somebody.
        """
        outer = self._memory.look
        self._memory.look = {} if outer is None else outer
        try:
            yield
        finally:
            self._memory.look = outer

    def wrote(self, name: str, raw: bytes) -> None:
        """Say what was just stored in the catalog: it need not be read back to be known."""
        self._memory.keep(name, raw)

    def remember_what_is_read(self) -> None:
        """From now on, do not ask again for the bytes of a small object of the catalog that was read, nor for an index that this machine has
        read or written before. For a backup and a restore, which ask a
        far store for the same few objects again and again; not for whoever judges by a reading whether an object is there.
        """
        self._memory.remembers = True
        if is_far(self.store):
            self._memory.copies = self.index_copies()

    @property
    def id(self) -> bytes:
        return self.description.repository

    def records(self) -> Iterator[tuple[str, Record | LifeboatError]]:
        """Every snapshot of every writer whose catalog opens, by name; what does not open comes out as its error."""
        # Snapshots of one month need nearly the same packs: their names are kept once, or hourly ones of a terabyte fill the memory.
        shared: dict[bytes, bytes] = {}
        for writer, secret in self.secrets.items():
            for name, record in self._opened(self._listed(writer, "snapshot-"), partial(self._open_record, secret)):
                if isinstance(record, Record):
                    record = replace(record, packs=tuple([shared.setdefault(pack, pack) for pack in record.packs]))
                yield name, record

    def record_at(self, writer: str, name: str) -> Record | LifeboatError:
        """One record of a writer whose catalog opens, or why it does not open."""
        return next(
            one
            for _, one in self._opened_of(
                self._memory.read(self.store, name), partial(self._open_record, self.secrets[writer])
            )
        )

    def index_copies(self) -> IndexCopies:
        """What this machine keeps of this month's indexes."""
        return IndexCopies(self.state.directory / "indexes")

    def records_among(self, writer: str, listed: list[StoredObject]) -> Iterator[Record | LifeboatError]:
        """The records at these places of a writer whose catalog opens, read side by side; or why one does not open."""
        yield from (one for _, one in self._opened(listed, partial(self._open_record, self.secrets[writer])))

    def unlinked_records(self, writer: str, linked: set[str]) -> list[Record]:
        """A writer's records whose object hash is not in ``linked``, oldest first."""
        listed = [one for one in self._listed(writer, "snapshot-") if stated_digest(one.name) not in linked]
        opened = self._opened(listed, partial(self._open_record, self.secrets[writer]))
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

        yield from self._opened(self._listed(writer, "index-", generation), open_one)

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
        sound = self._soundness(packs_prefix(source, class_, generation))
        table = ChunkTable()
        for pack in self._indexed_packs(writer, generation, source, class_, table.passed_over):
            if sound(pack):
                table.add_pack(pack.name, pack.data_key_name, pack.size_bytes, pack.rows)
        return table

    def carries(self, writer: str, generation: str = "") -> Iterator[tuple[str, Carry | LifeboatError]]:
        """What was said to have been carried into one generation of a writer, or into any; what does not count comes out as its error."""
        listed = self._listed(writer, "carry-", generation)
        yield from self._opened(listed, lambda raw, name: open_carry(raw, name, self.description))

    def carried_packs(
        self, writer: str, generation: str, source: Source, class_: Class, known: ChunkTable
    ) -> Iterator[IndexedPack]:
        """Packs that were carried into this place and that no index of it tells of yet, with what the writer's own indexes of the place they
        came from say of them. None that is gone, cut or was found damaged here, as far as that may be seen.
        """
        indexed = {name for name, _, _ in known.packs()}
        wanted: dict[tuple[Class, str], set[bytes]] = {}
        for _, carry in self.carries(writer, generation):
            if isinstance(carry, Carry) and (carry.lane.source, carry.lane.class_) == (source, class_):
                origin = carry.lane.from_class, carry.lane.from_generation
                wanted.setdefault(origin, set()).update(set(carry.packs) - indexed)
        sound: Callable[[IndexedPack], bool] | None = None
        for (from_class, from_generation), names in wanted.items():
            if not names:
                continue
            sound = sound or self._soundness(packs_prefix(source, class_, generation), keys_in=generation)
            for pack in self._indexed_packs(writer, from_generation, source, from_class, []):
                if pack.name in names and pack.name not in indexed and sound(pack):
                    indexed.add(pack.name)
                    yield pack

    def _soundness(self, place: str, keys_in: str | None = None) -> Callable[[IndexedPack], bool]:
        """Whether a pack, as an index tells of it, is in its place and whole, as far as a listing and what this machine has found tell.

        Args:
            keys_in: Its data key must be in this generation, too.
        """
        spoilt = spoilt_in(quarantined(self.state, self.id), place)
        sizes: dict[str | None, int] | None
        keys: set[str | None] | None
        try:
            sizes = {stated_digest(stored.name): stored.size_bytes for stored in self.store.list_under(place)}
            listed = self.store.list_under(f"{KEYS}{keys_in}/") if keys_in else ()
            keys = {stated_digest(stored.name) for stored in listed} if keys_in else None
        except StorageDenied:
            sizes = keys = None

        def is_sound(pack: IndexedPack) -> bool:
            return (
                pack.name not in spoilt
                and (sizes is None or sizes.get(pack.name.hex()) == pack.size_bytes)
                and (keys is None or pack.data_key_name.hex() in keys)
            )

        return is_sound

    def _indexed_packs(
        self, writer: str, generation: str, source: str, class_: str, passed_over: list[LifeboatError]
    ) -> Iterator[IndexedPack]:
        for _, index in self.indexes(writer, generation):
            if not isinstance(index, Index):
                passed_over.append(index)
            elif (index.source, index.class_) == (source, class_):
                yield from index.packs

    def links(
        self, writer: str, generations: Collection[str] | None = None
    ) -> Iterator[tuple[str, Link | LifeboatError]]:
        """The links of one writer (of these generations alone) in the order of their numbers; damaged ones as their error."""
        signing_key = self.registrations[writer].signing_key
        listed = [
            one for one in self._listed(writer, "link-") if generations is None or one.name.split("/")[2] in generations
        ]
        yield from self._opened(listed, lambda raw, name: open_link(raw, name, signing_key, self.id))

    def listed_records(self, writer: str, generation: str = "") -> list[StoredObject]:
        """Where the records of a writer lie, unopened."""
        return self._listed(writer, "snapshot-", generation)

    def names_in_catalog(self, writer: str, kinds: tuple[str, ...]) -> tuple[list[str], ...]:
        """The names of what is of each of these kinds (``"snapshot-"``, ``"link-"``) in a writer's catalog, of one listing."""
        found: dict[str, list[str]] = {kind: [] for kind in kinds}
        for stored in self._listed(writer, kinds):
            last = stored.name.rpartition("/")[2]
            found[next(kind for kind in kinds if last.startswith(kind))].append(stored.name)
        return tuple(found.values())

    def statements(self) -> Iterator[tuple[str, Statement | LifeboatError]]:
        """What was said about the snapshots of every writer whose catalog opens; what does not count comes out as its error."""
        for writer in self.secrets:
            verbs = tuple(f"{verb}-" for verb in Verb)
            yield from self._opened(
                self._listed(writer, verbs), lambda raw, name: open_statement(raw, name, self.description)
            )

    def standings(self) -> dict[str, Standing]:
        """What all statements that count come to, by ``record_digest``."""
        return standings(one for _, one in self.statements() if isinstance(one, Statement))

    def newest_link(self, writer: str) -> Link | None:
        """The writer's newest link that opens."""
        signing_key = self.registrations[writer].signing_key
        for stored in reversed(self._listed(writer, "link-")):
            for _, link in self._opened([stored], lambda raw, name: open_link(raw, name, signing_key, self.id)):
                if isinstance(link, Link):
                    return link
        return None

    def newest_records(self, writer: str, links_at_most: int) -> Iterator[Record | LifeboatError]:
        """The records of a writer's newest links, newest link first: what was stored lately, without opening the whole catalog."""
        places = {stated_digest(one.name): one for one in self._listed(writer, "snapshot-")}
        signing_key = self.registrations[writer].signing_key
        newest = list(reversed(self._listed(writer, "link-")))[:links_at_most]
        for _, link in self._opened(newest, lambda raw, name: open_link(raw, name, signing_key, self.id)):
            for digest in reversed(link.records) if isinstance(link, Link) else ():
                if digest in places:
                    yield from (
                        one
                        for _, one in self._opened([places[digest]], partial(self._open_record, self.secrets[writer]))
                    )

    def heads(self, without: str = "") -> dict[str, str]:
        """The newest link of every writer (but one) whose catalog may be listed here: a guarded writer's rights end at its own."""
        found: dict[str, str] = {}
        for writer in self.registrations:
            if writer == without:
                continue
            with suppress(StorageDenied):
                link = self.newest_link(writer)
                if link is not None:
                    found[writer] = link.name
        return found

    def head(self) -> str:
        """Head of the catalog: one hash over the newest link of every writer."""
        return head_of_catalog(self.heads())

    def _listed(self, writer: str, kinds: str | tuple[str, ...], generation: str = "") -> list[StoredObject]:
        """What is of these kinds (``"index-"``, ``"snapshot-"``, ``"link-"``) in a writer's catalog, sorted by the last part of the name."""
        listed = self._catalog_of(writer, generation)
        parts = ((stored.name.rsplit("/", 1)[-1], stored) for stored in listed)
        found = [(last, stored.name, stored) for last, stored in parts if last.startswith(kinds)]
        return [stored for _, _, stored in sorted(found, key=lambda one: one[:2])]

    def _catalog_of(self, writer: str, generation: str) -> Iterable[StoredObject]:
        look = self._memory.look
        if look is None:
            return self.store.list_under(catalog_prefix(writer, generation))
        if writer not in look:
            look[writer] = list(self.store.list_under(catalog_prefix(writer)))
        begins = catalog_prefix(writer, generation)
        return (stored for stored in look[writer] if stored.name.startswith(begins))

    def _opened(
        self, listed: list[StoredObject], open_one: Callable[[bytes, str], Opened]
    ) -> Iterator[tuple[str, Opened | LifeboatError]]:
        """Read and open objects; damage comes out in place of what was opened, a store that is away is raised."""
        return self._opened_of(self._memory.read_listed(self.store, listed), open_one)

    @staticmethod
    def _opened_of(
        read: Iterator[tuple[str, bytes | Exception]], open_one: Callable[[bytes, str], Opened]
    ) -> Iterator[tuple[str, Opened | LifeboatError]]:
        for name, raw in read:
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
