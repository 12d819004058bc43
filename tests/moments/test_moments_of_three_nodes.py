"""A replica set of three whose primary steps down or is killed, again and again, during backups, the stream and the restores, which
go to a set of three in the same trouble: every moment comes back as a majority had it."""

import contextlib
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mongod import MONGOD
from proof import SOURCE, TARGET, Plan, Proof
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from workload import Pace

from lifeboat.sources.mongodb.private_server import PrivateServer, ServerOptions

pytestmark = pytest.mark.long
MINUTES = float(os.environ.get("LIFEBOAT_PROOF_MINUTES", "10")) / 2
SEED = int(os.environ.get("LIFEBOAT_PROOF_SEED") or random.SystemRandom().randrange(10**6))


class Elections(Proof):
    """Trouble with either set, one thing at a time: the thread that started the servers makes it."""

    def __init__(self, folder: Path, source: PrivateServer, target: PrivateServer, plan: Plan) -> None:
        super().__init__(folder, source, target, plan)
        self._trouble = random.Random(plan.seed * 19)
        self._next_at = 0.0
        self._fallen: int | None = None

    def unrest(self, server: PrivateServer) -> None:
        now = time.monotonic()
        if now < self._next_at:
            return
        self._next_at = now + self._trouble.random() * 16
        if self._fallen is not None:
            self.end_unrest(server)
        elif self._trouble.random() < 0.5:
            self._step_down(server)
        else:
            self._fallen = self._kill_primary(server)

    def end_unrest(self, server: PrivateServer) -> None:
        if self._fallen is not None:
            server.restart(self._fallen)
            self._fallen = None

    def archived(self, seconds: float = 300, *, first: bool = False) -> None:
        with contextlib.suppress(PyMongoError):
            return super().archived(seconds, first=first)
        time.sleep(5)  # an election
        super().archived(seconds, first=first)

    def restore(self, *arguments: str) -> tuple[int, Any]:
        """Waited for by another thread, so that this one can make trouble."""
        with ThreadPoolExecutor(1) as beside:
            restoring = beside.submit(self.lifeboat.ends, *arguments)
            self._next_at = time.monotonic() + self._trouble.random() * 2
            while not restoring.done():
                self.unrest(self.target)
                time.sleep(0.05)
        self.end_unrest(self.target)
        return restoring.result()

    def _step_down(self, server: PrivateServer) -> None:
        with contextlib.suppress(PyMongoError), MongoClient[dict[str, Any]](server.uri) as client:
            client.admin.command("replSetStepDown", 5, force=True)
        self.told.kills["step-down"] += 1

    def _kill_primary(self, server: PrivateServer) -> int | None:
        with contextlib.suppress(PyMongoError), MongoClient[dict[str, Any]](server.uri) as client:
            client.admin.command("ping")
            if client.primary:
                node = server.ports.index(client.primary[1])
                server.kill(node)
                self.told.kills["primary"] += 1
                return node
        return None


def test_moments_of_three_nodes_come_back(tmp_path: Path) -> None:
    sets = [ServerOptions(nodes=3, parameters=parameters, oplog_mib=300) for parameters in (SOURCE, TARGET)]
    with PrivateServer(MONGOD, sets[0]) as source, PrivateServer(MONGOD, sets[1]) as target:
        plan = Plan(
            SEED,
            MINUTES * 60,
            Pace(0.03, 0.5, empty_timestamps=False),
            every=2,
            kill_seconds=15,
            restores=12,
            while_loaded=False,
        )
        with Elections(tmp_path, source, target, plan) as proof:
            try:
                told = proof.run()
            finally:
                print(proof.told.line())
        assert told.differences == []
        assert told.refused == []
        assert proof.gaps() == []
        assert told.kills["step-down"] and told.kills["primary"]
