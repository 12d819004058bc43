"""How soon a write is safe, and what that costs: ``python bench/run.py --only stream``.

A writer of its own (a process that inserts 300-byte documents, acknowledged by a majority) writes at a steady pace while ``lifeboat stream``
archives into a folder. The lag of a write is the time from its acknowledgement to the moment at which the first segment that covers it was
stored; both are taken from the same machine's clock. Then the writer goes as fast as it can, without the stream and with it, in turns.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pymongo import MongoClient, WriteConcern

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
SERVER = ServerOptions(cache_mib=1024, oplog_mib=4096)
TEXT_BYTES = 250
FLAT_OUT = 0
SAMPLE_SECONDS = 0.05
CATCH_UP_SECONDS = 300.0


@dataclass(frozen=True)
class Turn:
    """One stretch of writing. Args: samples: (cluster time as u64, acknowledged at) of a write now and then."""

    written: int
    seconds: float
    samples: list[tuple[int, float]]

    @property
    def pace(self) -> float:
        return self.written / self.seconds


def run(work: Path, size: str) -> None:
    """Measure and print tables in the form of docs/performance.md."""
    seconds = {"small": 10, "full": 40}[size]
    print("| writes/s | `--every` | lag median | p99 | largest | CPU of the stream | stored for each write |")
    print("|---|---|---|---|---|---|---|")
    for every in (1, 30):
        for pace in (1000, 5000, FLAT_OUT):
            print(_lag_row(work, pace, every, max(seconds, 3 * every if every > 10 else 0)), flush=True)
    _catch_up(work, {"small": 200_000, "full": 1_000_000}[size])
    _cost_of_it(work, seconds)


def _lag_row(work: Path, pace: int, every: int, seconds: int) -> str:
    with _Stage(work) as stage:
        stage.start_stream(every)
        _write(stage.uri, pace, 2)
        cpu_before, bytes_before = stage.cpu_seconds(), stage.archive_bytes()
        turn = _write(stage.uri, pace, seconds)
        cpu = stage.cpu_seconds() - cpu_before
        stage.wait_for(turn)
        stage.end_stream()
        lags = sorted(stage.lags(turn))
        stored = (stage.archive_bytes() - bytes_before) / max(turn.written, 1)
    p99 = lags[int(len(lags) * 0.99)]
    words = f"{turn.pace:,.0f}" + (" (as fast as it can)" if pace == FLAT_OUT else "")
    return (
        f"| {words} | {every} | {median(lags):.2f} s | {p99:.2f} s | {lags[-1]:.2f} s "
        f"| {100 * cpu / turn.seconds:.0f} % of a core | {stored:.0f} B |"
    )


def _catch_up(work: Path, changes: int) -> None:
    """How fast it is when nothing is waited for: a backlog, and processor time, which others on the machine do not change."""
    with _Stage(work) as stage:
        with MongoClient(stage.uri) as client:
            texts = [os.urandom(TEXT_BYTES // 2).hex() for _ in range(10_000)]
            for _ in range(changes // len(texts)):
                client.bench.written.insert_many([{"text": text} for text in texts])
        server_before, began = stage.server_cpu_seconds(), time.monotonic()
        cpu = stage.once()
        server = stage.server_cpu_seconds() - server_before
        print(
            f"\nA backlog of {changes:,} changes: {time.monotonic() - began:.1f} s, {cpu:.1f} s of processor time "
            f"({changes / cpu:,.0f} changes for each second of it), and {server:.2f} s of the server's"
        )


def _cost_of_it(work: Path, seconds: int) -> None:
    paces: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(3):
        for name in paces:
            with _Stage(work) as stage:
                if name == "with":
                    stage.start_stream(30)
                _write(stage.uri, FLAT_OUT, 2)
                paces[name].append(_write(stage.uri, FLAT_OUT, seconds).pace)
                stage.end_stream()
    without, with_ = median(paces["without"]), median(paces["with"])
    print(
        f"\nA writer going as fast as it can: {without:,.0f} documents/s without the stream, {with_:,.0f} with it",
        end="",
    )
    print(f" ({100 * (1 - with_ / without):.0f} % less; {paces})")


class _Stage:
    """A server with a database, a repository, and room for a stream."""

    def __init__(self, work: Path) -> None:
        self._room = tempfile.TemporaryDirectory(dir=work, prefix="stream")
        self.folder = Path(self._room.name)
        self._server = PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), SERVER, within=work)
        self.uri = self._server.uri
        self._stream: subprocess.Popen[bytes] | None = None
        with MongoClient(self.uri) as client:
            client.bench.written.insert_one({"_id": "first"})
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MONGODB_URI": self.uri,
            "LIFEBOAT_REPOSITORY": str(self.folder / "repository"),
            "LIFEBOAT_STATE": str(self.folder / "state"),
            "BACKUP_ENCRYPTION_KEY": "5e" * 32,
        }
        for arguments in (["init", "--yes"], ["backup", "db"]):
            subprocess.run(
                [LIFEBOAT, *arguments], env=self._environment, check=True, capture_output=True, cwd=self.folder
            )

    def __enter__(self) -> "_Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.end_stream()
        self._server.stop()
        self._room.cleanup()

    def start_stream(self, every: int) -> None:
        command = [LIFEBOAT, "stream", "--every", str(every), "--json"]
        self._stream = subprocess.Popen(command, env=self._environment, cwd=self.folder, stdout=subprocess.PIPE)
        assert self._stream.stdout is not None
        while b"oplog" not in self._stream.stdout.readline():
            pass

    def end_stream(self) -> None:
        if self._stream is not None:
            self._stream.terminate()
            self._stream.communicate()
            assert self._stream.returncode == 0
            self._stream = None

    def once(self) -> float:
        """Archive what there is; returns the processor time it took."""
        before = os.times()
        subprocess.run(
            [LIFEBOAT, "stream", "--once"], env=self._environment, cwd=self.folder, check=True, capture_output=True
        )
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    def cpu_seconds(self) -> float:
        assert self._stream is not None
        return _cpu_seconds(self._stream.pid)

    def server_cpu_seconds(self) -> float:
        return _cpu_seconds(self._server.process_ids[0])

    def wait_for(self, turn: Turn) -> None:
        """The last writes, too, are to be stored by the clock, and not by the stream being asked to end."""
        until = time.monotonic() + CATCH_UP_SECONDS
        while max((int(path.name[17:33], 16) for path in self._segments()), default=0) < turn.samples[-1][0]:
            assert time.monotonic() < until, "a write was never stored"
            time.sleep(0.5)

    def archive_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._segments())

    def lags(self, turn: Turn) -> list[float]:
        """Of each sample, how long after its acknowledgement it was stored."""
        stored = sorted((int(path.name[17:33], 16), path.stat().st_mtime) for path in self._segments())
        found = []
        for when, acknowledged in turn.samples:
            at = next((moment for through, moment in stored if through >= when), None)
            assert at is not None, "a write was never stored"
            found.append(at - acknowledged)
        return found

    def _segments(self) -> list[Path]:
        return [path for path in (self.folder / "repository/mongodb/oplog").rglob("*") if path.is_file()]


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _write(uri: str, pace: int, seconds: float) -> Turn:
    done = subprocess.run(
        [sys.executable, __file__, uri, str(pace), str(seconds)], check=True, capture_output=True, text=True
    )
    said = json.loads(done.stdout)
    return Turn(said["written"], said["seconds"], [(int(when), at) for when, at in said["samples"]])


def _be_the_writer(uri: str, pace: int, seconds: float) -> None:
    batch = 100 if pace == FLAT_OUT else max(1, pace // 100)
    samples: list[tuple[int, float]] = []
    texts = [
        os.urandom(TEXT_BYTES // 2).hex() for _ in range(10_000)
    ]  # shrinks to half, as much of what people write does
    written, began, sampled = 0, time.monotonic(), 0.0
    with MongoClient(uri) as client, client.start_session() as session:
        collection = client.bench.get_collection("written", write_concern=WriteConcern("majority"))
        while (now := time.monotonic()) - began < seconds:
            collection.insert_many(
                [{"text": texts[(written + one) % len(texts)], "n": written + one} for one in range(batch)],
                session=session,
            )
            written += batch
            if now - sampled >= SAMPLE_SECONDS:
                sampled = now
                when = session.operation_time
                assert when is not None
                samples.append((when.time << 32 | when.inc, time.time()))
            if pace != FLAT_OUT:
                time.sleep(max(0.0, began + written / pace - time.monotonic()))
    print(json.dumps({"written": written, "seconds": time.monotonic() - began, "samples": samples}))


if __name__ == "__main__":
    _be_the_writer(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
