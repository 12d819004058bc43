"""A backup in Glacier comes back by the installed command: told, asked for once, killed while it waits, gone on with, bit for bit.

What has no place on a server of tests: Amazon's hours. Here a copy comes when the test says so.
"""

import json
import os
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from machine import Machine, copied_tree, fill_some, grow_some, lose_database, read_database, tree_differences

sys.path += [str(Path(__file__).parents[1] / "servers")]

import moto_aws
from moto_aws import MotoAws

LATER = 5
MakeMachine = Callable[..., Machine]


@pytest.fixture(scope="module")
def aws() -> Iterator[MotoAws]:
    with moto_aws.running() as server:
        yield server


@dataclass
class Vault:
    """A bucket whose packs can be archived, and that counts what is asked for."""

    aws: MotoAws
    bucket: str
    queue: str = ""
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aws.make_bucket(self.bucket, versioning=False)
        self.s3, self.sqs = self.aws.client("s3"), self.aws.client("sqs")
        self.queue = self.sqs.create_queue(QueueName=self.bucket)["QueueUrl"]
        told = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        events = [{"QueueArn": told["Attributes"]["QueueArn"], "Events": ["s3:ObjectRestore:Post"]}]
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration={"QueueConfigurations": events}
        )
        self.takes(0)

    def freeze(self, part: str, storage_class: str = "GLACIER") -> list[str]:
        """Move what has this in its name, as an age rule would at midnight; returns the names."""
        names = [one["Key"] for one in self.s3.list_objects_v2(Bucket=self.bucket)["Contents"] if part in one["Key"]]
        for name in names:
            body = self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read()
            self.s3.put_object(Bucket=self.bucket, Key=name, Body=body, StorageClass=storage_class)
        return names

    def takes(self, seconds: float) -> None:
        """How long a copy takes from now on; what is older than that counts as begun."""
        transition = {"model_name": "s3::keyrestore", "transition": {"progression": "time", "seconds": seconds}}
        address = f"{self.aws.endpoint_url}/moto-api/state-manager/set-transition"
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(address, json.dumps(transition).encode(), headers), timeout=30
        ):
            pass

    def holds_back(self) -> None:
        """What is asked for from now on comes when ``lets_go`` is called."""
        # Longer than a busy machine needs from the first request to the next ``takes``.
        self.takes(8)
        time.sleep(8.1)

    def lets_go(self) -> None:
        self.takes(0)

    def requests(self) -> Counter[str]:
        """Every request that the store took, by name of the object."""
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for one in messages:
                records = json.loads(one["Body"]).get("Records", [])
                self.asked += [unquote(record["s3"]["object"]["key"]) for record in records]
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return Counter(self.asked)

    def variables(self) -> dict[str, str]:
        own = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
        return {**self.aws.environment(), "LIFEBOAT_REPOSITORY": f"s3://{self.bucket}", **own}


@pytest.fixture
def vault(aws: MotoAws, request: pytest.FixtureRequest) -> Vault:
    return Vault(aws, "vault-" + request.node.name.replace("_", "-")[:40])


@pytest.fixture
def machine(make_machine: MakeMachine, tmp_path: Path, vault: Vault) -> Machine:
    made = make_machine(tmp_path / "shop", **vault.variables())
    made.uploads.mkdir()
    grow_some(made.uploads, 10)
    made.run("init", "--yes")
    return made


@pytest.mark.long  # its hours are seconds, which a busy machine may need for one request
def test_a_restore_from_glacier_survives_being_killed_while_it_waits(
    machine: Machine, vault: Vault, tmp_path: Path
) -> None:
    fill_some(machine.collections, 100)
    machine.run("backup", "db")
    machine.run("backup", "files")
    stored = read_database(machine.client, machine.database, accounts=False)
    packs = vault.freeze("mongodb/pack/")
    others = vault.freeze("files/pack/", "DEEP_ARCHIVE")
    lose_database(machine.client, machine.database)

    # Told first, and nothing asked for.
    plan = machine.json("restore", "db", "--over-live", "--dry-run")
    told = plan["retrieval"]
    assert plan["steps"] == [] and told["away"][0]["storage_class"] == "GLACIER"
    assert told["objects"] == len(packs) and told["bytes"] > 0
    offered = {one["tier"]: one["seconds"] for one in told["offers"]}
    assert offered == {"bulk": 12 * 3600, "standard": 5 * 3600, "expedited": 300}
    said = machine.run("restore", "db", "--over-live", "--dry-run")
    assert "lies in  Glacier" in said and "standard    5 h" in said
    # Nobody there to be asked what it may cost: refused, and nothing waits.
    assert "--tier" in machine.refuses(2, "cannot-ask", "retrieve", "db")
    assert "expedited" in machine.refuses(10, "tier-refused", "retrieve", "files", "--tier", "expedited", "--yes")
    assert vault.requests() == Counter()

    vault.holds_back()
    waiting = machine.start("restore", "db", "--over-live", "--tier", "standard", "--wait", "--yes")
    end = time.monotonic() + 60
    while len(vault.requests()) < len(packs) and time.monotonic() < end:
        assert waiting.poll() is None, waiting.communicate()
        time.sleep(0.1)
    vault.takes(100_000)
    time.sleep(1)
    waiting.send_signal(signal.SIGKILL)
    assert waiting.wait() == -signal.SIGKILL

    # The next run asks for nothing, says when to be back, and what to type.
    again = machine.ends("restore", "db", "--over-live", "--yes", "--resume")
    assert again.code == LATER, again.out + again.err
    assert f"{len(packs)} object" in again.out and "at the latest" in again.out
    assert "lifeboat restore db --over-live --yes --resume" in again.out
    assert machine.json("restore", "db", "--over-live", "--yes", code=LATER)["coming"] == len(packs)
    one = ("--ns", f"{machine.database}.cases")
    single = ("restore", "db", *one, "--filter", '{"_id": 1}', "--over-live", "--yes")
    for arguments in (single, ("diff", *one, "--from", "latest", "--to", "live")):
        assert "`lifeboat retrieve" in machine.refuses(12, "retrieval-needed", *arguments)
    assert read_database(machine.client, machine.database, accounts=False) == {}

    vault.lets_go()
    machine.run("restore", "db", "--over-live", "--yes", "--resume", "--wait")
    assert read_database(machine.client, machine.database, accounts=False) == stored
    assert vault.requests() == Counter(packs)  # each once, by all of these runs together
    assert not set(others) & set(vault.requests())


@pytest.mark.long
def test_a_stopped_wait_says_what_to_type_and_loses_nothing(machine: Machine, vault: Vault, tmp_path: Path) -> None:
    before = copied_tree(machine.uploads, tmp_path / "before")
    machine.run("backup", "files")
    packs = vault.freeze("/pack/", "DEEP_ARCHIVE")
    vault.holds_back()
    waiting = machine.start("retrieve", "files", "--tier", "bulk", "--wait", "--yes")
    end = time.monotonic() + 60
    while len(vault.requests()) < len(packs) and time.monotonic() < end:
        time.sleep(0.1)
    vault.takes(100_000)
    time.sleep(1)
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 130, out + err
    assert "`lifeboat retrieve files --tier bulk --wait --yes` goes on" in " ".join(err.split())

    # Meanwhile nothing takes what is archived for damaged, and everything that reads says the way out.
    report = machine.json("verify", "--level", "full", MONGODB_URI=None)
    assert report["archived"] == len(packs)
    assert [one for one in report["findings"] if one["level"] == "problem"] == []
    away = ("snapshots", "files"), ("export", "files", str(tmp_path / "out.tar"))
    for arguments in away:
        assert "`lifeboat retrieve" in machine.refuses(12, "retrieval-needed", *arguments)
    assert not (tmp_path / "out.tar").exists()

    vault.lets_go()
    machine.run("restore", "files", "--to", str(tmp_path / "after"), "--wait", "--yes")
    assert tree_differences(before, tmp_path / "after") == ""
    assert vault.requests() == Counter(packs)


@pytest.mark.long
def test_one_file_brings_back_no_more_than_it_needs_once_the_lists_are_there(
    machine: Machine, vault: Vault, tmp_path: Path
) -> None:
    for number in range(3):  # each fills a pack of its own
        (machine.uploads / f"large{number}.bin").write_bytes(os.urandom(25 * 1024 * 1024))
    machine.run("backup", "files")
    packs = vault.freeze("/pack/")
    one = ("--include", "large1.bin")
    whole = machine.json("retrieve", "files", *one, "--dry-run")
    assert whole["all_for_a_part"] and whole["objects"] == len(packs) > 3 and whole["lists"] == 1

    done = machine.json("retrieve", "files", *one, "--only-lists", "--tier", "expedited", "--yes", "--wait")
    assert (done["readable"], done["coming"], done["away"]) == (1, 0, []) and len(vault.requests()) == 1
    plan: dict[str, Any] = machine.json("restore", "files", *one, "--to", str(tmp_path / "one"), "--dry-run")
    assert plan["steps"] and plan["total_bytes"] == 25 * 1024 * 1024
    told = plan["retrieval"]
    assert not told["all_for_a_part"] and 1 <= told["objects"] - told["readable"] <= 2 < len(packs) - 1
    machine.run("restore", "files", *one, "--to", str(tmp_path / "one"), "--yes", "--wait")
    assert (tmp_path / "one" / "large1.bin").read_bytes() == (machine.uploads / "large1.bin").read_bytes()
    assert len(vault.requests()) <= 3 and set(vault.requests().values()) == {1}
