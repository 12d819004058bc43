"""Commands that a document tells people to type: found in it, and held against the command line as it is."""

import re
import shlex
from pathlib import Path

import click

from lifeboat.cli.main import overview
from lifeboat.cli.restore_words import check_documents, check_request
from lifeboat.sources.mongodb.filter_text import read_filter

ROOT = Path(__file__).parents[2]
PLACEHOLDERS = {"JOB": "db"}


def commands_in(text: str) -> list[str]:
    """Every ``lifeboat ...`` that somebody could type: of code blocks by line, of sentences by backquotes."""
    found: list[str] = []
    for language in ("sh", "console", ""):
        for code in (code for kind, code in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if kind == language):
            for line in code.splitlines():
                if language == "console" and not line.startswith("$ "):
                    continue
                for part in re.split(r"&&|\|\|", line.removeprefix("$ ").partition("  #")[0]):
                    typed = re.search(r"(?:^|[\s/])lifeboat (.+)", part)
                    found += [typed[1].strip()] if typed else []
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    found += [one for one in re.findall(r"`lifeboat ([^`]+)`", prose) if "..." not in one]
    return found


SHARD = ("shard", "shard_run", "shard_wait")


def parse(typed: str) -> None:
    """Refuse what ``lifeboat`` would refuse to understand."""
    name, *arguments = shlex.split(typed.partition(" > ")[0])
    if name.startswith("-"):
        return
    command = overview.get_command(click.Context(overview), name)
    assert command is not None, f"there is no command {name}"
    context = command.make_context(name, list(arguments))
    while isinstance(command, click.Group) and arguments and not arguments[0].startswith("-"):
        name, *arguments = arguments
        command = command.get_command(context, name)
        assert command is not None, f"there is no command {typed}"
        if arguments:  # a bare name is a mention
            context = command.make_context(name, [PLACEHOLDERS.get(one, one) for one in arguments], parent=context)
    if name == "restore":
        chosen = dict(context.params)
        if chosen.pop("undo"):
            return
        for beside in ("dry_run", "yes", "resume", "only", "bypass_validators", "tier", "wait", *SHARD):
            chosen.pop(beside)
        wanted = chosen.pop("wanted")
        chosen["paths"] = tuple(chosen["paths"])
        positional = [chosen.pop(one) for one in ("what", "snapshot", "to", "over_live", "renames")]
        if wanted is not None:
            what, snapshot, to, over_live, renames = positional
            check_documents(ROOT, what, snapshot, to, over_live, wanted, renames, chosen)
            read_filter(wanted)
        elif arguments not in (["--to"], ["--over-live"]):
            check_request(*positional, chosen)
