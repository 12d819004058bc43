"""A machine with the application on it: the installed command, the mission's variables, a database and uploads of its own.

Nothing here imports what backs up or restores: comparisons are PyMongo's and rsync's.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import warm
from bare import BARE
from pymongo import MongoClient, WriteConcern

LIFEBOAT = str(Path(sys.executable).with_name("lifeboat"))
KEY = "5e" * 32
PATIENCE_SECONDS = 240.0
PASSWORD = "Planted-p4ss/w@rd"
"""Of the database's user; it needs escaping in a URI, as people's passwords do."""
Client = MongoClient[dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> dict[str, Any]:
        """With ``--json``: what went wrong."""
        found: dict[str, Any] = json.loads(self.out)["error"]
        return found


@dataclass
class Machine:
    """Runs ``lifeboat`` in a folder with these variables and no others.

    Args:
        database: Name of the application's database.
    """

    folder: Path
    variables: dict[str, str]
    client: Client
    database: str
    said: list[str] = field(default_factory=list)

    @property
    def uploads(self) -> Path:
        return Path(self.variables["UPLOADS_DIR"])

    @property
    def repository(self) -> Path:
        return Path(self.variables["LIFEBOAT_REPOSITORY"])

    @property
    def collections(self) -> Any:
        return self.client[self.database]

    def start(self, *arguments: str, wrap: tuple[str, ...] = (), **variables: str | None) -> "subprocess.Popen[str]":
        """Begin a run.

        Args:
            wrap: A command before the command, such as ``setpriv``.
            variables: More variables for this run; None takes one away.
        """
        return subprocess.Popen(
            [*wrap, LIFEBOAT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environment(variables),
        )

    def _environment(self, variables: Mapping[str, str | None]) -> dict[str, str]:
        given = {**BARE, "HOME": str(self.folder), **self.variables, **variables}
        return {name: value for name, value in given.items() if value is not None}

    def ends(self, *arguments: str, wrap: tuple[str, ...] = (), **variables: str | None) -> Outcome:
        """Run to the end, however it ends: the installed command the first time, then forks of it (``warm``)."""
        if wrap or not self.said:
            run = self.start(*arguments, wrap=wrap, **variables)
            out, err = run.communicate(timeout=PATIENCE_SECONDS)
            code = run.returncode
        else:
            ended = warm.run(arguments, self.folder, self._environment(variables), PATIENCE_SECONDS)
            code, out, err = ended.returncode, ended.stdout, ended.stderr
        self.said.append(out + err)
        return Outcome(code, out, err)

    def run(self, *arguments: str, code: int = 0, **variables: str | None) -> str:
        """Run; fails unless it exits as expected."""
        ended = self.ends(*arguments, **variables)
        assert ended.code == code, f"{arguments} ended with {ended.code}:\n{ended.out}{ended.err}"
        return ended.out

    def json(self, *arguments: str, code: int = 0, **variables: str | None) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code, **variables))

    def refuses(
        self, code: int, name: str, *arguments: str, wrap: tuple[str, ...] = (), **variables: str | None
    ) -> str:
        """Run what must fail in this family under this name; returns the sentence and the hint."""
        ended = self.ends(*arguments, "--json", wrap=wrap, **variables)
        assert ended.code == code, f"{arguments} ended with {ended.code}:\n{ended.out}{ended.err}"
        error = ended.error
        assert (error["code"], error["exit_status"]) == (name, code), error
        message, hint = error["message"], error["hint"]
        assert message and not message.endswith(".") and hint, error
        assert "Traceback" not in ended.err
        return f"{message} | {hint}"

    def snapshots(self, source: str | None = None) -> list[dict[str, Any]]:
        """All snapshots, newest first."""
        found: list[dict[str, Any]] = self.json("snapshots")["snapshots"]
        return [one for one in found if source in (None, one["source"])]

    def elsewhere(self, folder: Path, **variables: str | None) -> "Machine":
        """The same application seen from another machine: another home, hence another memory."""
        folder.mkdir()
        changed = {name: value for name, value in {**self.variables, **variables}.items() if value is not None}
        return Machine(folder, changed, self.client, self.database)


def fill_some(database: Any, documents: int = 400) -> None:
    """A few collections, quickly: plain, unique index, validator, view, a user of the application."""
    majority = WriteConcern("majority")
    for name in ("cases", "clients", "messages"):
        made = ({"_id": n, "name": f"{name} {n}", "text": "النص الكامل " * (n % 40)} for n in range(documents))
        database.get_collection(name, write_concern=majority).insert_many(made)
    database["cases"].create_index("name", unique=True)
    database["clients"].create_index([("text", 1)], partialFilterExpression={"_id": {"$gt": 10}}, name="some")
    database.create_collection("checked", validator={"n": {"$type": "int"}}, validationAction="warn")
    database.get_collection("checked", write_concern=majority).insert_one({"n": 1})
    database.create_collection("recent", viewOn="messages", pipeline=[{"$match": {"_id": {"$gt": 300}}}])


def grow_some(uploads: Path, files: int = 30) -> None:
    """A few files, one of them large, with a link, a hole and an odd name."""
    (uploads / "contracts" / "2026").mkdir(parents=True)
    for number in range(files):
        (uploads / "contracts" / "2026" / f"{number:03}.txt").write_bytes(f"contract {number} ".encode() * number * 10)
    (uploads / "scan.pdf").write_bytes(os.urandom(3_000_000))
    os.link(uploads / "scan.pdf", uploads / "contracts" / "same scan.pdf")
    (uploads / "latest").symlink_to("scan.pdf")
    (uploads / "عقد.txt").write_text("عقد")
    (uploads / "contracts").chmod(0o750)
    os.utime(uploads / "contracts", ns=(5, 1_650_000_000_123_456_789))


def tree_differences(before: Path, after: Path) -> str:
    """What rsync would have to do to make the second folder like the first: nothing, if they are equal."""
    compare = ["rsync", "-aHAXn", "--checksum", "--itemize-changes", "--delete", f"{before}/", f"{after}/"]
    done = subprocess.run(compare, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def copied_tree(tree: Path, folder: Path) -> Path:
    """A copy to compare with, made by a tool that is not ours."""
    subprocess.run(["rsync", "-aHAXS", f"{tree}/", f"{folder}/"], check=True, capture_output=True)
    return folder


Contents = dict[str, tuple[Any, ...]]


def read_database(client: Client, database: str, accounts: bool = True) -> Contents:
    """Everything in a database as plain PyMongo reads it, in a form that can be compared."""
    found: Contents = {}
    for entry in client[database].list_collections():
        name = entry["name"]
        if name.startswith("system."):
            continue
        is_view = entry["type"] == "view"
        documents = () if is_view else tuple(map(repr, client[database][name].find().sort("_id", 1)))
        indexes = (
            ()
            if is_view
            else sorted(
                repr(sorted(one.to_dict().items() if hasattr(one, "to_dict") else one.items(), key=str))
                for one in client[database][name].list_indexes()
            )
        )
        found[name] = (entry["type"], repr(entry["options"]), documents, tuple(indexes))
    if accounts:
        users = client[database].command("usersInfo", showCredentials=True)["users"]
        roles = client[database].command("rolesInfo", 1, showPrivileges=True)["roles"]
        found["(users)"] = tuple(sorted(repr(_without_identity(one)) for one in users))
        found["(roles)"] = tuple(sorted(repr(_without_identity(one)) for one in roles))
    return found


def _without_identity(account: dict[str, Any]) -> dict[str, Any]:
    return {name: account[name] for name in sorted(account) if name not in ("userId",)}


def lose_database(client: Client, database: str) -> None:
    """Drop every collection one by one, the users and the roles."""
    for entry in client[database].list_collections():
        if not entry["name"].startswith("system."):
            client[database].drop_collection(entry["name"])
    client[database].command("dropAllUsersFromDatabase")
    client[database].command("dropAllRolesFromDatabase")


def lose_tree(tree: Path) -> None:
    shutil.rmtree(tree)
