"""Backups of a Python application by itself: ``schedule_backups``, for a ``with``, a lifespan of FastAPI or Starlette, or Django.

The schedule is a thread that waits; each job and the stream are processes of their own, so that no request ever waits for a backup. Of
several worker processes one schedules, by a lock; when it ends another one goes on within ten seconds.

Limits: it reads the same settings as the command (``.env``, ``lifeboat.toml``, the environment) and opens no port.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lifeboat.app.serving import ServeRunsAlready, ServeState, Serving
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import LifeboatError

STAND_BY_SECONDS = 10.0
AFTER_TROUBLE_SECONDS = 60.0
"""Settings that cannot be read must not take the application down: they are read again."""
log = logging.getLogger("lifeboat")


class Backups:
    """Args: as ``schedule_backups``. It does nothing before ``start``."""

    def __init__(self, config: Path | None, folder: Path, environment: Mapping[str, str], stop_seconds: float) -> None:
        self._config = config
        self._folder = folder
        self._environment = environment
        self._stop_seconds = stop_seconds
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._serving: Serving | None = None
        self._in_process = 0

    @property
    def schedules_here(self) -> bool:
        """Whether it is this process that schedules, and no other worker."""
        return self._serving is not None

    def state(self) -> ServeState | None:
        """How jobs and stream stand; None in a process that stands by."""
        return self._serving.state() if self._serving else None

    def start(self) -> Self:
        """Begin, in a thread; a second call does nothing. After a fork, call it in the child."""
        if self._thread is None or self._in_process != os.getpid():
            self._in_process = os.getpid()
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, name="lifeboat-schedule", daemon=True)
            self._thread.start()
            atexit.register(self.stop)
            os.register_at_fork(after_in_child=self._forget)
        return self

    def stop(self) -> None:
        """Ask what runs to end and wait for it, for ``stop_seconds`` at most; what was uploaded is kept."""
        self._stop.set()
        if (serving := self._serving) is not None:
            serving.wake()
        if self._thread is not None and self._in_process == os.getpid():
            self._thread.join(self._stop_seconds + STAND_BY_SECONDS)
            if self._thread.is_alive() and serving is not None:
                serving.kill_what_runs()  # the thread waits for a store that hangs, and ends with the process
        atexit.unregister(self.stop)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """For ``FastAPI(lifespan=...)`` and ``Starlette(lifespan=...)``."""
        self.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.stop)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        standing_by = False
        while not self._stop.is_set():
            wait = AFTER_TROUBLE_SECONDS
            try:
                serving = Serving(
                    self._config,
                    self._environment,
                    self._folder,
                    SystemClock(),
                    log.info,
                    stop_seconds=self._stop_seconds,
                )
                serving.run(self._stop, self._begun)
            except ServeRunsAlready as error:
                wait = STAND_BY_SECONDS
                if not standing_by:
                    log.info("%s; this one stands by", error.message)
                standing_by = True
            except LifeboatError as error:
                log.error("backups are not scheduled: %s [%s]; do: %s", error.message, error.code, error.hint)
            except Exception:
                log.exception("backups are not scheduled: a bug of Lifeboat")
            else:
                standing_by = False
            finally:
                self._serving = None
            self._stop.wait(wait)

    def _begun(self, serving: Serving) -> None:
        self._serving = serving

    def _forget(self) -> None:
        """In a forked child there is no thread, and the lock must be held by its owner alone."""
        serving, self._serving, self._thread = self._serving, None, None
        if serving is not None and serving.lock is not None:
            with suppress(OSError):
                os.close(serving.lock)


def schedule_backups(
    config: str | Path | None = None,
    *,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    stop_seconds: float = 20.0,
) -> Backups:
    """Back up, stream, verify and prune beside an application, as ``[serve]`` in ``lifeboat.toml`` says; see docs/operations.md.

    ``with schedule_backups(): ...`` · ``FastAPI(lifespan=schedule_backups().lifespan)`` · ``schedule_backups().start()`` in Django's wsgi.py.

    Args:
        config: The settings file; else LIFEBOAT_CONFIG, ``lifeboat.toml`` in the folder, /etc/lifeboat/lifeboat.toml.
        folder: Where ``.env`` and ``lifeboat.toml`` lie; None: the working folder. The same for all workers.
        environment: Variables for the jobs; None: this process's.
        stop_seconds: How long the end waits for a job that runs.
    """
    where = Path(os.path.abspath(folder or Path.cwd()))
    given = dict(os.environ if environment is None else environment)
    return Backups(Path(config) if config else None, where, given, stop_seconds)
