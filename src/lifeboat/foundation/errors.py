"""The errors a person can act on, by family.

Every explained failure has one permanent code, one sentence and one hint. Anything that is not a
``LifeboatError`` is a bug of ours and shows its traceback. Folders declare their own kinds below
these families; the exit status of each family stands in ``cli/exit_status.py`` alone.
"""


class LifeboatError(Exception):
    """A failure we can explain.

    Args:
        message: One sentence, lower-case, no full stop, naming the thing.
        hint: A question or an act: what to try or type next.
    """

    code = "lifeboat-error"
    worth_retrying = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SettingsError(LifeboatError):
    """The settings, environment or arguments do not say something that can be done."""

    code = "settings-invalid"


class KeyTrouble(LifeboatError):
    """A key is missing, malformed, or does not open this repository."""

    code = "key-trouble"


class StorageError(LifeboatError):
    """The place where the repository lies does not do what it should."""

    code = "storage-error"


class RepositoryDamaged(LifeboatError):
    """Stored bytes are not what was written, or something named is not there."""

    code = "repository-damaged"


class SourceError(LifeboatError):
    """The thing to be protected cannot be read, or not as promised."""

    code = "source-error"


class TargetRefused(LifeboatError):
    """A restore would land where it could harm, or where it cannot be written."""

    code = "target-refused"
