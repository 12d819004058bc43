"""From what happened and what is known to one proposal. Pure.

Invariants: every way ends in exactly one command, or in words that say whom to call and why there is none. What replaces live data is a restore
with ``--over-live``, which backs up first what is there; where it is not sure what is right, it goes beside the live data.
"""

import shlex
from dataclasses import replace
from datetime import datetime

from lifeboat.foundation.value import Value
from lifeboat.operations.emergency.culprit import culprit, disaster
from lifeboat.operations.emergency.situation import Situation
from lifeboat.operations.emergency.what import What
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.suspects import Kind, Suspect

BESIDE = "restored"
NAMED_AT_MOST = 5


class Proposal(Value):
    """What is proposed.

    Args:
        request: None: nothing can be restored from here; ``why`` says what to do instead.
        words: The command, as it would be typed.
        why: Why this one. first: What has to be done before, such as bringing copies back from an archive class.
    """

    request: RestoreRequest | None
    words: str
    why: tuple[str, ...]
    first: tuple[str, ...] = ()


def advise(
    what: What,
    situation: Situation,
    *,
    suspect: Suspect | None = None,
    at: datetime | None = None,
    clean_machine: bool = True,
) -> Proposal:
    """One proposal.

    Args:
        suspect: What is to be undone, of ``situation.suspects``. at: When it happened; restored is what was before that.
        clean_machine: After an intruder: whether this is a machine that he was not on.
    """
    if not situation.points:
        return Proposal(
            None,
            "",
            (
                "there is no copy in this repository: is it the right place, and the right key?",
                *_other_copies(situation),
            ),
        )
    chosen = what if what is not What.UNSURE else guess(situation)
    if chosen is What.INTRUDER:
        return _with_archived(_intruder(situation, suspect, at, clean_machine), situation)
    return _with_archived(_WAYS[chosen](situation, suspect, at), situation)


def guess(situation: Situation) -> What:
    """What it looks like, to who does not know."""
    database, trees = situation.database, situation.trees
    database_hurt = database is not None and (database.is_gone or bool(database.missing))
    trees_hurt = any(one.is_hurt for one in trees)
    if database_hurt and trees_hurt:
        return What.SERVER_GONE
    if database_hurt:
        return What.DATABASE_GONE
    if trees_hurt:
        return What.FILES_GONE
    if disaster(situation) or (database and database.fewer):
        return What.DATA_WRONG
    return What.UNSURE


def _database_gone(situation: Situation, suspect: Suspect | None, at: datetime | None) -> Proposal:
    point = situation.point("db")
    if point is None:
        return Proposal(None, "", ("no copy of a database is stored here", *_other_copies(situation)))
    if not situation.knows_database:
        return Proposal(
            None,
            "",
            ("nothing says where the database is to go: set MONGODB_URI to the server it lived on, or a new one",),
        )
    request = _database_request(situation, suspect or culprit(situation), at)
    why = ["what is there now is backed up first, the copy lands beside it, is compared, and only then takes its place"]
    why.append(_goes_back_to(situation, request))
    if point.passed_over and request.before_op is None and request.at is None:
        why.append(f"{len(point.passed_over)} newer copies hold clearly less: they were taken after the loss")
    missing = _missing_alone(situation)
    if missing:
        why.append("only what is missing: the rest of the database stays as it is now")
    return _proposal(replace(request, namespaces=missing, over_live=True), why)


def _missing_alone(situation: Situation) -> tuple[str, ...]:
    """The collections that are missing where the others are live; nothing where all are gone, or too many to be named."""
    database = situation.database
    if database is None or database.trouble is not None or database.is_gone or database.fewer:
        return ()
    found = tuple(one.namespace for one in database.missing)
    return found if len(found) <= NAMED_AT_MOST else ()


def _data_wrong(situation: Situation, suspect: Suspect | None, at: datetime | None) -> Proposal:
    if situation.point("db") is None:
        return _files_gone(situation, suspect, at)
    if not situation.knows_database:
        return _database_gone(situation, suspect, at)
    meant = suspect or (culprit(situation) if at is None else None)
    if meant is None and at is None:
        return Proposal(
            None,
            "",
            (
                "the copy must be from before it went wrong, and nobody has said when that was",
                "start this again and say the time (--when '2 hours ago'); `lifeboat timeline --suspects --least 1` shows small losses, too",
            ),
        )
    request = _database_request(situation, meant, at)
    namespaces = () if meant is None else _namespaces(situation, meant)
    why = [
        "beside the live data, under another name: what is right in it is not lost; look, then put back what is needed",
        _goes_back_to(situation, request),
    ]
    database = (
        (namespaces or _stored_names(situation))[0].partition(".")[0]
        if namespaces or _stored_names(situation)
        else "db"
    )
    return _proposal(replace(request, to=f"{database}_{BESIDE}", namespaces=namespaces), why)


def _namespaces(situation: Situation, meant: Suspect) -> tuple[str, ...]:
    """What was hurt; nothing (that is: everything) where it is a whole database, or more than can be read in a command."""
    losses = disaster(situation) if meant == culprit(situation) else (meant,)
    found = tuple(dict.fromkeys(name for one in losses for name in one.namespaces))
    whole = any(one.kind is Kind.DROP_DATABASE for one in losses) or len(found) > NAMED_AT_MOST
    return () if whole else found


def _files_gone(situation: Situation, suspect: Suspect | None, at: datetime | None) -> Proposal:
    point = situation.point("files")
    if point is None:
        return Proposal(None, "", ("no copy of uploaded files is stored here", *_other_copies(situation)))
    if not situation.knows_files:
        return Proposal(None, "", ("nothing says where the files are to go: set UPLOADS_DIR to their folder",))
    request = RestoreRequest("files", point.snapshot.snapshot[:8], over_live=True)
    if at is not None:
        request = RestoreRequest("files", at=at.isoformat(), over_live=True)
    why = ["only what differs is written; what it replaces is backed up first, and files that are not in the copy stay"]
    if point.passed_over:
        why.append(f"{len(point.passed_over)} newer copies hold clearly less: they were taken after the loss")
    return _proposal(request, why)


def _server_gone(situation: Situation, suspect: Suspect | None, at: datetime | None) -> Proposal:
    wanting = (
        [] if situation.knows_database or situation.point("db") is None else ["MONGODB_URI: the new database server"]
    )
    wanting += (
        [] if situation.knows_files or situation.point("files") is None else ["UPLOADS_DIR: the folder of the uploads"]
    )
    if wanting:
        return Proposal(None, "", ("say first where everything is to go, then start this again", *wanting))
    if at is not None:
        request = RestoreRequest("all", at=at.isoformat(), over_live=True)
    else:
        meant = suspect or culprit(situation)
        passed = any(one.passed_over for one in situation.points)
        if meant is not None and any(one.has_archive for one in situation.points):
            request = RestoreRequest("all", before_op=meant.op, over_live=True)
        elif passed:
            newest = min(one.snapshot.instant for one in situation.points)
            request = RestoreRequest("all", at=newest.isoformat(), over_live=True)
        elif any(one.has_archive for one in situation.points):
            request = RestoreRequest("all", at="newest", over_live=True)
        else:
            request = RestoreRequest("all", over_live=True)
    return _proposal(
        request, ["everything: files first, then the database, so that no document names a file that is not there"]
    )


def _intruder(situation: Situation, suspect: Suspect | None, at: datetime | None, clean_machine: bool) -> Proposal:
    if at is None and suspect is None:
        return Proposal(
            None,
            "",
            (
                "the copy must be from before he got in, and nobody has said when that was",
                "look at logs, at `lifeboat timeline --suspects`, at the first file that is wrong; then start this again and say the time",
            ),
        )
    if not clean_machine:
        return Proposal(
            None,
            "",
            (
                "do not restore on a machine that he was on: he may still be there, and would have the copy, too",
                "take a new machine, install Lifeboat there, bring the key, and start `lifeboat emergency` there",
            ),
        )
    when = at or (suspect.instant if suspect is not None else None)
    assert when is not None
    what = (
        "all" if situation.knows_files and situation.knows_database else "db" if situation.knows_database else "files"
    )
    request = RestoreRequest(what, at=when.isoformat(), over_live=True)
    return _proposal(request, [f"everything as it was before {when:%Y-%m-%d %H:%M:%S %Z}, on this clean machine"])


def _nothing_seen(situation: Situation, suspect: Suspect | None, at: datetime | None) -> Proposal:
    why = (
        "nothing looks lost from here: the live data holds about what the newest copy does, and the archive shows no drop and no mass change",
        "say what is wrong and since when: `lifeboat diff --ns DB.COLL --from TIME --to live` shows what changed in a collection",
    )
    if at is not None or suspect is not None:
        return _data_wrong(situation, suspect, at)
    return Proposal(None, "", why)


def _database_request(situation: Situation, suspect: Suspect | None, at: datetime | None) -> RestoreRequest:
    point = situation.point("db")
    assert point is not None
    if at is not None:
        return RestoreRequest("db", at=at.isoformat())
    if suspect is not None and point.has_archive:
        return RestoreRequest("db", before_op=suspect.op)
    if point.has_archive and not point.passed_over:
        return RestoreRequest("db", at="newest")
    return RestoreRequest("db", point.snapshot.snapshot[:8])


def _goes_back_to(situation: Situation, request: RestoreRequest) -> str:
    if request.before_op is not None:
        meant = next((one for one in situation.suspects if one.op == request.before_op), None)
        return (
            f"to the moment just before this: {meant.sentence}" if meant else "to the moment just before that operation"
        )
    if request.at == "newest":
        return "to the newest moment that is stored"
    if request.at is not None:
        return f"to {request.at}, and nothing of what came after"
    point = situation.point("db")
    assert point is not None
    return f"to the copy of {point.snapshot.instant:%Y-%m-%d %H:%M:%S} UTC"


def _stored_names(situation: Situation) -> tuple[str, ...]:
    return tuple(one.namespace for one in situation.database.collections) if situation.database else ()


def _other_copies(situation: Situation) -> tuple[str, ...]:
    return tuple(f"a second copy is set: `lifeboat emergency --replica {name}`" for name in situation.replicas)


def _proposal(request: RestoreRequest, why: list[str]) -> Proposal:
    return Proposal(request, words_of(request), tuple(why))


def _with_archived(proposal: Proposal, situation: Situation) -> Proposal:
    request = proposal.request
    if request is None or request.at is not None or request.before_op is not None:
        return proposal
    if any(one.is_archived for one in situation.points if request.source in (one.source, "all")):
        first = f"lifeboat retrieve {request.snapshot}" if request.snapshot != "latest" else "lifeboat retrieve latest"
        return replace(
            proposal, first=(f"`{first}`: it lies in an archive class, and takes hours; time and cost are told first",)
        )
    return proposal


def words_of(request: RestoreRequest) -> str:
    """The command as it would be typed."""
    words = ["lifeboat", "restore", request.source]
    if request.at is not None:
        words += ["--at", request.at]
    elif request.before_op is not None:
        words += ["--before-op", request.before_op]
    else:
        words.append(request.snapshot)
    for one in request.namespaces:
        words += ["--ns", one]
    words += ["--over-live"] if request.over_live else ["--to", str(request.to)]
    return shlex.join(words)


_WAYS = {
    What.DATABASE_GONE: _database_gone,
    What.DATA_WRONG: _data_wrong,
    What.FILES_GONE: _files_gone,
    What.SERVER_GONE: _server_gone,
    What.UNSURE: _nothing_seen,
}
