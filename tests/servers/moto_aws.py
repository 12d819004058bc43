"""AWS's services for tests: moto in a process of its own, so that rights can be enforced and its state cleared.

What it does not do like Amazon stands in research notes and in docs/stores.md: it ignores condition keys of policies, checks no days of
age rules, shows no encryption until it was set, and does not compute the state of alarms.

Invariant: no server outlives the tests, however they end: it dies when our end of a pipe closes.
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT = "123456789012"
START_SECONDS = 60

_SERVER = (
    "import os, sys, threading\n"
    "from moto.iam.models import AccountSummary\n"
    "from moto.server import main\n"
    "AccountSummary._account_mfa_enabled = property(lambda self: 1, lambda self, value: None)\n"  # root: no other way
    "threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()\n"
    "main(['-H', '127.0.0.1', '-p', sys.argv[1]])\n"
)


@dataclass(frozen=True, slots=True)
class MotoAws:
    """Where it answers."""

    endpoint_url: str
    region: str = "eu-central-1"

    def client(self, service: str, keys: tuple[str, str] = ("root", "root-secret"), region: str | None = None) -> Any:
        """A client with these keys: ``(access key id, secret)``; without enforcement any will do."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint_url,
            region_name=region or self.region,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            config=Config(s3={"addressing_style": "path"}, inject_host_prefix=False),
        )

    def environment(self, keys: tuple[str, str] = ("root", "root-secret")) -> dict[str, str]:
        """Variables with which Lifeboat speaks to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
        }

    def make_bucket(self, name: str, *, versioning: bool = True) -> None:
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
        if versioning:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def make_user(self, name: str, *policies: dict[str, Any]) -> tuple[str, str]:
        """A user with these policies, and keys for it. Make users before ``enforce``."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for number, policy in enumerate(policies):
            iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return made["AccessKeyId"], made["SecretAccessKey"]

    def enforce(self) -> None:
        """From now on every request needs a known key and the right (condition keys are ignored)."""
        self._post("/moto-api/reset-auth", b"0")

    def allow_everything(self) -> None:
        self._post("/moto-api/reset-auth", b"1000000000")

    def clear(self) -> None:
        """Forget everything, and allow everything."""
        self.allow_everything()
        self._post("/moto-api/reset", b"")

    def _post(self, path: str, body: bytes) -> None:
        plain = {"Content-Type": "text/plain"}  # a form's body would be taken apart before it is read
        request = urllib.request.Request(self.endpoint_url + path, body, plain, method="POST")
        with urllib.request.urlopen(request, timeout=30):
            pass


@contextmanager
def running() -> Iterator[MotoAws]:
    """Start it on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": "moto", "AWS_SECRET_ACCESS_KEY": "moto"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    server = MotoAws(f"http://127.0.0.1:{port}")
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{server.endpoint_url}/moto-api/data.json", timeout=5):
                break
            assert process.poll() is None and time.monotonic() < end, "moto did not start"
            time.sleep(0.1)
        server.allow_everything()
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
