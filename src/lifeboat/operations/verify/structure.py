"""Is everything there that something names? Reads the catalog and the lists, not the content.

What is demanded: a valid description and registrations, the rescue kit, records that open, an unbroken chain that names each of them, every pack
they need with the size its index states, a data key for each pack, and with the identity every chunk of every list in an index.
What prune removes may be gone: records that were forgotten, and packs of closed months that no record needs.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import groupby

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.progress import Progress
from lifeboat.operations.verify.damage import name_snapshot
from lifeboat.operations.verify.found import DAMAGE, Structure, breaks, damaged, report
from lifeboat.operations.verify.grants import check_grants
from lifeboat.operations.verify.ledger import check_ledger
from lifeboat.operations.verify.lists import ListCheck
from lifeboat.operations.verify.present import check_keys, check_packs, read_indexes
from lifeboat.operations.verify.spool import Spool
from lifeboat.operations.verify.told_packs import ToldPacks
from lifeboat.operations.verify.unregistered import check_unregistered
from lifeboat.repository.chain import Link, faults_in_chain
from lifeboat.repository.chunk_table import ChunkTable
from lifeboat.repository.description import strange_descriptions
from lifeboat.repository.errors import SaidByFormer, SaidByNobody
from lifeboat.repository.linking import linked_memory
from lifeboat.repository.names import CATALOG, CONFIG, catalog_prefix, stated_digest
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.statements import NOTHING_SAID, Standing, record_digest
from lifeboat.retention.periods import GRACE, closes
from lifeboat.storage.errors import ObjectArchived

_NO_CHUNKS = ChunkTable()


def check_structure(repository: Repository, progress: Progress) -> Structure:
    """Look at everything that names something."""
    progress.begin("reading the catalog")
    found = _nothing_yet(repository, progress)
    _passed_over(repository, found)
    found.findings += check_unregistered(repository)
    _kit(repository, found)
    _records(repository, found)
    _chains(repository, found)
    _statements(repository, found)
    found.findings += check_ledger(repository)
    read_indexes(repository, found)
    check_packs(repository, found)
    check_keys(repository, found)
    found.findings += check_grants(repository)
    if repository.identity is not None:
        _lists(repository, found, progress)
    return found


def list_content(repository: Repository, progress: Progress) -> Structure:
    """No more of it than reading the content needs: what there is, and whose; for a process that shares the reading with others."""
    progress.begin("reading the catalog")
    found = _nothing_yet(repository, progress)
    _records(repository, found)
    read_indexes(repository, found)
    check_packs(repository, found)
    check_keys(repository, found)
    return found


def _nothing_yet(repository: Repository, progress: Progress) -> Structure:
    packs = ToldPacks(Spool(repository.state.directory, progress.note))
    return Structure(packs, was_removed=partial(_was_removed, repository))


def _was_removed(repository: Repository, name: str) -> bool:
    """Of a month that is over, and listed no more. What is missed for another reason is told by what names it: by a link a record that
    nobody let go, by a record the packs of an index.
    """
    folder, _, last = name.rpartition("/")
    if not name.startswith(CATALOG) or last.startswith("link-") or closes(_month(name)) > repository.store.time_there():
        return False
    return all(stored.name != name for stored in repository.store.list_under(f"{folder}/"))


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


def _lists(repository: Repository, found: Structure, progress: Progress) -> None:
    progress.begin("checking lists", total_items=len(found.records))
    lists, of_whom = ListCheck(), None
    for record, reader in readers(repository, found, found.records):
        if of_whom != (record.writer, record.place):
            lists, of_whom = ListCheck(), (record.writer, record.place)
        try:
            missing = lists.first_missing(reader)
            if missing is not None:
                stream, chunk = missing
                sentence = f"chunk {chunk.hex()[:16]} of {stream} is in no pack that the snapshot names"
                breaks(found, record)
                report(found, record.object_name, "chunk-missing", sentence, (name_snapshot(record),))
        except ObjectArchived:
            found.unsound.add(record.object_name)  # not looked at, which is no finding
        except LifeboatError as error:
            if error.worth_retrying:
                raise
            found.unsound.add(record.object_name)
            if isinstance(error, DAMAGE):
                breaks(found, record)
            report(found, record.object_name, error.code, error.message, (name_snapshot(record),))
        progress.advance(done_items=1)


def readers(
    repository: Repository, found: Structure, records: Iterable[Record]
) -> Iterator[tuple[Record, SnapshotReader]]:
    """Readers that share a chunk table as long as writer and place stay the same. Each is to be used before the next is asked for: of the
    chunk tables one is held at a time.
    """
    in_order = sorted(records, key=lambda one: (one.writer, one.generation, one.source, one.class_))
    for _, together in groupby(in_order, key=lambda one: (one.writer, one.place)):
        table: ChunkTable | None = None
        for record in together:
            if table is None:
                table = found.chunk_table(record)
            with SnapshotReader(repository, record, table) as reader:
                yield record, reader
            reader.table = _NO_CHUNKS  # who still has the reader does not have the month with it


def _month(name: str) -> str:
    return name.split("/")[2]
