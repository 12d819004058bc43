"""What the killed process does, by name: each is a call that the command line makes, too."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from lifeboat.app.account import anchor_log
from lifeboat.app.build import build_state
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.replicating import HowToReplicate
from lifeboat.app.streaming import StreamRequest
from lifeboat.app.undeleting import Undeleting
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Silent
from lifeboat.operations.drill.request import DrillRequest
from lifeboat.operations.drill.scenario import Scenario
from lifeboat.operations.erasing.request import ErasureRequest, by_value
from lifeboat.operations.reports.documents import DocumentsRequest
from lifeboat.operations.reports.restores import RestoreRequest
from lifeboat.operations.shards import Shard, Sharing
from lifeboat.operations.stream.report import StreamStatus
from lifeboat.operations.undelete.run import UndeleteReport

Action = Callable[[Lifeboat], object]
SAFE = Identity(b"\xa7" * 32)
"""A second recipient."""
SHREDDED = "LIFEBOAT_TEST_MONTH"
DUMP = "LIFEBOAT_TEST_DUMP"
SCRATCH = "LIFEBOAT_TEST_SCRATCH"
EXPORT = "LIFEBOAT_TEST_EXPORT"
MOMENT = "LIFEBOAT_TEST_MOMENT"
FILE = "LIFEBOAT_TEST_FILE"
SHARD = "LIFEBOAT_TEST_SHARD"
"""Variables of the killed process by which a test hands something over."""


class Deaf:
    def said(self, finding: Finding) -> None:
        pass

    def moved(self, status: StreamStatus) -> None:
        pass


def _restore(source: str) -> Action:
    return lambda lifeboat: lifeboat.restore(RestoreRequest(source=source, snapshot="latest", over_live=True))


def _restore_moment(lifeboat: Lifeboat) -> object:
    return lifeboat.restore(RestoreRequest(source="db", at=os.environ[MOMENT], over_live=True))


def restore_beside(lifeboat: Lifeboat, to: str) -> object:
    return lifeboat.restore(RestoreRequest(source="files", snapshot="latest", to=to))


def _put_back_cases(lifeboat: Lifeboat) -> object:
    with lifeboat.single_documents(DocumentsRequest("office.cases", "{}", over_live=True)) as found:
        return found.put_back()


def stream_once(lifeboat: Lifeboat) -> object:
    """Archive what the oplog holds by now, in several segments."""
    return lifeboat.stream(StreamRequest(None, True, None, dict(os.environ)), Deaf(), threading.Event())


def erase_case_seven(lifeboat: Lifeboat) -> object:
    return lifeboat.erasing().record(ErasureRequest((by_value("office.cases", "title", "case 7"),)))


def _drill(lifeboat: Lifeboat) -> object:
    request = DrillRequest(Scenario.DATABASE_LOSS, folder=Path(os.environ[SCRATCH]), notify=False)
    return lifeboat.drilling().run(request)


def sharing(number: int) -> Sharing:
    """One of two processes; the second one gathers, and waits for nobody."""
    return Sharing(Shard(number, 2, "a run"), wait_seconds=0)


def _share_backup(lifeboat: Lifeboat) -> object:
    return lifeboat.backup_shared(sharing(int(os.environ[SHARD])))


def restore_share(lifeboat: Lifeboat, number: int, to: str) -> object:
    return lifeboat.restore_shared(RestoreRequest(source="files", snapshot="latest", to=to), sharing(number))


def _share_restore(lifeboat: Lifeboat) -> object:
    return restore_share(lifeboat, int(os.environ[SHARD]), os.environ[SCRATCH])


def _add_writer(lifeboat: Lifeboat) -> object:
    return lifeboat.add_writer("shop-2", Path(os.environ[FILE]), again=False, new=False)


def anchor(lifeboat: Lifeboat) -> object:
    """Anchor what is not anchored yet of the audit log, as every command does at its end."""
    settings = lifeboat._settings
    return anchor_log(settings, lifeboat._clock, build_state(settings))


def undelete(lifeboat: Lifeboat) -> UndeleteReport:
    return Undeleting(lifeboat._settings, lifeboat._clock, Silent(), None).run()


ACTIONS: dict[str, Action] = {
    "backup": lambda lifeboat: lifeboat.backup("all"),
    "restore db": _restore("db"),
    "restore files": _restore("files"),
    "restore to a new place": lambda lifeboat: restore_beside(lifeboat, os.environ[SCRATCH]),
    "restore documents": _put_back_cases,
    "backup shard": _share_backup,
    "restore shard": _share_restore,
    "restore moment": _restore_moment,
    "undo": lambda lifeboat: lifeboat.undo_restore(),
    "verify": lambda lifeboat: lifeboat.verify("full"),
    "prune": lambda lifeboat: lifeboat.prune(dry_run=False),
    "carry": lambda lifeboat: lifeboat.carry_forward(dry_run=False),
    "stream": stream_once,
    "drill": _drill,
    "replicate": lambda lifeboat: lifeboat.replicate((), HowToReplicate()),
    "erase": erase_case_seven,
    "init": lambda lifeboat: lifeboat.initialise(guarded=False, new_key=None),
    "recipient add": lambda lifeboat: lifeboat.key_life().add("safe", SAFE.recipient.to_text()),
    "recipient remove": lambda lifeboat: lifeboat.key_life().remove("key", stolen=False),
    "shred": lambda lifeboat: lifeboat.shredding(os.environ[SHREDDED]).run("", even_the_last=False, even_kept=False),
    "import": lambda lifeboat: lifeboat.import_dump(os.environ[DUMP]),
    "writer add": _add_writer,
    "custodian add": lambda lifeboat: lifeboat.add_custodian("ci", Path(os.environ[FILE])),
    "custodian remove": lambda lifeboat: lifeboat.remove_custodian("ci"),
    "approve": lambda lifeboat: lifeboat.planning().approve("Noura", Path(os.environ[FILE])),
    "anchor": anchor,
    "undelete": undelete,
    "export": lambda lifeboat: lifeboat.export("db", "mongodump-archive", os.environ[EXPORT]),
}
