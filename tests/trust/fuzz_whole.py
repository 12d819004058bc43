"""Whole commands over a state folder of which one file is not what Lifeboat left there, and with words that nobody would type.

Slower than all other targets: each input is a run of the command line in this process.
"""

import io
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson import SON
from fuzz_kit import Target
from fuzz_mutate import json_mutated, text_bytes_mutated

from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run as CommandRun
from lifeboat.crypto.sealing import Kind
from lifeboat.crypto.signed import canonical_json
from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.repository.names import Source
from lifeboat.repository.reading import SnapshotReader
from lifeboat.repository.record import Record
from lifeboat.repository.streams import StreamWriter
from lifeboat.repository.writing import Run
from lifeboat.services.schedule.memory import ScheduleMemory, is_silent
from lifeboat.services.web.users import Users
from lifeboat.sources.files.manifest import decode
from lifeboat.sources.mongodb.catalog import describe

KEY = "5e" * 32
LOOKS = (
    ("status", "--json"),
    ("snapshots", "--json"),
    ("audit", "--json"),
    ("drill", "list", "--json"),
    ("verify", "--level", "structure", "--json"),
    ("prune", "--dry-run", "--json"),
    ("timeline", "--json"),
    ("metrics",),
    ("restore", "--undo", "--dry-run"),
    ("backup", "files", "--json"),
)
"""What is run over a damaged state folder: each input picks one of them by its own bytes."""


class Bug(AssertionError):
    """A command ended with a traceback."""


class Installation:
    """Files backed up, verified, restored; as small as can be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "uploads").mkdir(parents=True)
        (folder / "uploads" / "a.txt").write_bytes(b"first" * 100)
        self.environment = {
            "BACKUP_ENCRYPTION_KEY": KEY,
            "LIFEBOAT_REPOSITORY": str(folder / "repository"),
            "LIFEBOAT_STATE": str(folder / "state"),
            "UPLOADS_DIR": str(folder / "uploads"),
            "HOME": str(folder),
        }
        for words in (
            ("init", "--json"),
            ("backup", "files", "--json"),
            ("verify", "--json"),
            ("restore", "files", "latest", "--over-live", "--yes", "--json"),
            ("backup", "all", "--json"),
            ("status", "--json"),
            ("prune", "--json"),
        ):
            self.run(words)
        self.sound = folder / "sound"
        shutil.copytree(folder / "state", self.sound)

    def run(self, words: Sequence[str]) -> str:
        streams = (io.StringIO(), io.StringIO(), io.StringIO())
        run = CommandRun(self.environment, self.folder, SystemClock(), streams=streams)
        status = carry_out(run, words)
        if status == ExitStatus.BUG:
            raise Bug(f"lifeboat {' '.join(words)}\n{streams[2].getvalue()[-9000:]}")
        return streams[1].getvalue()

    def state_files(self) -> list[Path]:
        """Those that hold JSON, lines of it, or our own form; by their place in the folder."""
        found = [one.relative_to(self.sound) for one in self.sound.rglob("*") if one.is_file() and one.stat().st_size]
        return sorted(one for one in found if "db" not in one.suffix)

    def bring_back(self) -> None:
        shutil.rmtree(self.folder / "state")
        shutil.copytree(self.sound, self.folder / "state")


def whole_targets(folder: Path) -> list[Target]:
    return [
        *_state(Installation(folder / "state")),
        *_words(Installation(folder / "words")),
        *_forged(Installation(folder / "forged")),
        *_forged_database(Installation(folder / "database")),
        *_memories(folder),
    ]


def _state(there: Installation) -> Iterable[Target]:
    files = there.state_files()

    def look(raw: bytes) -> None:
        """``raw``: number of the file, a line end, its content."""
        number, _, content = raw.partition(b"\n")
        if not number.isdigit() or int(number[:6]) >= len(files):
            raise LifeboatError("no such file")
        there.bring_back()
        (there.folder / "state" / files[int(number)]).write_bytes(content)
        there.run(LOOKS[sum(raw) % len(LOOKS)])

    def only_behind(chance, sound: bytes, others: Sequence[bytes]) -> bytes:  # type: ignore[no-untyped-def]
        number, _, content = sound.partition(b"\n")
        mutate = json_mutated if content[:1] == b"{" else text_bytes_mutated
        return number + b"\n" + mutate(chance, content, [content])

    seeds = [b"%d\n" % number + (there.sound / one).read_bytes() for number, one in enumerate(files)]
    yield Target("state folder", look, seeds, only_behind, share=0.06)


def _words(there: Installation) -> Iterable[Target]:
    """Values of options and arguments; the words that make a command harmless stay as they are."""
    templates = [
        ("snapshots", "{latest}", "--json"),
        ("snapshots", "latest", "{uploads}", "--json"),
        ("restore", "files", "{latest}", "--to", f"{there.folder}/back", "--dry-run"),
        ("restore", "files", "latest", "{uploads/a.txt}", "--to", f"{there.folder}/back", "--dry-run"),
        (
            "restore",
            "files",
            "latest",
            "--include",
            "{*.txt}",
            "--exclude",
            "{b/}",
            "--to",
            f"{there.folder}/back",
            "--dry-run",
        ),
        ("restore", "files", "--at", "{10 minutes ago}", "--to", f"{there.folder}/back", "--dry-run", "--json"),
        ("restore", "db", "--before-op", "{1764123456.3}", "--to", "{copy}", "--dry-run"),
        ("restore", "db", "latest", "--ns", "{shop.orders}", "--rename", "{shop.orders=shop.old}", "--dry-run"),
        ("restore", "db", "latest", "--ns", "shop.orders", "--filter", "{{_id: 1}}", "--dry-run"),
        ("timeline", "--from", "{1 hour ago}", "--to", "{newest}", "--json"),
        ("audit", "--since", "{2026-11-01}", "--who", "{anna}", "--act", "{restore}"),
        ("diff", "{files}", "{latest}", "{latest}"),
        ("verify", "--level", "{structure}"),
        ("cost", "--what-if", "{mission}"),
        ("drill", "show", "{latest}"),
        ("shred", "{2026-11}", "--dry-run"),
        ("erase", "status", "{0a0a0a0a}"),
        ("backup", "{files}", "--keep", "{why}", "--json"),
        ("{status}", "--json"),
        ("retrieve", "files", "{latest}", "--json"),
        ("aws", "policy", "{writer}", "{name}"),
    ]

    def typed(raw: bytes) -> None:
        words = [one.replace("\0", "") for one in raw.decode("utf-8", "surrogateescape").split("\x1f")]
        there.run(words)

    def only_values(chance, sound: bytes, others: Sequence[bytes]) -> bytes:  # type: ignore[no-untyped-def]
        words = []
        for word in sound.split(b"\x1f"):
            if word[:1] == b"{" and word[-1:] == b"}":
                word = word[1:-1]
                if chance.random() < 0.8:
                    word = text_bytes_mutated(chance, word, [word]).replace(b"\x1f", b"")[:5000]
            words.append(word)
        return b"\x1f".join(words)

    seeds = ["\x1f".join(words).encode() for words in templates]
    yield Target("command line", typed, seeds, only_values, share=0.06)


def _forged(there: Installation) -> Iterable[Target]:
    """Roots and lines of a tree that a stolen writer stored, sealed as it should be, under what keepers do with snapshots."""
    stored = there.folder / "stored"
    shutil.copytree(there.folder / "repository", stored)
    record, root, lines, chunks = _newest_tree(there)

    def forge(kind: str) -> Callable[[bytes], None]:
        def parse(raw: bytes) -> None:
            there.bring_back()
            shutil.rmtree(there.folder / "repository")
            shutil.copytree(stored, there.folder / "repository")
            repository = Lifeboat(read_settings(None, there.environment, there.folder)).repository()
            now = repository.store.time_there
            with Run(repository, repository.writer(now()), Source.FILES, now=now(), clock=SystemClock()) as run:
                for one in chunks:
                    run.knows([one])
                plain = raw
                if kind == "lines":
                    stream = StreamWriter(run, lines_of(root)["name"], Kind.LINES)
                    stream.append(raw or b"\n")
                    said = {
                        **root,
                        "streams": [
                            *(one for one in root["streams"] if one is not lines_of(root)),
                            stream.finish().to_json(),
                        ],
                    }
                    plain = canonical_json(said)
                forged = run.commit(
                    run.store(Kind.ROOT, plain).result().chunk,
                    point=record.point,
                    instant=now(),
                    one_instant=False,
                    complete=True,
                    total_bytes=1,
                    items=1,
                    software="forged",
                    now=now,
                )
            to = ("--to", f"{there.folder}/back", "--dry-run", "--json")
            looks = (
                ("snapshots", forged.snapshot, "--json"),
                ("snapshots", forged.snapshot, "uploads", "--json"),
                ("restore", "files", forged.snapshot, *to),
                ("restore", "files", "latest", f"{there.folder}/uploads/a.txt", *to),
                ("verify", "--level", "full", "--json"),
                ("backup", "files", "--json"),
            )
            there.run(looks[sum(raw) % len(looks)])

        return parse

    yield Target("forged root", forge("root"), [canonical_json(root)], json_mutated, share=0.04)
    yield Target("forged tree", forge("lines"), [lines], _line_mutated, share=0.04)


def _forged_database(there: Installation) -> Iterable[Target]:
    """The same of a database: its root and the lines of its catalog."""
    stored = there.folder / "stored"
    shutil.copytree(there.folder / "repository", stored)
    documents = b"".join(bson.encode({"_id": n, "text": "x"}) for n in range(5))
    orders = describe("shop", "orders", {}, [SON([("v", 2), ("key", SON(_id=1)), ("name", "_id_")])], b"u" * 16)
    seen = describe("shop", "seen", {"viewOn": "orders", "pipeline": []}, [], b"")
    name = "documents/shop.orders"
    rows = [(orders, 5, name), (seen, 0, None)]
    lines = b"".join(
        canonical_json(
            {
                "database": one.database,
                "collection": one.name,
                "kind": one.kind,
                "documents": count,
                "metadata": one.metadata,
                "stream": stream,
            }
        )
        + b"\n"
        for one, count, stream in rows
    )
    details = {
        "server": {"version": "8.0.0", "set_name": "rs0"},
        "cluster_time": [1_760_000_000, 1],
        "databases": ["shop"],
    }

    def forge(kind: str) -> Callable[[bytes], None]:
        def parse(raw: bytes) -> None:
            there.bring_back()
            for gone in ("repository", "out"):
                shutil.rmtree(there.folder / gone, ignore_errors=True)
            shutil.copytree(stored, there.folder / "repository")
            repository = Lifeboat(read_settings(None, there.environment, there.folder)).repository()
            now = repository.store.time_there
            with Run(repository, repository.writer(now()), Source.MONGODB, now=now(), clock=SystemClock()) as run:
                written = []
                catalog = raw if kind == "catalog" else lines
                for stream_name, chunk_kind, content in (
                    (name, Kind.CONTENT, documents),
                    ("catalog", Kind.LINES, catalog),
                ):
                    stream = StreamWriter(run, stream_name, chunk_kind)
                    stream.append(content or b"\n")
                    written.append(stream.finish().to_json())
                said: Any = details
                if kind == "details":
                    try:
                        said = json.loads(raw)
                    except (ValueError, RecursionError):
                        said = raw.decode("utf-8", "replace")
                try:
                    plain = canonical_json({"streams": written, "details": said, "findings": []})
                except (ValueError, RecursionError):
                    raise LifeboatError("nothing that can be stored") from None
                forged = run.commit(
                    run.store(Kind.ROOT, plain).result().chunk,
                    point="p",
                    instant=now(),
                    one_instant=True,
                    complete=True,
                    total_bytes=1,
                    items=1,
                    software="forged",
                    now=now,
                )
            looks = (
                ("snapshots", forged.snapshot, "--json"),
                ("snapshots", forged.snapshot, "shop.orders", "--json"),
                ("verify", "--level", "full", "--json"),
                ("export", forged.snapshot, f"{there.folder}/out", "--json"),
                ("timeline", "--json"),
                ("status", "--json"),
            )
            there.run(looks[sum(raw) % len(looks)])

        return parse

    yield Target("forged catalog", forge("catalog"), [lines], _line_mutated, share=0.04)
    yield Target("forged details", forge("details"), [canonical_json(details)], json_mutated, share=0.04)


def lines_of(root: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in root["streams"] if one["kind"] == Kind.LINES)
    return found


def _newest_tree(there: Installation) -> tuple[Record, dict[str, Any], bytes, list[bytes]]:
    """The newest snapshot of files: its record, root, lines, and every chunk that it names."""
    repository = Lifeboat(read_settings(None, there.environment, there.folder)).repository()
    record = next(one for one in repository.snapshots() if one.source == Source.FILES and one.is_backup)
    with SnapshotReader(repository, record) as reader:
        streams = reader.streams()
        lines = b"".join(reader.stream(streams[lines_of(reader.root)["name"]]))
        named = [chunk for stream in streams.values() for chunk, _ in reader.chunk_list(stream)]
        named += [piece for line in lines.splitlines() for piece, _, _ in decode(line)[1]]
        return record, reader.root, lines, [*named, *(one for stream in streams.values() for one in stream.lists)]


def _line_mutated(chance, sound: bytes, others: Sequence[bytes]) -> bytes:  # type: ignore[no-untyped-def]
    lines = sound.splitlines()
    at = chance.randrange(len(lines))
    lines[at] = json_mutated(chance, lines[at], lines)
    return b"\n".join(lines) + b"\n"


def _memories(folder: Path) -> Iterable[Target]:
    """Small files that are read by themselves, thousands of times faster."""
    memory = ScheduleMemory(folder / "memory", folder)
    now = datetime(2026, 11, 26, tzinfo=UTC)
    with memory.job_changed("files") as job:
        job.began, job.ended, job.status, job.good, job.slot = (now.isoformat(),) * 2 + (
            0,
            now.isoformat(),
            now.isoformat(),
        )
    with memory.changed() as said:
        said["installed"] = now.isoformat()
    sound = memory.path.read_bytes()

    def schedule(raw: bytes) -> None:
        memory.path.write_bytes(raw)
        for name in ("files", "all"):
            job = memory.job(name)
            _ = job.was_killed
            is_silent(memory.last_good(name), now.isoformat(), 3600.0, now)
            with memory.job_changed(name) as changed:
                changed.status = 1

    yield Target("schedule memory", schedule, [sound], json_mutated, share=0.2)

    progress = memory._progress_path("files")

    def share(raw: bytes) -> None:
        progress.write_bytes(raw)
        memory.progress("files")

    yield Target("progress", share, [json.dumps({"doing": "storing", "share": 40}).encode()], json_mutated)

    users = Users(folder / "users")
    (folder / "users").mkdir()
    one = {"role": "operator", "added": now.isoformat(), "salt": "ab" * 16, "hash": "cd" * 32, "n": 2, "r": 8, "p": 1}
    users.path.write_text(json.dumps({"users": {"alice": one}}))
    users.path.chmod(0o600)

    def people(raw: bytes) -> None:
        users.path.write_bytes(raw)
        users._known = None
        users.list()
        users.find("alice")
        users.check("alice", Secret("a password"))

    yield Target("dashboard users", people, [users.path.read_bytes()], json_mutated, share=0.1)
