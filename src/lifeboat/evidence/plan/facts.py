"""What a recovery plan is made of: facts of one installation, gathered elsewhere (``app/planning``).

Invariant: no secret can stand in it: there is no field for one. What was not looked at, or cannot be known here, is None, never a guess.
"""

from collections.abc import Mapping
from datetime import datetime

from lifeboat.foundation.value import Value


class Person(Value):
    """Somebody who is called, in this order."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    duties: tuple[str, ...] = ()
    key_holder: bool = False


class Installation(Value):
    """Whose plan it is, and where Lifeboat runs.

    Args:
        label: What the installation is called. folder: In which commands are typed; config: the settings file, where ``--config`` names it.
        role: ``simple``, ``writer``, ``keeper``, ``custodian``. has_key: whether a key that opens the copies is on this machine.
        created: Day the repository was made, ISO; None where it could not be looked at.
        rescue: Name of this Lifeboat's rescue script in a repository, with its hash: whoever can write there could put another beside it.
    """

    label: str
    host: str
    user: str
    folder: str
    settings_files: tuple[str, ...]
    config: str | None
    program: str
    state: str
    role: str
    has_key: bool
    profile: str | None
    repository_id: str | None
    created: str | None
    software: str
    rescue: str
    python: str
    format: int

    @property
    def is_guarded(self) -> bool:
        return self.profile == "guarded"


class Place(Value):
    """Where copies lie.

    Args:
        name: Of a replica; empty for the repository. where: in which country, in words.
        behind: How a replica stands, in words; None: not looked at.
    """

    name: str
    location: str
    is_bucket: bool
    region: str | None = None
    endpoint: str | None = None
    where: str = ""
    behind: str | None = None


class SourceFacts(Value):
    """One source. Args: source: ``db``, ``files``, ``config``; names: databases or folders; age_seconds: measured RPO now;
    restore_seconds: for what the newest snapshot holds, at the rate of restores measured here; None: none was measured.
    """

    source: str
    is_set_up: bool
    objective_seconds: float | None
    snapshots: int | None = None
    newest: datetime | None = None
    oldest: datetime | None = None
    age_seconds: float | None = None
    meets_objective: bool | None = None
    proved: datetime | None = None
    items: int | None = None
    bytes: int | None = None
    is_complete: bool = True
    one_instant: bool = True
    restore_seconds: float | None = None


class DatabaseFacts(Value):
    """The database.

    Args:
        address: Hosts, without user and password. chosen: databases that the settings name; empty: see ``all_meant``.
        protected, left_out: By name; None: nobody could look. collections: in the protected ones.
        special: Collections that need a word, with it. example: the largest collection, for examples.
        seen: ``server``, ``snapshot`` or ``before``: where the names are from.
    """

    address: str | None = None
    chosen: tuple[str, ...] = ()
    protected: tuple[str, ...] | None = None
    left_out: tuple[str, ...] | None = None
    collections: int | None = None
    special: tuple[str, ...] = ()
    example: str | None = None
    version: str | None = None
    in_a_set: bool | None = None
    seen: str = ""


class TreeFacts(Value):
    """Trees of files and configuration, and what is left out of them."""

    files: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    one_filesystem: bool = False
    config: tuple[str, ...] = ()


class JobFacts(Value):
    """What runs by itself. Args: time: as in the settings; why: where it is due else, empty when it runs here."""

    job: str
    title: str
    command: str
    time: str
    why: str = ""


class KeyFacts(Value):
    """A key that opens everything, by its fingerprint. Args: name: as the repository calls its holder; stored: how somebody showed to have
    it outside this machine, and when, in words.
    """

    name: str
    fingerprint: str
    is_here: bool = False
    stored: str = ""


class KeepFacts(Value):
    """What is kept for how long, in plain words; and what holds deleting up."""

    rules: tuple[str, ...]
    numbers: Mapping[str, int]
    window_days: int
    object_lock: str = "off"
    lock_days: int = 0
    lifecycle: str = "off"
    noncurrent_days: int | None = None


class RetrievalRow(Value):
    """How long and for how much an archive class gives back. Args: dollars_per_gb: None where it is not offered."""

    storage_class: str
    tier: str
    hours_most: float | None
    dollars_per_gb: float | None


class DrillRow(Value):
    """A drill or an exercise that was. Args: seconds: from the incident until service was back."""

    scenario: str
    ended: datetime
    outcome: str
    seconds: float | None
    number: int | None = None


class DueRow(Value):
    """What has to happen every so often. Args: command: empty: people do it. last: None: never; due: by when the next one."""

    what: str
    every_seconds: float
    command: str
    last: datetime | None
    due: datetime | None
    is_overdue: bool


class Gap(Value):
    """Something that is not in order. Args: level: ``warning`` or ``problem``."""

    level: str
    code: str
    subject: str
    message: str
    hint: str = ""


class Approval(Value):
    """Somebody's word for a version. Args: document_sha256: of the Markdown file as it was approved."""

    by: str
    when: datetime
    version: int
    document_sha256: str


class Measured(Value):
    """What was measured, and what is reckoned from it."""

    last_restore_seconds: float | None = None
    predicted_seconds: float | None = None
    predicted_from: str = ""
    last_verify: str = ""
    stored_bytes: int | None = None


class PlanFacts(Value):
    """Everything.

    Args:
        made: When, by this machine's clock. unknown: What could not be looked at, and why, each a sentence.
    """

    made: datetime
    organisation: str
    application: str
    systems: tuple[str, ...]
    contacts: tuple[Person, ...]
    installation: Installation
    place: Place
    replicas: tuple[Place, ...]
    sources: tuple[SourceFacts, ...]
    database: DatabaseFacts
    trees: TreeFacts
    rto_seconds: float
    streams: bool
    stream_every_seconds: float
    jobs: tuple[JobFacts, ...]
    keep: KeepFacts
    keys: tuple[KeyFacts, ...] | None
    custodians: tuple[str, ...] | None
    drill_to: str | None
    drill_every: Mapping[str, float]
    measured: Measured = Measured()
    drills: tuple[DrillRow, ...] | None = None
    due: tuple[DueRow, ...] = ()
    gaps: tuple[Gap, ...] = ()
    retrieval: tuple[RetrievalRow, ...] = ()
    prices: str = ""
    """Whose prices those are, and of when."""
    archived_objects: int | None = None
    stored_by: tuple[str, ...] = ()
    """Names of the machines whose databases lie in the repository."""
    writers: tuple[str, ...] = ()
    """Names of all machines that stored something."""
    unknown: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()

    def source(self, name: str) -> SourceFacts:
        return next(one for one in self.sources if one.source == name)

    @property
    def writer_name(self) -> str:
        """Of the host that backs up: this machine, or the first that stored something where this one only keeps."""
        label = self.installation.label
        return label if label in self.writers or not self.writers else self.writers[0]

    @property
    def behind_at(self) -> str:
        """What a machine that stored nothing says behind ``latest`` or a moment, where several machines store databases."""
        if len(self.stored_by) < 2:
            return ""
        return f"@{self.installation.label if self.installation.label in self.stored_by else self.stored_by[0]}"

    @property
    def protects_database(self) -> bool:
        """Here, or by another machine whose copies lie in the same repository."""
        return self.source("db").is_set_up or bool(self.source("db").snapshots)

    @property
    def protects_files(self) -> bool:
        return self.source("files").is_set_up or bool(self.source("files").snapshots)

    @property
    def protects_config(self) -> bool:
        return self.source("config").is_set_up or bool(self.source("config").snapshots)
