"""What a stream remembers on its machine: how far the archive reaches, and how the stream does.

Written after a segment is durable, never before. Lost or older than the archive, it costs a stretch that is stored twice or a new
chain, never a change.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.foundation.cluster_time import ClusterTime
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.value import Value
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.record import read_time, show_time
from lifeboat.repository.segment_format import Edge

FILE = "stream.json"
TOLD_FILE = "stream-state.json"
LOCK = "stream.lock"


class StreamRuns(SettingsError):
    """A stream of this machine is archiving into this repository already."""

    code = "stream-runs"


class Remembered(Value):
    """Where the archive ends.

    Args:
        previous: Object name of its newest segment.
        databases: Those that are followed; None for all.
        written: When that segment was stored, by the store's clock.
        snapshot_after: A snapshot of this instant or a later one is needed; None where none is.
    """

    writer: str
    set_name: str
    chain: str
    through: Edge
    previous: str
    databases: tuple[str, ...] | None
    written: datetime
    snapshot_after: ClusterTime | None


class StreamMemory:
    """Args: writer: Id (hex); what another writer has left is not ours."""

    def __init__(self, state: LocalState, writer: str) -> None:
        self.state = state
        self._writer = writer

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second stream of this machine out for as long as the block runs; raises ``StreamRuns``."""
        descriptor = os.open(self.state.directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
                raise StreamRuns(
                    f"a stream into this repository runs on this machine already{f' (process {pid})' if pid else ''}",
                    "one is enough; `systemctl status 'lifeboat-*'` or `ps -ef | grep 'lifeboat stream'` shows it",
                ) from None
            except OSError:
                pass  # a file system without locks: two streams at once store twice, no more
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def load(self) -> Remembered | None:
        """None when there is nothing, or what there is was left by another writer or cut off."""
        said = self.state.read_json(FILE)
        try:
            if said is None or said["writer"] != self._writer:
                return None
            seconds, increment, term, entry = said["through"]
            named, needed = said["databases"], said["snapshot_after"]
            return Remembered(
                writer=self._writer,
                set_name=str(said["set"]),
                chain=str(said["chain"]),
                through=Edge(ClusterTime(int(seconds), int(increment)), int(term), from_base64(entry)),
                previous=str(said["previous"]),
                databases=None if named is None else tuple(map(str, named)),
                written=read_time(said["written"]),
                snapshot_after=None if needed is None else ClusterTime(*map(int, needed)),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return None

    def save(self, one: Remembered) -> None:
        """Replace what was remembered; raises ``SettingsError``."""
        edge = one.through
        self.state.write_json(
            FILE,
            {
                "writer": one.writer,
                "set": one.set_name,
                "chain": one.chain,
                "through": [*edge.time, edge.term, to_base64(edge.entry)],
                "previous": one.previous,
                "databases": _listed(one.databases),
                "written": show_time(one.written),
                "snapshot_after": None if one.snapshot_after is None else list(one.snapshot_after),
            },
        )

    def tell(self, said: dict[str, Any]) -> None:
        """Leave word of how the stream does, for `status` and `doctor`; a full disk does not stop it."""
        with suppress(SettingsError):
            self.state.write_json(TOLD_FILE, said)


def told_of(state: LocalState) -> dict[str, Any] | None:
    """What the stream of this machine left word of last; None when none ever ran here."""
    return state.read_json(TOLD_FILE)


def is_running(state: LocalState) -> bool:
    """Whether a stream of this machine runs now."""
    try:
        descriptor = os.open(state.directory / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _listed(databases: Sequence[str] | None) -> list[str] | None:
    return None if databases is None else list(databases)
