"""A bucket from nothing, by the installed command alone: shown, set up, set up again, changed by hand, named, mended."""

import os
import pty
import sys
from pathlib import Path

import moto_aws
import warm
from bare import BARE
from moto_aws import MotoAws

BUCKET = "town-backups"


def lifeboat(folder: Path, aws: MotoAws, *words: str, status: int) -> str:
    done = warm.run(words, folder, {**BARE, "HOME": str(folder), "S3_BACKUP_BUCKET": BUCKET, **aws.environment()})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def answered(folder: Path, aws: MotoAws, answer: str, *words: str) -> tuple[int, str]:
    """The same at a terminal, with an answer to what it asks."""
    variables = {"HOME": str(folder), "S3_BACKUP_BUCKET": BUCKET, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        code = "from lifeboat.cli.main import main; main()"
        os.execve(sys.executable, [sys.executable, "-c", code, *words], {**variables, **aws.environment()})
    said = b""
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        if not read:
            break
        said += read
        if b"[y/N]" in said and answer:
            os.write(terminal, answer.encode() + b"\n")
            answer = ""
    _, ended = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(ended), " ".join(said.decode().split())  # folded for a terminal without a width


def test_from_nothing_to_a_bucket_that_is_watched(tmp_path: Path) -> None:
    with moto_aws.running() as aws:
        s3 = aws.client("s3")
        said = lifeboat(tmp_path, aws, "aws", "setup", "--dry-run", status=0)
        assert "nothing was changed yet" in said and s3.list_buckets()["Buckets"] == []
        status, said = answered(tmp_path, aws, "n", "aws", "setup")
        assert status == 130 and "nothing was changed" in said and s3.list_buckets()["Buckets"] == []
        status, said = answered(tmp_path, aws, "y", "aws", "setup")
        assert status == 0 and len(s3.list_buckets()["Buckets"]) == 2 and "still as wanted" in said
        assert "nothing was to be changed" in lifeboat(tmp_path, aws, "aws", "setup", "--yes", status=0)
        lifeboat(tmp_path, aws, "aws", "check", status=0)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
        said = lifeboat(tmp_path, aws, "aws", "check", status=3)
        assert "versioning: suspended, wanted: on" in said and said.count("differs") == 1
        assert "lifeboat aws setup" in said
        lifeboat(tmp_path, aws, "aws", "setup", "--yes", status=0)
        assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
        # Who changed what is on record.
        assert "aws setup" in lifeboat(tmp_path, aws, "audit", "query", "--act", "aws", status=0)
