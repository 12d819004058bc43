"""The clocks of a drill: its phases, timed one by one, and the moments of the disaster and of the way back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.drill.report import Clocks, Lost, Measures, Phase, PhaseName
from lifeboat.repository.meter import Meter


class Watcher(Protocol):
    """Hears of the phases as they begin and end."""

    def begins(self, phase: str) -> None: ...

    def ends(self, phase: Phase) -> None: ...


class Unwatched:
    def begins(self, phase: str) -> None:
        pass

    def ends(self, phase: Phase) -> None:
        pass


class Said:
    """What a phase says of itself while it runs."""

    def __init__(self) -> None:
        self.text = ""
        self.outcome = "done"


class Phases:
    """Times what is done inside ``phase``; a phase that raises is noted as failed, and the error goes on."""

    def __init__(self, clock: Clock, watcher: Watcher) -> None:
        self._clock = clock
        self._watcher = watcher
        self.all: list[Phase] = []

    @contextmanager
    def phase(self, name: PhaseName) -> Iterator[Said]:
        said, began, start = Said(), self._clock.now(), self._clock.monotonic()
        self._watcher.begins(str(name))
        try:
            yield said
        except BaseException as error:
            said.outcome = "failed"
            said.text = error.message if isinstance(error, LifeboatError) else type(error).__name__
            raise
        finally:
            self._note(Phase(str(name), began, self._clock.monotonic() - start, said.outcome, said.text))

    def skip(self, name: PhaseName, why: str) -> None:
        self._note(Phase(str(name), None, 0.0, "skipped", why))

    def inside(self, meter: Meter, name: PhaseName) -> None:
        """What a phase did at the same time in several threads: fetching, and opening what was fetched."""
        work = (
            (PhaseName.FETCH, meter.fetch_seconds, f"{show_bytes(meter.fetched_bytes)} read from the repository"),
            (
                PhaseName.DECRYPT,
                meter.open_seconds,
                f"{show_bytes(meter.opened_bytes)} authenticated, decrypted, unpacked",
            ),
        )
        for inner, seconds, words in work:
            self._note(Phase(str(inner), None, seconds, "done", words, inside=str(name)))

    def _note(self, phase: Phase) -> None:
        self.all.append(phase)
        self._watcher.ends(phase)


def measure(clocks: Clocks, rto_objective_seconds: float, lost: tuple[Lost, ...]) -> Measures:
    """What the moments come to. Pure."""
    back = clocks.service_back
    return Measures(
        None if back is None else (back - clocks.incident).total_seconds(),
        None if back is None else (back - (clocks.declared or clocks.incident)).total_seconds(),
        rto_objective_seconds,
        lost,
    )


def lost_of(points: dict[str, datetime], incident: datetime, objective_of: Callable[[str], float]) -> tuple[Lost, ...]:
    """Measured RPO of each source: from its point to the incident, and nothing where the point is younger. Pure."""
    return tuple(
        Lost(source, point, max(0.0, (incident - point).total_seconds()), objective_of(source))
        for source, point in sorted(points.items())
    )
