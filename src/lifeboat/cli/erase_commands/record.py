"""``lifeboat erase record``: the value is asked for, or read from standard input, a variable or a file; it is never an argument."""

from pathlib import Path
from typing import Any

import click

from lifeboat.cli.ask import ask_hidden
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run

TYPES = ("text", "number", "objectid", "uuid", "date", "bool", "json")
HIDDEN_FROM_CHARACTERS = 4
"""A shorter value would take half of every message with it."""


@lifeboat_command(
    "record",
    examples=(
        ("erase record --collection shop.users --field email", "asks for the value"),
        (
            "erase record --collection shop.users --field email --also shop.bills:email",
            "the same value in two collections",
        ),
        ("erase record --collection shop.users --id 65f0a1b2c3d4e5f601234567", "one document by its id"),
        ("erase record --collection shop.cases --field owner --type uuid --unset notes", "only a field of them"),
        ("erase record --file /srv/uploads/clients/7/ --request DSR-2026-17", "a folder; your own reference"),
        ("erase record --from request.toml", "several collections, each with its value"),
    ),
)
@click.option("--collection", metavar="DB.COLL", help="Documents of this collection, as it was backed up.")
@click.option(
    "--field", metavar="NAME", help="By what a field holds; customer.email for one inside another, or in lists."
)
@click.option("--value-env", metavar="VARIABLE", help="The value is in this variable.")
@click.option("--value-stdin", is_flag=True, help="The value comes on standard input.")
@click.option("--type", "kind", type=click.Choice(TYPES), default="text", show_default=True, help="What the value is.")
@click.option("--ignore-case", is_flag=True, help="A text in any case, with blanks around it or not.")
@click.option("--also", multiple=True, metavar="DB.COLL:NAME", help="The same value in another field or collection.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="By _id: ObjectId, number, text or extended JSON.")
@click.option("--unset", multiple=True, metavar="FIELD", help="Take only this field out of the documents.")
@click.option("--file", "files", multiple=True, metavar="PATH", help="A file as it was backed up; a folder ends in /.")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), metavar="FILE", help="TOML or JSON; - is standard input."
)
@click.option("--request", metavar="TEXT", help="Your own reference; nothing about the person.")
@click.option("--note", metavar="TEXT", help="A remark; nothing about the person.")
def command(run: Run, **said: Any) -> ExitStatus:
    """Put down who or what was to be erased: every restore, drill and export leaves it out from then on.

    Erase it live first, by the application. Whether that was done is looked at, and nothing live is changed. A value is
    kept as a keyed hash alone. A FILE holds: request = "DSR-17", then for each place [[erase]] with collection, field and
    value (and type, ignore_case, unset), or collection and id, or file.
    """
    from lifeboat.cli.show.erase import draw_recorded

    if run.asks:  # before somebody has typed a value in vain
        with run.lifeboat() as lifeboat:
            lifeboat.erasing().make_ready()
    wanted = _wanted(run, said)
    with run.lifeboat() as lifeboat:
        done = lifeboat.erasing().record(wanted)
    run.show(done, lambda: draw_recorded(done, run.clock.now()))
    return ExitStatus.FINDINGS if done.live else ExitStatus.DONE


def _wanted(run: Run, said: dict[str, Any]) -> Any:
    from lifeboat.operations.erasing.request import ErasureRequest, by_id, by_value, check_collection, read_file

    collection, field, source = said["collection"], said["field"], said["source"]
    if source is not None:
        if collection or field or said["files"] or said["ids"]:
            raise click.UsageError("--from says all of it: name collections and files in there")
        asked = read_file(_text(run, source))
        for one in asked.documents:
            _hide(run, one.value)
        return ErasureRequest(
            asked.documents, asked.files, said["request"] or asked.request, said["note"] or asked.note
        )
    if collection is None and (field or said["ids"] or said["also"] or said["unset"]):
        raise click.UsageError("of which collection? --collection DB.COLL")
    if collection is not None and not field and not said["ids"]:
        raise click.UsageError("which of its documents? --field NAME (its value is asked for), or --id ID")
    if not field and (said["value_env"] or said["value_stdin"] or said["also"] or said["ignore_case"]):
        raise click.UsageError("a value is of a field: --field NAME")
    documents = []
    for name in filter(None, (collection, *(one.partition(":")[0] for one in said["also"]))):
        check_collection(name)  # before somebody has typed the value in vain
    if field:
        value = _value(run, field, said)
        how: Any = {"fold": said["ignore_case"], "unset": said["unset"]}
        documents.append(by_value(collection, field, value, said["kind"], **how))
        for one in said["also"]:
            other, colon, name = one.partition(":")
            if not colon:
                raise click.UsageError(f"--also {one} has no DB.COLL:NAME, such as shop.orders:customer.email")
            documents.append(by_value(other, name, value, said["kind"], **how))
    for one in said["ids"]:
        documents += by_id(collection, one, said["unset"])
    return ErasureRequest(tuple(documents), said["files"], said["request"] or "", said["note"] or "")


def _value(run: Run, field: str, said: dict[str, Any]) -> str:
    if said["value_env"] and said["value_stdin"]:
        raise click.UsageError("--value-env and --value-stdin exclude each other")
    if said["value_env"]:
        value = run.environment.get(said["value_env"])
        if value is None:
            raise CannotAsk(f"the variable {said['value_env']} is not set", "export it, with the value")
    elif said["value_stdin"]:
        value = run.input.read().removesuffix("\n").removesuffix("\r")
    elif run.asks:
        value = ask_hidden(f"What does {field} hold?")
    else:
        raise CannotAsk(
            f"what does {field} hold? nobody is here to be asked",
            "--value-stdin or --value-env VARIABLE; it is no argument, which every user of this machine could read",
        )
    _hide(run, value)
    return value


def _text(run: Run, source: Path) -> str:
    try:
        return run.input.read() if str(source) == "-" else (run.folder / source).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise CannotAsk(f"{source} cannot be read ({type(error).__name__})", "is the path right?") from None


def _hide(run: Run, value: object) -> None:
    text = str(value)
    if len(text) >= HIDDEN_FROM_CHARACTERS:
        run.hidden.add(text)
