"""The tools that back up a database."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import peers
from tools import Tool, Workplace, bare_pipeline, database_of, lifeboat_environment, lifeboat_program, with_database

RESTORE_SETTINGS = ("--numParallelCollections=4", "--numInsertionWorkersPerCollection=2")
"""Of 1, 2, 3, 4 and 8 inserters in turns (170 MB, two busy cores, three turns) two took the least: 11.8 s in the median, where 1 took 15.1,
3 took 14.7, 4 took 15.8 and 8 took 12.9."""
AGENT_SECONDS = 60


def database_tools() -> list[Tool]:
    return [_lifeboat_database(), *_mongodumps(), _pbm(), bare_pipeline("database")]


def _lifeboat_database() -> Tool:
    program = lifeboat_program()
    restore = [program, "restore", "db", "latest", "--yes", "--to"]
    return Tool(
        "lifeboat",
        {
            "first backup": lambda place: [program, "backup", "db"],
            "unchanged": lambda place: [program, "backup", "db"],
            "restore": lambda place: [*restore, place.target, "--compare", "counts"],
            "restore, all compared": lambda place: [*restore, with_database(place.target, "restored_too")],
            "verify all": lambda place: [program, "verify", "--level", "full"],
        },
        lambda place: [[program, "init", "--yes"]],
        lambda place: lifeboat_environment(place, "database"),
    )


def _mongodumps() -> list[Tool]:
    """With gzip as an archive, which mongorestore reads at its best settings; and to nowhere, which is how fast it can read."""
    gzipped, nowhere = "mongodump --gzip, mongorestore", "mongodump to /dev/null"
    try:
        tools = peers.mongo_tools.find_or_build()
    except peers.mongo_tools.CannotBuild as error:
        return [Tool(name, {}, missing=str(error)) for name in (gzipped, nowhere)]
    dump = [tools.mongodump, "--quiet"]
    restore = [tools.mongorestore, "--quiet", "--gzip", *RESTORE_SETTINGS, "--nsFrom=bench.*"]
    return [
        Tool(
            gzipped,
            {
                "first backup": lambda place: [
                    *dump,
                    "--gzip",
                    f"--archive={place.repository}",
                    f"--uri={place.source}",
                ],
                "restore": lambda place: [
                    *(*restore, f"--nsTo={database_of(place.target)}.*", f"--archive={place.repository}"),
                    f"--uri={with_database(place.target, '')}",
                ],
            },
        ),
        Tool(nowhere, {"first backup": lambda place: [*dump, "--archive=/dev/null", f"--uri={place.source}"]}),
    ]


def _pbm() -> Tool:
    """Its logical backup, with zstd; the agent does the work, so its processor time and memory count. It takes every database there is."""
    name = f"pbm {peers.PBM.version} (zstd)"
    try:
        folder = peers.find(peers.PBM)
    except peers.CannotBuild as error:
        return Tool(name, {}, missing=str(error))
    return Tool(
        name,
        {"first backup": lambda place: [folder / "pbm", "backup", "--compression=zstd", "--wait"]},
        environment=lambda place: {"PBM_MONGODB_URI": with_database(place.source, "")},
        helped=lambda place: _agent(folder, place),
    )


@contextmanager
def _agent(folder: Path, place: Workplace) -> Iterator[Sequence[int]]:
    place.repository.mkdir()
    settings = place.folder / "pbm.yaml"
    settings.write_text(f"storage:\n  type: filesystem\n  filesystem:\n    path: {place.repository}\n")
    environment = {**os.environ, "PBM_MONGODB_URI": with_database(place.source, "")}

    def ask(*words: str) -> str:
        done = subprocess.run([folder / "pbm", *words], env=environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    with (place.folder / "agent.log").open("wb") as log:
        agent = subprocess.Popen([folder / "pbm-agent"], env=environment, stdout=log, stderr=log)
        try:
            ask("config", f"--file={settings}")
            until = time.monotonic() + AGENT_SECONDS
            while not _is_idle(ask("status", "--out=json")) and time.monotonic() < until:
                time.sleep(0.5)
            yield (agent.pid,)
        finally:
            agent.terminate()
            agent.wait()


def _is_idle(status: str) -> bool:
    """The agent answers, and is not reading through its storage any more."""
    found = json.loads(status or "{}")
    nodes = [node for member in found.get("cluster", []) for node in member["nodes"]]
    return bool(nodes) and all(node.get("ok") for node in nodes) and not found.get("running")
