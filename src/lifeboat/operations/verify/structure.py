"""Is everything there that something names? Reads the catalog and the lists, not the content.

What is demanded: a valid description and registrations, the rescue kit, records that open, an unbroken chain that names each of them, every pack
they need with the size its index states, a data key for each pack, and with the identity every chunk of every list in an index.
What prune removes may be gone: records that were forgotten, and packs of closed months that no record needs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from sys import intern

from lifeboat.foundation.errors import LifeboatError, RepositoryDamaged
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.retrieve.needs import away_under
from lifeboat.operations.verify.claims import Claim, Claims
from lifeboat.operations.verify.damage import Damage, name_snapshot
from lifeboat.operations.verify.grants import check_grants
from lifeboat.operations.verify.ledger import check_ledger
from lifeboat.operations.verify.lists import ListCheck
from lifeboat.operations.verify.unregistered import check_unregistered
from lifeboat.repository.catalog_format import Index, IndexedPack
from lifeboat.repository.chain import Link, faults_in_chain
from lifeboat.repository.description import strange_descriptions
from lifeboat.repository.errors import SaidByFormer, SaidByNobody
from lifeboat.repository.linking import linked_memory
from lifeboat.repository.names import (
    CATALOG,
    CONFIG,
    At,
    Class,
    Source,
    catalog_prefix,
    key_name,
    pack_name,
    packs_prefix,
    stated_digest,
)
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.pack_format import ROW_BYTES, unpack_row
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.segments import StoredSegment
from lifeboat.repository.statements import NOTHING_SAID, Standing, record_digest
from lifeboat.retention.periods import GRACE, closes
from lifeboat.storage.archive import ARCHIVE_CLASSES, REST_DAYS
from lifeboat.storage.errors import ObjectArchived, ObjectMissing

DAMAGE = (RepositoryDamaged, ObjectMissing)
"""What says that something is wrong with what is stored, and not only that it cannot be read from here."""


@dataclass
class Structure:
    """What a look at the structure found; content checks go on from here."""

    findings: list[Finding] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    packs: dict[str, dict[bytes, IndexedPack]] = field(default_factory=dict)
    """Every pack that an index names, by the place where it lies: what the index says of it."""
    writers: dict[At, str] = field(default_factory=dict)
    """Whose index that is, by pack."""
    damage: Damage = field(default_factory=Damage)
    damaged_objects: set[str] = field(default_factory=set)
    """Already reported by name, so that reading it again need not."""
    disputed: set[At] = field(default_factory=set)
    """Packs of which two indexes say different things."""
    bad_keys: set[str] = field(default_factory=set)
    """Wrapped data keys (names of objects) that are gone or damaged: nothing sealed under them can be read."""
    foreign_keys: set[str] = field(default_factory=set)
    """Those that the identity at hand cannot open, though nothing says that they are damaged: not wrapped for it."""
    unsound: set[str] = field(default_factory=set)
    """Records (names of objects) of which not everything could be looked at, or not everything is there."""
    broken: set[str] = field(default_factory=set)
    """Those of them that lack something, or have it damaged."""
    away: set[str] = field(default_factory=set)
    """Names of what lies in an archive class and cannot be read now: known by name and size alone, which is no damage."""
    rest_days: dict[str, int] = field(default_factory=dict)
    """Names of packs in classes where each reading is billed by the GB: how long a turn leaves them alone."""
    segments: list[StoredSegment] = field(default_factory=list)
    """Of the archive, as far as they lead to moments of the window."""
    was_removed: Callable[[str], bool] = lambda name: False
    """Whether what was listed and is missing may have been removed by a prune that was at work meanwhile."""

    def packs_of(self, record: Record) -> dict[bytes, IndexedPack]:
        """What is indexed in the place where a snapshot's packs lie."""
        return self.packs.get(record.place, {})

    def every_pack(self) -> Iterator[tuple[At, IndexedPack]]:
        return (((place, name), indexed) for place, here in self.packs.items() for name, indexed in here.items())


def check_structure(repository: Repository, progress: Progress) -> Structure:
    """Look at everything that names something."""
    progress.begin("reading the catalog")
    found = Structure(was_removed=partial(_was_removed, repository))
    _passed_over(repository, found)
    found.findings += check_unregistered(repository)
    _kit(repository, found)
    _records(repository, found)
    _chains(repository, found)
    _statements(repository, found)
    found.findings += check_ledger(repository)
    _indexes(repository, found)
    _packs(repository, found)
    _keys(repository, found)
    found.findings += check_grants(repository)
    if repository.identity is not None:
        _lists(repository, found, progress)
    return found


def list_content(repository: Repository, progress: Progress) -> Structure:
    """No more of it than reading the content needs: what there is, and whose; for a process that shares the reading with others."""
    progress.begin("reading the catalog")
    found = Structure(was_removed=partial(_was_removed, repository))
    _records(repository, found)
    _indexes(repository, found)
    _packs(repository, found)
    _keys(repository, found)
    return found


def damaged(found: Structure, name: str, error: LifeboatError, hurts: tuple[str, ...] = ()) -> None:
    """Report an object once; none that prune removed since it was listed."""
    if name in found.damaged_objects or (isinstance(error, ObjectMissing) and found.was_removed(name)):
        return
    found.damaged_objects.add(name)
    found.findings.append(Finding(Level.PROBLEM, error.code, name, error.message, error.hint, hurts))


def _was_removed(repository: Repository, name: str) -> bool:
    """Of a month that is over, and listed no more. What is missed for another reason is told by what names it: by a link a record that
    nobody let go, by a record the packs of an index.
    """
    folder, _, last = name.rpartition("/")
    if not name.startswith(CATALOG) or last.startswith("link-") or closes(_month(name)) > repository.store.time_there():
        return False
    return all(stored.name != name for stored in repository.store.list_under(f"{folder}/"))


def breaks(found: Structure, record: Record) -> None:
    """Note that a snapshot lacks something it needs."""
    found.unsound.add(record.object_name)
    found.broken.add(record.object_name)


def _passed_over(repository: Repository, found: Structure) -> None:
    for error in repository.trouble:
        found.findings.append(Finding(Level.PROBLEM, error.code, "config/", error.message, error.hint))
    for strange in strange_descriptions(repository.store, repository.description):
        found.findings.append(
            Finding(
                Level.PROBLEM,
                "description-not-trusted",
                CONFIG,
                f"a description (revision {strange.revision}) signed by {strange.signers[0][:16]} does not belong to this repository",
                "somebody with write access planted it; nobody with the right key follows it, but find out who it was",
            )
        )
    for writer in repository.registrations:
        if writer not in repository.secrets:
            found.findings.append(
                Finding(
                    Level.WARNING,
                    "catalog-not-readable",
                    writer[:8],
                    f"the catalog of writer {repository.registrations[writer].label} cannot be opened here and was not checked",
                    "verify with a recipient's key",
                )
            )


def _kit(repository: Repository, found: Structure) -> None:
    names = [stored.name for stored in repository.store.list_under(CONFIG)]
    if not any(name.startswith(CONFIG + "rescue-") for name in names):
        found.findings.append(
            Finding(
                Level.WARNING,
                "rescue-kit-missing",
                "config/rescue-*.py",
                "the stand-alone reader is not in the repository",
                "`lifeboat doctor` puts it back",
            )
        )


def _records(repository: Repository, found: Structure) -> None:
    standings, now = repository.standings(), repository.store.time_there()
    for name, record in repository.records():
        if isinstance(record, Record):
            if not _may_go(record, standings.get(record_digest(record), NOTHING_SAID), now):
                found.records.append(record)
        else:
            damaged(found, name, record, (f"a snapshot of {_month(name)}: it is no longer listed",))


def _may_go(record: Record, standing: Standing, now: datetime) -> bool:
    """Whether a prune may be removing it while we look: then nothing that it lacks is an alarm."""
    if standing.forgotten is None or standing.keep_of(record) is not None:
        return False
    return standing.forgotten + GRACE <= now and closes(record.generation) <= now


def _chains(repository: Repository, found: Structure) -> None:
    present = {stated_digest(record.object_name): record for record in found.records}
    broken = {stated_digest(name) for name in found.damaged_objects}
    pruned = {record for record, standing in repository.standings().items() if standing.may_be_gone}
    for writer in repository.registrations:
        links = []
        for name, link in repository.links(writer):
            if isinstance(link, Link):
                links.append(link)
            else:
                damaged(found, name, link, ("the proof that no snapshot was taken away",))
        for fault in faults_in_chain(links):
            found.findings.append(
                Finding(
                    Level.PROBLEM, "chain-broken", f"writer {writer[:8]}", fault, "who could delete or restore objects?"
                )
            )
        if writer not in repository.secrets:
            continue
        linked = {record for link in links for record in link.records}
        missing = linked - set(present) - broken - pruned
        if missing:  # what was committed since the records were read, and linked, is there by now
            missing -= {stated_digest(stored.name) for stored in repository.store.list_under(catalog_prefix(writer))}
        for gone in sorted(missing):
            found.findings.append(
                Finding(
                    Level.PROBLEM,
                    "snapshot-gone",
                    gone,
                    f"a snapshot record that writer {writer[:8]} committed is no longer there",
                    "was it deleted in the store? Look for older versions of it",
                )
            )
        _rollback(repository, found, writer, links)


def _statements(repository: Repository, found: Structure) -> None:
    for name, said in repository.statements():
        if isinstance(said, SaidByFormer):
            continue
        if isinstance(said, SaidByNobody):
            found.findings.append(
                Finding(Level.WARNING, said.code, name, f"{said.message}; it counts for nothing", said.hint)
            )
        elif isinstance(said, LifeboatError):
            damaged(found, name, said, ("what was said of snapshots of that month; it counts for nothing",))


def _rollback(repository: Repository, found: Structure, writer: str, links: list[Link]) -> None:
    local = repository.state.load_writer()
    memory = linked_memory(repository.state)
    if memory.get("writer") != writer or local is None or local.writer.hex() != writer:
        return
    present = {link.name for link in links}
    for written in (*memory.get("lost", ()), memory):
        if written.get("head") not in present:
            found.findings.append(
                Finding(
                    Level.PROBLEM,
                    "catalog-rolled-back",
                    f"writer {writer[:8]}",
                    f"link {written.get('sequence')}, which this machine wrote, is not in the repository any more",
                    f"was the store restored to an older state? Once that is explained, remove {repository.state.directory / 'linked.json'}",
                )
            )


def _indexes(repository: Repository, found: Structure) -> None:
    claims = Claims(repository.store)
    for writer, generation in sorted({(record.writer, record.generation) for record in found.records}):
        for name, index in repository.indexes(writer, generation):
            if not isinstance(index, Index):
                damaged(
                    found, name, index, ("where the chunks are; `rescue.py --rebuild-index` finds them from the packs",)
                )
                continue
            for pack in index.packs:
                where = pack_name(Source(index.source), Class(index.class_), generation, pack.name.hex())
                claims.add(Claim(name, writer, where, pack))
    for claim, contradicting in claims.believed():
        place = intern(claim.at[0])
        found.packs.setdefault(place, {})[claim.pack.name] = claim.pack
        found.writers[place, claim.pack.name] = claim.writer
        for other in contradicting:
            found.disputed.add((place, claim.pack.name))
            message = f"it says something else of pack {claim.pack.name.hex()[:16]} than another index does"
            _report(found, other.told_in, "index-contradicted", message)
    for lie in claims.lies():
        _report(
            found,
            lie.told_in,
            "index-contradicted",
            f"it tells of pack {lie.pack.name.hex()[:16]}, which is another writer's",
        )


def _packs(repository: Repository, found: Structure) -> None:
    sizes: dict[str, int] = {}
    archived: set[str] = set()
    places = {(record.source, record.class_, record.generation) for record in found.records}
    for source, class_, generation in sorted(places):
        prefix = packs_prefix(Source(source), Class(class_), generation)
        for stored in repository.store.list_under(prefix):
            sizes[stored.name] = stored.size_bytes
            if stored.storage_class in ARCHIVE_CLASSES:
                archived.add(prefix)
            elif stored.storage_class in REST_DAYS:
                found.rest_days[stored.name] = REST_DAYS[stored.storage_class]
    needed: dict[str, set[bytes]] = {}
    for record in found.records:
        indexed_here = found.packs_of(record)
        needed.setdefault(record.place, set()).update(record.packs)
        for pack in record.packs:
            if pack not in indexed_here:
                breaks(found, record)
                where = record.place + pack.hex()
                _report(
                    found, where, "pack-not-indexed", "no index says what is in this pack", (name_snapshot(record),)
                )
    now = repository.store.time_there()
    for prefix in sorted(archived):
        away = away_under(repository.store, prefix, now)
        found.away |= {one.name for one in away}
    for at, indexed in list(found.every_pack()):
        (place, pack), where = at, at[0] + at[1].hex()
        is_needed = pack in needed.get(place, ())
        if where not in sizes and not is_needed and closes(where.split("/")[3]) <= now:
            del found.packs[place][pack]  # pruned: an index stays as long as any of its packs does
        elif where not in sizes:
            found.damage.add(at, _chunks(indexed))
            if is_needed:
                _report(found, where, "pack-missing", "the pack is gone")
            else:
                message = "the pack is gone, and no snapshot needs it"
                found.findings.append(Finding(Level.WARNING, "pack-missing", where, message))
        elif sizes[where] != indexed.size_bytes:
            found.damage.add(at, _chunks(indexed))
            _report(found, where, "pack-cut", f"the pack has {sizes[where]} bytes instead of {indexed.size_bytes}")


def _keys(repository: Repository, found: Structure) -> None:
    needed: dict[str, set[str]] = {}
    for record in found.records:
        indexed_here = found.packs_of(record)
        for key in {indexed_here[pack].data_key_name for pack in record.packs if pack in indexed_here}:
            needed.setdefault(key_name(record.generation, key.hex()), set()).add(name_snapshot(record))
    stored = {
        one.name
        for generation in {name.split("/")[1] for name in needed}
        for one in repository.store.list_under(f"keys/{generation}/")
    }
    for name, hurt in sorted(needed.items()):
        if name not in stored:
            found.bad_keys.add(name)
            _report(found, name, "data-key-missing", "the wrapped data key is gone", tuple(sorted(hurt)))
        elif repository.identity is not None:
            try:
                repository.data_key(bytes.fromhex(name.rsplit("/", 1)[-1]), name.split("/")[1])
            except ObjectArchived as error:
                found.foreign_keys.add(name)
                found.findings.append(_archived_key(name, error, tuple(sorted(hurt))))
            except LifeboatError as error:
                if error.worth_retrying:
                    raise
                (found.bad_keys if isinstance(error, DAMAGE) else found.foreign_keys).add(name)
                damaged(found, name, error, tuple(sorted(hurt)))


def _archived_key(name: str, error: ObjectArchived, hurts: tuple[str, ...]) -> Finding:
    message = (
        "the wrapped data key lies in an archive class: nothing sealed under it can be read before it is brought back"
    )
    hint = "does an age rule cover more than packs? Keys and catalog must have none"
    return Finding(Level.WARNING, error.code, name, message, hint, hurts)


def _lists(repository: Repository, found: Structure, progress: Progress) -> None:
    progress.begin("checking lists", total_items=len(found.records))
    lists, table = ListCheck(), None
    for record, reader in readers(repository, found.records):
        if reader.table is not table:
            lists, table = ListCheck(), reader.table
        try:
            missing = lists.first_missing(reader)
            if missing is not None:
                stream, chunk = missing
                sentence = f"chunk {chunk.hex()[:16]} of {stream} is in no pack that the snapshot names"
                breaks(found, record)
                _report(found, record.object_name, "chunk-missing", sentence, (name_snapshot(record),))
        except ObjectArchived:
            found.unsound.add(record.object_name)  # not looked at, which is no finding
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            found.unsound.add(record.object_name)
            if isinstance(error, DAMAGE):
                breaks(found, record)
            _report(found, record.object_name, error.code, error.message, (name_snapshot(record),))
        progress.advance(done_items=1)


def readers(repository: Repository, records: list[Record]) -> Iterator[tuple[Record, SnapshotReader]]:
    """Readers that share a chunk table as long as the generation stays the same."""
    last, table = None, None
    for record in sorted(records, key=lambda one: (one.writer, one.generation, one.source, one.class_)):
        key = (record.writer, record.generation, record.source, record.class_)
        if key != last:
            last, table = key, repository.chunk_table(*key)
        with SnapshotReader(repository, record, table) as reader:
            yield record, reader


def _report(found: Structure, name: str, code: str, message: str, hurts: tuple[str, ...] = ()) -> None:
    found.findings.append(
        Finding(Level.PROBLEM, code, name, message, "is there an older version or a replica of it?", hurts)
    )


def _chunks(pack: IndexedPack) -> Iterator[bytes]:
    return (unpack_row(pack.rows, number).chunk for number in range(len(pack.rows) // ROW_BYTES))


def _month(name: str) -> str:
    return name.split("/")[2]
