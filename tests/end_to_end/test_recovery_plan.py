"""``lifeboat report plan`` on a real installation: true, without secrets; and its commands bring everything back."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from bare import BARE
from machine import KEY, LIFEBOAT, PASSWORD, Machine, fill_some, grow_some
from mission import missing_in
from versitygw import RunningS3

CONTACTS = """
[organisation]
name = "Al-Rashid Legal Services"
application = "the client portal"

[[contact]]
name = "Noura Al-Harbi"
role = "incident lead"
phone = "+966 50 000 0000"
key_holder = true

[[contact]]
name = "Omar Said"
role = "restores"
phone = "+966 50 000 0001"

[files]
exclude = ["*.tmp"]
"""
SAFE = "In the safe on the second floor."


@pytest.fixture(scope="module")
def machine(make_machine, s3: RunningS3, tmp_path_factory) -> Machine:
    bucket = f"plan-{os.urandom(4).hex()}"
    s3.make_bucket(bucket)
    made: Machine = make_machine(
        tmp_path_factory.mktemp("plan") / "shop",
        LIFEBOAT_REPOSITORY=f"s3://{bucket}/here",
        LIFEBOAT_LABEL="shop-1",
        AWS_ACCESS_KEY_ID=s3.access_key_id,
        AWS_SECRET_ACCESS_KEY=s3.secret_access_key,
        AWS_REGION=s3.region,
        AWS_ENDPOINT_URL=s3.endpoint_url,
        LIFEBOAT_NOTIFY_WEBHOOK="https://hooks.example.com/services/planted-webhook",
    )
    fill_some(made.collections)
    grow_some(made.uploads)
    made.client["beside"]["x"].insert_one({})
    (made.folder / "lifeboat.toml").write_text(CONTACTS)
    made.run("init", "--yes")
    made.run("backup", "all")
    made.run("drill", "--scenario", "file-loss", "--no-notice")
    return made


def plan(machine: Machine) -> Path:
    return machine.folder / "recovery-plan.md"


def write_into(path: Path, name: str, text: str) -> None:
    """As somebody does in an editor."""
    said = path.read_text()
    path.write_text(re.sub(rf"(<!-- yours: {name} -->\n).*?(<!-- end)", rf"\g<1>{text}\n\g<2>", said, flags=re.S))


@pytest.fixture(scope="module")
def fresh(machine: Machine) -> Machine:
    """A machine with a plan of its present settings."""
    machine.run("report", "plan")
    return machine


def test_the_plan_is_true_and_holds_no_secret(fresh: Machine, s3: RunningS3) -> None:
    text = plan(fresh).read_text()
    for one in (
        fresh.variables["LIFEBOAT_REPOSITORY"],
        fresh.database,
        "Noura Al-Harbi",
        "`beside`",
        "6.0.",
        str(fresh.uploads),
    ):
        assert one in text, one
    assert missing_in(text) == []  # all that the mission wants in it
    page = (fresh.folder / "recovery-plan.html").read_text()
    facts = fresh.json("report", "plan")
    fresh.run("report", "plan", "--check")
    assert (
        facts["facts"]["database"]["protected"] == [fresh.database] and facts["facts"]["database"]["seen"] == "server"
    )
    assert facts["in_ledger"] is True and not facts["changed"]
    secrets = [KEY, PASSWORD, quote_plus(PASSWORD), s3.secret_access_key, s3.access_key_id, "planted-webhook"]
    for place in (text, page, str(facts), "".join(fresh.said)):
        assert not [one for one in secrets if one in place]
    assert all(one.stat().st_mode & 0o077 == 0 for one in fresh.folder.glob("recovery-plan*"))


def blocks_of(text: str, letter: str) -> list[str]:
    """The commands of a procedure, block by block."""
    [chapter] = re.findall(rf"^## {letter}\. .*?(?=^## )", text, re.M | re.S)
    return re.findall(r"^```\n(.*?)^```", chapter, re.M | re.S)


@pytest.mark.long
def test_the_commands_of_the_plan_bring_everything_back_on_a_machine_that_has_nothing_else(
    fresh: Machine, tmp_path: Path
) -> None:
    """Procedure C as it stands, block by block; written by hand are only the secrets, and the yes."""
    write_into(plan(fresh), "envelopes", SAFE)
    fresh.run("report", "plan")
    text = plan(fresh).read_text()
    before = {one: fresh.collections[one].count_documents({}) for one in ("cases", "clients", "messages")}
    files = {one.name: one.read_bytes() for one in fresh.uploads.rglob("*") if one.is_file()}
    fresh.client.drop_database(fresh.database)
    home = tmp_path / "home"
    home.mkdir()
    moved = fresh.folder / "uploads-of-before"
    fresh.uploads.rename(moved)
    shell = {**BARE, "HOME": str(home), "PATH": f"{Path(LIFEBOAT).parent}:{BARE['PATH']}"}
    secrets = {name: fresh.variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MONGODB_URI")}
    try:
        for block in blocks_of(text, "C"):
            if "pip install" in block:
                continue  # it is installed
            if "EDITOR" in block:
                said = (home / "recovery" / ".env").read_text()
                for name, value in {**secrets, "BACKUP_ENCRYPTION_KEY": KEY}.items():
                    assert f"\n{name}=\n" in f"\n{said}", name
                    said = said.replace(f"{name}=\n", f"{name}={value}\n")
                (home / "recovery" / ".env").write_text(said)
                continue
            typed = re.sub(r"^(lifeboat restore .*)$", r"\1 --yes", block, flags=re.M)
            inside = home / "recovery" if (home / "recovery").exists() else home
            done = subprocess.run(["bash", "-ec", typed], cwd=inside, env=shell, capture_output=True, text=True)
            assert done.returncode in (0, 3) if "status" in block else done.returncode == 0, (
                f"{block}\n{done.stdout}{done.stderr}"
            )
        assert {one: fresh.collections[one].count_documents({}) for one in before} == before
        assert {one.name: one.read_bytes() for one in fresh.uploads.rglob("*") if one.is_file()} == files
        assert (home / "recovery" / "config-from-backup").exists()
        done = subprocess.run(
            [LIFEBOAT, "report", "plan"], cwd=home / "recovery", env=shell, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert (
            SAFE in (home / "recovery" / "recovery-plan.md").read_text()
        )  # from the ledger: the file was lost with the machine
    finally:
        if not fresh.uploads.exists():
            moved.rename(fresh.uploads)
