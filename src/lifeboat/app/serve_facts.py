"""What ``serve`` has to know of the repository and the database: this machine's role, and what another machine of this name has stored.

Every question goes out in a thread of its own and is waited for only so long: a store that hangs must not hold up the schedule, nor the end.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from lifeboat.app.build import build_client, build_repository
from lifeboat.app.settings import Settings
from lifeboat.app.source_names import SOURCES, set_up
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.operations.rights import role_of
from lifeboat.repository.linking import linked_memory
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.record import Record
from lifeboat.repository.roles import Role
from lifeboat.services.schedule.due import Timed
from lifeboat.sources.mongodb.server_facts import look_at_server

PATIENCE_SECONDS = 10.0
HELD_BACK = timedelta(minutes=30)
AGAIN_SECONDS = 15.0
LINKS_AT_MOST = 30
"""So far back the newest snapshot of a source is looked for: a day of hourly ones."""
EARLY = timedelta(minutes=1)
"""Two machines' clocks differ by so much, and still mean the same slot."""
Answer = TypeVar("Answer")


class Facts:
    """Args: say: Hears why a question had no answer."""

    def __init__(self, settings: Settings, clock: Clock, say: Callable[[str], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._say = say
        self._said: set[str] = set()
        self._lately: dict[str, tuple[float, tuple[datetime | None, timedelta]]] = {}

    def role(self) -> Role | None:
        """What this machine is; None when the store does not answer. Raises what waiting does not cure."""
        found = self._ask("role", lambda: role_of(build_repository(self._settings, self._clock)))
        if isinstance(found, LifeboatError) and not found.worth_retrying:
            raise found
        return found if isinstance(found, Role) else None

    def in_a_set(self) -> bool | None:
        """Whether the database has an oplog; None when it does not answer."""
        if self._settings.mongodb.uri is None:
            return None

        def ask() -> bool:
            client, _ = build_client(self._settings)
            with client:
                return look_at_server(client).in_a_set

        found = self._ask("database", ask)
        return found if isinstance(found, bool) else None

    def seen(self, job: Timed) -> tuple[datetime | None, timedelta]:
        """When the newest work of a backup job began, as the repository tells, and how long its slot is to be left to another machine.

        The machine that stored last goes on; another of its name takes a slot only when it was left undone for a while. So two of them
        do the work once, without a lock that somebody could leave behind.
        """
        wanted = _sources_of(job.name, self._settings)
        if not wanted:
            return None, timedelta()
        step = job.slots.step_after(job.slots.last_until(self._clock.now()))
        asked, answer = self._lately.get(job.name, (float("-inf"), (None, timedelta())))
        if self._clock.monotonic() - asked > min(AGAIN_SECONDS, step.total_seconds() / 10):
            answer = self._look(wanted, step)
            self._lately[job.name] = self._clock.monotonic(), answer
        return answer

    def _look(self, wanted: set[str], step: timedelta) -> tuple[datetime | None, timedelta]:
        found = self._ask("newest", lambda: _newest(build_repository(self._settings, self._clock), wanted))
        if not isinstance(found, tuple):
            return None, timedelta()
        began, took, is_ours = found
        early = min(EARLY, step / 20)
        # A run that is on its way over there has stored nothing yet: so long as the last one took, and again.
        behind = timedelta() if is_ours else min(min(HELD_BACK, step / 3) + 2 * took, step * 4 / 5)
        return (None if began is None else began + early), behind

    def _ask(self, what: str, question: Callable[[], Answer]) -> Answer | LifeboatError | None:
        answers: list[Answer | LifeboatError] = []

        def ask() -> None:
            try:
                answers.append(question())
            except LifeboatError as error:
                answers.append(error)

        thread = threading.Thread(target=ask, name=f"facts-{what}", daemon=True)
        thread.start()
        thread.join(PATIENCE_SECONDS)
        answer = answers[0] if answers else None
        if isinstance(answer, LifeboatError | None):
            reason = answer.message if answer else f"no answer within {PATIENCE_SECONDS:.0f} s"
            if what not in self._said:
                self._say(f"{what} could not be asked for: {reason}")
            self._said.add(what)
        else:
            self._said.discard(what)
        return answer


def _sources_of(job: str, settings: Settings) -> set[str]:
    if job in SOURCES:
        return {str(SOURCES[job])}
    if job != "all":
        return set()
    return {str(SOURCES[name]) for name in set_up(settings)}


def _newest(repository: Repository, wanted: set[str]) -> tuple[datetime | None, timedelta, bool]:
    """When the oldest of the wanted sources' newest backups began, how long they took, and whether this state folder stored last.

    Read from the end of this writer's chain: links name records by hash.
    """
    secret = repository.known_writer()
    mine = secret.writer.hex() if secret else ""
    link = repository.newest_link(mine) if mine in repository.registrations else None
    if secret is None or link is None:
        return None, timedelta(), True
    repository.secrets.setdefault(mine, secret)
    remembered = linked_memory(repository.state)
    is_ours = remembered.get("writer") == mine and remembered.get("head") == link.name
    found: dict[str, Record] = {}
    for record in repository.newest_records(mine, LINKS_AT_MOST):
        if isinstance(record, Record) and record.is_backup:
            found.setdefault(record.source, record)
        if wanted <= set(found):
            break
    newest = [found[source] for source in wanted if source in found]
    took = sum((record.finished - record.started for record in newest), timedelta())
    return (min(record.started for record in newest) if wanted <= set(found) else None), took, is_ours
