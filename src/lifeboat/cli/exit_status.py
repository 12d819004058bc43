"""The table of exit statuses: the only place that knows a number.

Invariant: the numbers are permanent; scripts are written against them.
"""

from enum import IntEnum

from lifeboat.foundation.errors import (
    KeyTrouble,
    LifeboatError,
    RepositoryDamaged,
    SettingsError,
    SourceError,
    StorageError,
    TargetRefused,
)


class ExitStatus(IntEnum):
    """How a command ended."""

    DONE = 0
    BUG = 1
    USAGE = 2
    FINDINGS = 3
    INCOMPLETE = 4
    LATER = 5
    SETTINGS = 10
    KEY = 11
    STORAGE = 12
    SOURCE = 13
    DAMAGED = 14
    TARGET = 15
    INTERRUPTED = 130


MEANINGS = {
    ExitStatus.DONE: "done",
    ExitStatus.BUG: "a bug of Lifeboat: a traceback is shown; please report it",
    ExitStatus.USAGE: "the command line cannot be understood, or a question could not be asked; nothing was done",
    ExitStatus.FINDINGS: "the command ran to its end and found a problem (verify, doctor, status, restore, aws)",
    ExitStatus.INCOMPLETE: "the backup is stored, but something that should be in it is missing; the report names it",
    ExitStatus.LATER: "copies were asked for from an archive class and are not there yet; the same command goes on later",
    ExitStatus.SETTINGS: "the settings, the environment or the arguments",
    ExitStatus.KEY: "the key",
    ExitStatus.STORAGE: "the place where the repository lies",
    ExitStatus.SOURCE: "the database or the files to be protected",
    ExitStatus.DAMAGED: "something stored is damaged or missing",
    ExitStatus.TARGET: "the target of a restore was refused; nothing live was changed",
    ExitStatus.INTERRUPTED: "stopped by Ctrl-C or a signal; nothing that was stored is lost",
}

FAMILIES: tuple[tuple[type[LifeboatError], ExitStatus], ...] = (
    (SettingsError, ExitStatus.SETTINGS),
    (KeyTrouble, ExitStatus.KEY),
    (StorageError, ExitStatus.STORAGE),
    (SourceError, ExitStatus.SOURCE),
    (RepositoryDamaged, ExitStatus.DAMAGED),
    (TargetRefused, ExitStatus.TARGET),
)


def status_of(kind: type[LifeboatError]) -> ExitStatus:
    """The status of a family of errors; one outside every family, such as an unknown snapshot, is about the arguments."""
    return next((status for family, status in FAMILIES if issubclass(kind, family)), ExitStatus.SETTINGS)
