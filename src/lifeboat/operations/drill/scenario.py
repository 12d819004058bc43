"""What a drill pretends to have lost, and what it may use to get it back. Pure."""

from enum import StrEnum

from lifeboat.foundation.value import Value


class Scenario(StrEnum):
    """By the name that people type."""

    DATABASE_LOSS = "database-loss"
    FILE_LOSS = "file-loss"
    SERVER_LOSS = "server-loss"
    RANSOMWARE = "ransomware"
    BAD_DEPLOY = "bad-deploy"
    KEY_HOLDER_LOST = "key-holder-lost"


class Rules(Value):
    """What belongs to a scenario.

    Args:
        lost: What is taken for lost, for people.
        sources: What is brought back: ``db``, ``files``, ``config``.
        bare: Nothing but the place of the repository and a key is used: no state, no settings of this machine.
        other_key: Only with the key of another recipient than the one that is set here.
        one_collection: Only one collection is brought back.
        before_a_time: The point is chosen before a time that has to be named.
        is_full: Counts as the drill of everything that the calendar asks for.
    """

    lost: str
    sources: tuple[str, ...]
    bare: bool = False
    other_key: bool = False
    one_collection: bool = False
    before_a_time: bool = False
    is_full: bool = False


RULES = {
    Scenario.DATABASE_LOSS: Rules("the whole database", ("db",)),
    Scenario.FILE_LOSS: Rules("all uploaded files", ("files",)),
    Scenario.SERVER_LOSS: Rules(
        "the server, with everything on it: all there is left is the repository and a key",
        ("files", "config", "db"),
        bare=True,
        is_full=True,
    ),
    Scenario.RANSOMWARE: Rules(
        "everything after the moment at which somebody got in",
        ("files", "config", "db"),
        before_a_time=True,
        is_full=True,
    ),
    Scenario.BAD_DEPLOY: Rules("one collection, by a faulty release", ("db",), one_collection=True, before_a_time=True),
    Scenario.KEY_HOLDER_LOST: Rules(
        "whoever holds the key that is used every day",
        ("files", "config", "db"),
        bare=True,
        other_key=True,
        is_full=True,
    ),
}
