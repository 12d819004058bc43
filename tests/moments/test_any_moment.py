"""Any moment comes back as it was: a server under a load of every kind, the stream and backups killed at random, then moments
drawn by chance are restored by the installed command and compared with what the server itself says of them. Not one document may differ.

The short form is a taste. The long form runs ``LIFEBOAT_PROOF_MINUTES`` (10), with the seed ``LIFEBOAT_PROOF_SEED`` (drawn anew).
"""

import os
import random
from pathlib import Path

import pytest
from proof import Plan, Proof, Told
from workload import Pace

from lifeboat.sources.mongodb.private_server import PrivateServer

MINUTES = float(os.environ.get("LIFEBOAT_PROOF_MINUTES", "10"))
SEED = int(os.environ.get("LIFEBOAT_PROOF_SEED") or random.SystemRandom().randrange(10**6))


def prove(source: PrivateServer, target: PrivateServer, folder: Path, plan: Plan) -> Told:
    with Proof(folder, source, target, plan) as proof:
        try:
            told = proof.run()
        finally:
            print(proof.told.line())
    assert told.differences == []
    assert told.refused == []
    assert proof.gaps() == []
    return told


def test_moments_under_fire_come_back(source: PrivateServer, target: PrivateServer, tmp_path: Path) -> None:
    pace = Pace(pause_seconds=0.02, ddl_pause_seconds=0.3)
    plan = Plan(1, 8, pace, kill_seconds=3, backup_seconds=4, truth_seconds=0.5, restores=3, while_loaded=False)
    told = prove(source, target, tmp_path, plan)
    assert told.compared == plan.restores


@pytest.mark.long
def test_moments_under_fire_for_minutes_come_back(source: PrivateServer, target: PrivateServer, tmp_path: Path) -> None:
    told = prove(source, target, tmp_path, Plan(SEED, MINUTES * 60, restores=20))
    assert told.never_done == set() or MINUTES < 5
    assert told.kills["stream"] > MINUTES and told.kills["backup"]
    assert told.compared >= 20


@pytest.mark.long
def test_a_stream_killed_every_few_seconds_leaves_no_gap(
    source: PrivateServer, target: PrivateServer, tmp_path: Path
) -> None:
    """Show 3: every few seconds for five minutes, under load."""
    plan = Plan(
        SEED, min(MINUTES, 5) * 60, every=1, kill_seconds=2.5, truth_seconds=0.5, restores=40, while_loaded=False
    )
    told = prove(source, target, tmp_path, plan)
    assert told.kills["stream"] > 8 * min(MINUTES, 5)
    assert told.compared == 40
