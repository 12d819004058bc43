"""What can have happened, as people say it, and how the damage is kept from growing. Pure."""

from enum import StrEnum

from lifeboat.foundation.value import Value


class What(StrEnum):
    """By the name that ``--what`` takes."""

    DATABASE_GONE = "database-gone"
    DATA_WRONG = "data-wrong"
    FILES_GONE = "files-gone"
    SERVER_GONE = "server-gone"
    INTRUDER = "intruder"
    UNSURE = "unsure"


class Meaning(Value):
    """Args: asked: As it stands in the list. needs_time: Whether it matters when it happened. stop: What comes before all else."""

    asked: str
    needs_time: bool
    stop: tuple[str, ...]


_WRITES = "stop the application, so that nothing is written any more (for example: `systemctl stop YOUR-APPLICATION`)"
_JOBS = (
    "let no backup and no clean-up run meanwhile, so that no good copy makes room for a bad one: "
    "`systemctl stop 'lifeboat*'`; take its lines out of `crontab -e`; end `lifeboat serve`"
)
_KEEP = "do not drop, delete, repair or reinstall anything: what is there is kept beside what comes back"

MEANINGS = {
    What.DATABASE_GONE: Meaning("the database, or a part of it, is gone", False, (_WRITES, _JOBS, _KEEP)),
    What.DATA_WRONG: Meaning(
        "data is wrong: a bad release, a script, somebody changed or deleted something", True, (_WRITES, _JOBS, _KEEP)
    ),
    What.FILES_GONE: Meaning("uploaded files are gone or wrong", False, (_WRITES, _JOBS, _KEEP)),
    What.SERVER_GONE: Meaning(
        "the server is gone: this is another machine",
        False,
        ("make sure that the old server does not come back and write: switch it off, take its address away",),
    ),
    What.INTRUDER: Meaning(
        "somebody got in: files or data are encrypted, or may have been copied",
        True,
        (
            "cut the server off from the network; leave it switched on, what is in its memory is evidence",
            "take away its credentials at once: the AWS keys, the database users, the application's secrets",
            "restore to a NEW, clean machine only; nothing of the old one is to be trusted",
            "do not pay, do not answer, write down times and what you see",
        ),
    ),
    What.UNSURE: Meaning("I do not know", True, (_WRITES, _JOBS, _KEEP)),
}
