"""Who writes to a repository, who reads everything and who prunes, for ``lifeboat writer list``; and the reports of adding one."""

from datetime import datetime

from lifeboat.foundation.value import Value
from lifeboat.repository.open_repository import Repository


class WriterRow(Value):
    """A writer, or the holder of a key."""

    name: str
    kind: str
    """``writer``, ``recipient`` (its key opens everything) or ``custodian`` (its key opens catalogs)."""
    id: str
    """Of a writer its id, of a key its fingerprint, hex."""
    created: str | None
    snapshots: int | None
    """None where its catalog does not open here."""
    last_snapshot: datetime | None
    this_machine: bool


class WriterAdded(Value):
    """A writer or custodian that was made for another machine."""

    name: str
    kind: str
    id: str
    file: str
    again: bool
    repository: str
    catalogs_opened: int = 0
    """For a custodian: how many writers' catalogs it opens."""


class Enrolled(Value):
    """What this machine has become."""

    name: str
    writer: str
    repository: str
    repository_id: str
    recipients: tuple[str, ...]
    replaced: str
    """Id of the writer that this machine was before; empty when none."""
    key_here: str
    """Where a key lies that this machine does not need; empty when there is none."""


def list_writers(repository: Repository) -> list[WriterRow]:
    """Writers oldest first, then keys."""
    local = repository.state.load_writer()
    mine = local.writer.hex() if local is not None else ""
    newest: dict[str, datetime] = {}
    counts: dict[str, int] = {}
    for record in repository.snapshots():
        counts[record.writer] = counts.get(record.writer, 0) + 1
        newest[record.writer] = max(newest.get(record.writer, record.believed_instant), record.believed_instant)
    rows = [
        WriterRow(
            name=one.label,
            kind="writer",
            id=writer,
            created=one.created,
            snapshots=counts.get(writer, 0) if writer in repository.secrets else None,
            last_snapshot=newest.get(writer),
            this_machine=writer == mine,
        )
        for writer, one in repository.registrations.items()
    ]
    signer = repository.signer.recipient if repository.signer is not None else None
    description = repository.description
    for kind, holders in (("recipient", description.recipients), ("custodian", description.custodians)):
        rows += [
            WriterRow(one.name, kind, one.recipient.fingerprint.hex(), None, None, None, one.recipient == signer)
            for one in holders
        ]
    return rows
