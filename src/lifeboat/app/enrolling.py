"""Writers and custodians for other machines: made where the key is, carried there in one private file.

Invariant: the file is on disk, for this user alone, before the repository knows what it holds; a file of which nothing came is
removed again. So no writer is registered that nobody can be.
"""

from datetime import datetime
from pathlib import Path

from lifeboat.app.build import build_store
from lifeboat.app.private_files import write_private_file
from lifeboat.app.settings import Settings
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.operations.writers import Enrolled, WriterAdded
from lifeboat.repository.custodians import add_custodian, open_catalogs
from lifeboat.repository.enrolment import Enrolment, enrol
from lifeboat.repository.errors import KeyMissing, WriterExists, WriterMissing
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import is_label
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.writers import Registration, WriterSecret


class Enrolling:
    """Makes writers and custodians of one repository; the key must be here."""

    def __init__(self, settings: Settings, repository: Repository, clock: Clock) -> None:
        repository.need_identity()
        self._settings = settings
        self._repository = repository
        self._clock = clock

    def add(self, name: str, to: Path, *, again: bool, new: bool) -> WriterAdded:
        """Register a writer, or take a registered one again, and write its file; raises ``WriterExists``."""
        _must_be_a_name(name)
        repository = self._repository
        known = [one for one in repository.registrations.values() if name in (one.label, one.writer.hex())]
        if again:
            registered = _the_newest(known, name)
            secret, label = repository.writer_secret(registered.writer.hex()), registered.label
        else:
            if known and not new:
                raise WriterExists(
                    f"there is a writer {name} already",
                    f"if that host lost its state: `lifeboat writer add {name} --again --to {to}`; if it may be in wrong hands: "
                    "--new instead of --again, for a new generation; else choose another name",
                )
            secret, label = WriterSecret.generate(), name
        self._write(to, self._enrolment(secret, label).to_text(), "")
        try:
            if not again:
                repository.register(secret, label, repository.store.time_there())
            open_catalogs(repository)
        except BaseException:
            to.unlink(missing_ok=True)
            raise
        return WriterAdded(label, "writer", secret.writer.hex(), str(to), again, repository.store.describe())

    def add_custodian(self, name: str, to: Path) -> WriterAdded:
        """Make a key that opens catalogs alone, write it to a file, and open every catalog to it; raises ``WriterExists``."""
        _must_be_a_name(name)
        repository = self._repository
        custodian = Identity.generate()
        fingerprint = custodian.recipient.fingerprint_short
        heading = (
            f"Lifeboat custodian {name}, made {self._clock.now():%Y-%m-%d}, fingerprint {fingerprint}\n"
            f"It opens the catalogs of repository {repository.id.hex()[:8]}, not its content: for prune and status."
        )
        self._write(to, custodian.to_text(), heading)
        try:
            opened = add_custodian(repository, name, custodian.recipient)
        except BaseException:
            if not repository.description.is_custodian(custodian.recipient):
                to.unlink(missing_ok=True)
            raise
        place = repository.store.describe()
        return WriterAdded(name, "custodian", custodian.recipient.fingerprint.hex(), str(to), False, place, opened)

    def _enrolment(self, secret: WriterSecret, label: str) -> Enrolment:
        said = self._settings.repository
        return Enrolment(
            repository=self._repository.id,
            recipients=self._repository.description.fingerprints(),
            label=label,
            secret=secret,
            location=str(said.location or ""),
            region=said.region or "",
            endpoint=said.endpoint_url or "",
        )

    def _write(self, to: Path, secret: Secret, heading: str) -> None:
        write_private_file(to, secret, heading)


def take_in(settings: Settings, clock: Clock, enrolment: Enrolment) -> Enrolled:
    """Become the writer that the file says; nothing is stored in the repository."""
    store = build_store(settings, clock)
    state = LocalState(settings.state, store.describe())
    replaced = enrol(store, state, enrolment)
    return Enrolled(
        name=enrolment.label,
        writer=enrolment.secret.writer.hex(),
        repository=store.describe(),
        repository_id=enrolment.repository.hex(),
        recipients=tuple(one[:16] for one in enrolment.recipients),
        replaced=replaced,
        key_here=settings.key_from if settings.key is not None else "",
    )


def new_generation_of(repository: Repository, now: datetime) -> WriterSecret:
    """A new writer for this machine; raises ``KeyMissing`` with what to do where there is no key."""
    if repository.identity is None:
        name = repository.own_label()
        raise KeyMissing(
            "a new generation is a new writer, and making one needs the key, which this machine does not have",
            f"on the machine with the key: `lifeboat writer add {name} --new --to FILE`; here, with that FILE: "
            "`lifeboat init --writer FILE`, then `lifeboat backup all`: it stores everything anew",
        )
    return repository.new_writer(now)


def _must_be_a_name(name: str) -> None:
    if not is_label(name):
        raise SettingsError(
            "that is no name for a writer", "at most 64 letters, digits, dots, dashes and spaces, such as shop-1"
        )


def _the_newest(known: list[Registration], name: str) -> Registration:
    if not known:
        raise WriterMissing(
            f"there is no writer {name}", "see `lifeboat writer list`; a new one is made without --again"
        )
    return known[-1]
