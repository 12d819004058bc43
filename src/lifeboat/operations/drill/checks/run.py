"""Ask everything that is set, one after the other. Services are started first and ended last.

Invariant: a check that goes wrong in whatever way is a check that failed, with words; it never ends the drill. Nothing that was started is
left running.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.progress import Progress
from lifeboat.operations.drill.checks.child import run_command, start_service
from lifeboat.operations.drill.checks.database import ask_query, ask_references
from lifeboat.operations.drill.checks.kinds import (
    AppCheck,
    Command,
    Http,
    Query,
    References,
    Service,
    SignIn,
    Surroundings,
)
from lifeboat.operations.drill.checks.web import ask_http, sign_in
from lifeboat.operations.drill.report import Checked

SAID_AT_MOST = 300


def run_checks(
    checks: Sequence[AppCheck], surroundings: Surroundings, clock: Clock, progress: Progress
) -> list[Checked]:
    """All of them, in their order but for services; a check of something that was not restored is left out, and says so."""
    progress.begin("asking the application", total_items=len(checks))
    found = []
    with ExitStack() as running:
        for check in sorted(checks, key=lambda one: not isinstance(one, Service)):
            began = clock.monotonic()
            passed, expected, said = True, "", ""
            if isinstance(check, Query | References) and surroundings.uri is None:
                said = "left out: no database was restored"
            else:
                ask = _asker(check, surroundings, running, clock)
                try:
                    passed, expected, said = ask()
                except LifeboatError as error:
                    passed, said = False, error.message
                except Exception as error:  # whatever a check does must not end the drill
                    passed, said = False, f"{type(error).__name__}: {error}"
            if isinstance(check, Service) and passed:
                port = int(said.rpartition(" ")[2])
                surroundings = replace(surroundings, ports={**surroundings.ports, check.name: port})
            seconds = clock.monotonic() - began
            found.append(Checked(check.name, check.kind, passed, seconds, expected, _short(said, surroundings)))
            progress.advance(done_items=1)
    return found


def _asker(
    check: AppCheck, surroundings: Surroundings, running: ExitStack, clock: Clock
) -> Callable[[], tuple[bool, str, str]]:
    if isinstance(check, Command):
        return lambda: run_command(check, surroundings)
    if isinstance(check, Service):
        return lambda: start_service(check, surroundings, running, clock)
    if isinstance(check, Http):
        return lambda: ask_http(check, surroundings, clock)
    if isinstance(check, SignIn):
        return lambda: sign_in(check, surroundings, clock)
    if isinstance(check, Query):
        return lambda: ask_query(check, surroundings)
    return lambda: ask_references(check, surroundings)


def _short(said: str, surroundings: Surroundings) -> str:
    for secret in sorted(surroundings.hidden, key=len, reverse=True):
        if secret:
            said = said.replace(secret, "***")
    if surroundings.uri is not None:
        said = said.replace(surroundings.uri.reveal(), "***")
    said = " ".join("".join(one if one.isprintable() else " " for one in said).split())
    return said if len(said) <= SAID_AT_MOST else f"{said[: SAID_AT_MOST - 4]} ..."
