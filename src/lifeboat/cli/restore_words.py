"""What the words after ``lifeboat restore`` mean; wrong ones are refused before anything is opened."""

from pathlib import Path
from typing import Any

import click

from lifeboat.app.settings import passwords_in_uri
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run
from lifeboat.operations.reports.documents import DocumentsRequest
from lifeboat.operations.reports.restores import RestorePlanReport, RestoreRequest

URIS = ("mongodb://", "mongodb+srv://", "env:")


class NoTarget(CannotAsk):
    """Nobody guesses where a restore goes."""


def check_request(
    what: str | None, snapshot: str, to: str | None, over_live: bool, renames: tuple[str, ...], chosen: dict[str, Any]
) -> RestoreRequest:
    """Make the request out of the arguments; ``chosen`` are those that need no check."""
    if what is None:
        raise NoTarget("what shall be restored?", "say all, db, files or config: lifeboat restore db --to shop_copy")
    if to is None and not over_live:
        raise NoTarget(
            "a restore needs a target, and none is guessed",
            "--to somewhere else (a folder, a database's name, env:VARIABLE with a URI), or --over-live",
        )
    if to is not None and over_live:
        raise click.UsageError("--to and --over-live exclude each other")
    if to is not None and not to.strip():
        raise NoTarget("the target after --to is empty", "is a variable in your script unset?")
    pairs = []
    for one in renames:
        old, equals, new = one.partition("=")
        if not (old and equals and new):
            raise click.UsageError(f"--rename {one} has no FROM=TO, such as shop.users=shop.users_old")
        pairs.append((old, new))
    if to is not None and what == "db" and pairs and not to.startswith(URIS):
        astray = [one for one, (_, new) in zip(renames, pairs, strict=True) if new.partition(".")[0] != to]
        if astray:
            raise click.UsageError(f"--to {to} names one database and --rename {astray[0]} another")
    check_moment(snapshot, chosen)
    if chosen.get("before_op") and what in ("files", "config"):
        raise click.UsageError(f"--before-op goes with the database; `restore {what}` takes --at")
    if what in ("files", "config") and "/" in snapshot:
        raise click.UsageError(f"a path comes behind the snapshot: lifeboat restore {what} latest {snapshot}")
    beside = (("namespaces", "--ns"), ("include", "--include"), ("exclude", "--exclude"), ("paths", "a path"))
    for names, place in beside:
        wrong = what in ("files", "config") if names == "namespaces" else what == "db"
        if chosen.get(names) and wrong:
            raise click.UsageError(f"{place} does not go with `restore {what}`")
    if chosen.get("paths") and what == "all":
        raise click.UsageError("a path goes with `restore files` or `restore config`")
    if chosen.get("namespaces"):
        # All of a database is called by its name alone from here on.
        chosen = {**chosen, "namespaces": tuple(one.removesuffix(".*") for one in chosen["namespaces"])}
    return RestoreRequest(what, snapshot, to, over_live, renames=tuple(pairs), **chosen)


def check_moment(snapshot: str, chosen: dict[str, Any]) -> None:
    """A snapshot, an instant or an operation: one of them says what is meant."""
    if chosen.get("at") is not None and chosen.get("before_op") is not None:
        raise click.UsageError("--at and --before-op exclude each other")
    for name, option in (("at", "--at"), ("before_op", "--before-op")):
        if chosen.get(name) is not None and snapshot != "latest":
            raise click.UsageError(f"{option} chooses its snapshot itself; leave {snapshot} out")


def check_documents(
    folder: Path,
    what: str | None,
    snapshot: str,
    to: str | None,
    over_live: bool,
    wanted: str,
    renames: tuple[str, ...],
    chosen: dict[str, Any],
) -> DocumentsRequest:
    """Make the request for single documents; ``@FILE`` is read here."""
    if what != "db":
        raise click.UsageError(
            "--filter chooses documents of the database: lifeboat restore db --ns DB.COLL --filter ..."
        )
    if len(chosen["namespaces"]) != 1 or not is_one_collection(chosen["namespaces"][0]):
        raise click.UsageError("--filter needs the one collection that it searches: --ns shop.users")
    if renames or chosen["with_users"]:
        raise click.UsageError("--rename and --users do not go with --filter; --to names another database or server")
    check_request(what, snapshot, to, over_live, renames, chosen)
    instant = {name: chosen[name] for name in ("at", "before_op")}
    instant["without_erasures"] = chosen.get("without_erasures", False)
    return DocumentsRequest(chosen["namespaces"][0], read_wanted(folder, wanted), snapshot, to, over_live, **instant)


def is_one_collection(namespace: str) -> bool:
    """Whether it is ``DB.COLL`` and stands for nothing more."""
    return all(namespace.partition(".")) and "*" not in namespace


def read_wanted(folder: Path, wanted: str) -> str:
    """The filter as typed, or out of the file behind ``@``."""
    if not wanted.startswith("@"):
        return wanted
    path = folder / wanted[1:]
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise NoTarget(f"the filter in {path} cannot be read ({type(error).__name__})", "is the path right?") from error


def note_password(run: Run, what: str, to: str | None) -> None:
    """Warn of a password that every user of this machine can read in the list of processes.

    Raises:
        NoTarget: The variable holds something that is no URI. It must never be taken for the name of a database: that
            would be one on the live server.
    """
    if to and to.startswith("env:"):
        uri = run.environment.get(to.removeprefix("env:"), "")
        run.hidden |= {uri, *passwords_in_uri(uri)} - {""}
        if what == "db" and uri and not uri.startswith(("mongodb://", "mongodb+srv://")):
            raise NoTarget(
                f"the variable {to.removeprefix('env:')} does not hold a connection string",
                "it begins with mongodb:// or mongodb+srv://",
            )
    elif to and (passwords := passwords_in_uri(to)):
        run.hidden |= {to, *passwords}
        run.say(
            "warning: the password in --to can be seen by every user of this machine (ps) and stays in the shell's\n"
            "         history; put the URI into a variable and say --to env:VARIABLE"
        )


def live_name(plan: RestorePlanReport) -> str:
    """What has to be typed to replace live data: the database's name, or the folder's."""
    touched = [step.where for step in plan.steps if step.action != "leave"] or [step.where for step in plan.steps]
    databases = dict.fromkeys(where.partition(".")[0] for where in touched if where and not where.startswith("/"))
    if databases:
        return " ".join(databases)
    folders = [where.rstrip("/").rpartition("/")[2] for where in touched if where.strip("/")]
    return folders[0] if folders else "over-live"
