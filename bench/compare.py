"""The comparisons, one function each: what is backed up, by whom, and what has to be right for a figure to count."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from database_tools import database_tools
from file_tools import file_tools, lifeboat_and_restic
from measure import ToolFailed, stored_bytes
from pymongo import MongoClient
from report import OURS, Comparison
from tools import Tool, Workplace, with_database
from turns import (
    FROM_DISK,
    HERE,
    check_files,
    comparison_of,
    count_files,
    files_of,
    files_place,
    fill_database,
    take_turns,
    without,
)
from versitygw import RunningS3, running_versitygw

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions, find_mongod

DATABASE_BYTES = {"small": 85_000_000, "full": 846_000_000, "huge": 10_000_000_000}
MILLION = {"small": "50k", "full": "million"}
SERVER = ServerOptions(cache_mib=1024, oplog_mib=4096)
LATENCIES_MS = (0, 50)


def compare_files(work: Path, size: str, repeats: int) -> Comparison:
    source, tools = files_of(work, size), [with_disk(tool, "verify all") for tool in file_tools()]
    rows = take_turns(tools, work, repeats, files_place(source), afterwards=check_files)
    title = f"Files: {stored_bytes(source) / 1e6:,.0f} MB in {count_files(source):,} files, half text, half random"
    return comparison_of("files", size, title, stored_bytes(source), tools, rows)


def with_disk(tool: Tool, step: str) -> Tool:
    """The tool, asked for the step once more with nothing in memory: Lifeboat leaves none of what it wrote there, others all of it."""
    if step not in tool.steps:
        return tool
    return replace(tool, steps={**tool.steps, step + FROM_DISK: tool.steps[step]})


def compare_million(work: Path, size: str, repeats: int) -> Comparison:
    source = files_of(work, MILLION[size])
    tools = [without(tool, "verify all") for tool in lifeboat_and_restic()]
    rows = take_turns(tools, work, repeats, files_place(source), afterwards=check_files)
    title = f"Small files: {count_files(source):,} of them, {stored_bytes(source) / 1e6:,.0f} MB"
    return comparison_of("million", size, title, stored_bytes(source), tools, rows)


def compare_s3(work: Path, size: str, repeats: int) -> list[Comparison]:
    """To a versitygw on this machine, as near as it is, and behind a latency."""
    return [_compare_s3(work, size, repeats, latency) for latency in LATENCIES_MS]


def _compare_s3(work: Path, size: str, repeats: int, latency_ms: int) -> Comparison:
    source = files_of(work, size)
    tools = [without(tool, "verify all") for tool in lifeboat_and_restic()]
    with running_versitygw() as server, _behind(server, latency_ms) as endpoint:
        keys = {"AWS_ACCESS_KEY_ID": server.access_key_id, "AWS_SECRET_ACCESS_KEY": server.secret_access_key}
        keys |= {"AWS_REGION": server.region, "AWS_DEFAULT_REGION": server.region, "AWS_ENDPOINT_URL": endpoint}

        def to_s3(tool: Tool, place: Workplace) -> Mapping[str, str]:
            name = "LIFEBOAT_REPOSITORY" if tool.name == OURS else "RESTIC_REPOSITORY"
            bucket = _bucket_of(place)
            return {**keys, name: f"s3://{bucket}" if tool.name == OURS else f"s3:{endpoint}/{bucket}"}

        def place_of(folder: Path) -> Workplace:
            place = files_place(source)(folder)
            server.make_bucket(_bucket_of(place))
            return place

        rows = take_turns(
            tools,
            work,
            repeats,
            place_of,
            servers=_processes_of(server),
            more=to_s3,
            stored=lambda place: stored_bytes(server.folder / "buckets" / _bucket_of(place)),
            afterwards=check_files,
        )
    title = f"The same {stored_bytes(source) / 1e6:,.0f} MB of files over S3 (versitygw on this machine), latency {latency_ms} ms"
    return comparison_of(f"s3, {latency_ms} ms", size, title, stored_bytes(source), tools, rows)


def compare_databases(work: Path, size: str, repeats: int, left_out: Sequence[str] = ()) -> Comparison:
    """Args: left_out: steps that nobody takes, such as the restores of 10 GB, which take most of an hour."""
    tools = [without(tool, *left_out) for tool in database_tools()]
    with PrivateServer(find_mongod(os.environ.get("LIFEBOAT_MONGOD")), SERVER, within=work) as server:
        source, target = with_database(server.uri, "bench"), with_database(server.uri, "restored")
        fill_database(source, DATABASE_BYTES[size])
        with MongoClient(server.uri) as client:
            data_bytes = int(client["bench"].command("dbStats")["dataSize"])
        rows = take_turns(
            tools,
            work,
            repeats,
            lambda folder: Workplace(folder, source, target),
            servers=server.process_ids,
            stored=lambda place: stored_bytes(place.repository) if place.repository.exists() else 0,
            afterwards=lambda tool, _: _check_and_drop_restored(server.uri, tool),
        )
    title = f"Database: {data_bytes / 1e6:,.0f} MB of documents, 3 indexes, server on the same machine"
    return comparison_of("database", size, title, data_bytes, tools, rows)


def _check_and_drop_restored(uri: str, tool: Tool) -> None:
    """A figure for a restore counts only if everything came back."""
    with MongoClient(uri) as client:
        expected = client["bench"]["documents"].estimated_document_count()
        names = [name for name in client.list_database_names() if name.startswith("restored")]
        states = []
        for name in names:
            documents = client[name]["documents"]
            states.append((documents.estimated_document_count(), len(list(documents.list_indexes()))))
            client.drop_database(name)
    if (not names and "restore" in tool.steps) or any(state != (expected, 3) for state in states):
        raise ToolFailed(f"of {expected} documents and 3 indexes came back {dict(zip(names, states, strict=True))}")


@contextmanager
def _behind(server: RunningS3, latency_ms: int) -> Iterator[str]:
    """The address at which the server answers so late; its own where there is no latency."""
    if not latency_ms:
        yield server.endpoint_url
        return
    port = server.endpoint_url.rpartition(":")[2]
    command = [sys.executable, HERE / "latency.py", port, str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as between:
        assert between.stdout is not None
        try:
            yield f"http://127.0.0.1:{between.stdout.readline().strip()}"
        finally:
            between.terminate()


def _bucket_of(place: Workplace) -> str:
    """Of its own for each turn; what mkdtemp draws may hold what a bucket's name may not."""
    return f"bench-{place.folder.name.encode().hex()}"


def _processes_of(server: RunningS3) -> list[int]:
    """The gateway's: the process with that program and that port."""
    port, found = server.endpoint_url.removeprefix("http://"), []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0] == str(server.program) and port in words:
            found.append(int(entry.parent.name))
    return found
