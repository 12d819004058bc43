"""``lifeboat recipient``: who can open the backups; added, taken away, replaced; and how a machine is told of it."""

from pathlib import Path

import click

from lifeboat.cli.ask import ask_text, confirm, confirm_typing, must_be_confirmed
from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.run import Run

ACTIONS = ("list", "add", "remove", "replace", "open", "accept")


@lifeboat_command(
    "recipient",
    examples=(
        ("recipient list", "whose keys open everything"),
        ("recipient list --look", "also whether each of them opens all that is stored"),
        ("recipient add safe safe.pub", "one more key: the file that `keygen --recipient` printed"),
        ("recipient remove partner", "somebody left: nothing more is sealed for that key"),
        ("recipient remove laptop --stolen", "a key is in wrong hands"),
        ("recipient replace key --by new.key", "a new key in the place of the one in use"),
        ("recipient open", "open to all of them what was sealed before they were told of"),
        ("recipient accept", "on another machine, after a change: seal for these from now on"),
    ),
)
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("words", nargs=-1, metavar="[NAME [RECIPIENT]]")
@click.option("--look", is_flag=True, help="list: read every data key, and count those that somebody does not open.")
@click.option("--by", type=click.Path(path_type=Path), metavar="FILE", help="replace: the file of the new key.")
@click.option("--as", "new_name", metavar="NAME", help="replace: what the new key is called; else NAME and the month.")
@click.option("--stolen", is_flag=True, help="remove, replace: the old key is in wrong hands.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
def command(
    run: Run,
    action: str,
    words: tuple[str, ...],
    look: bool,
    by: Path | None,
    new_name: str | None,
    stolen: bool,
    yes: bool,
) -> ExitStatus:
    """Whose keys open the backups: list, add, take away, replace them.

    Run it where a key is. Who is added opens what is stored already, too; who is taken away opens what was sealed until then for
    ever, if he can get hold of it, and nothing after that. NAME is a name, or the beginning of a fingerprint.

    Every other machine stops at its next run, until somebody tells it there: `lifeboat recipient accept FINGERPRINT ...`. So nobody
    has backups sealed for himself unseen.
    """
    if action == "list":
        return _list(run, words, look)
    if action == "accept":
        return _accept(run, words, yes)
    if action == "open":
        return _open(run, words)
    if not words:
        raise click.UsageError(f"`lifeboat recipient {action}` needs a NAME")
    run.when_stopped = "what was done stays, and the same command goes on from there"
    if action == "add":
        return _add(run, words, yes)
    if len(words) > 1:
        raise click.UsageError(f"one NAME at a time, not {len(words)}")
    if action == "remove":
        return _remove(run, words[0], stolen, yes)
    if by is None:
        raise click.UsageError(
            f"say which key comes: `lifeboat recipient replace {words[0]} --by new.key`; `lifeboat keygen --out new.key` makes it"
        )
    return _replace(run, words[0], by, new_name, stolen, yes)


def _list(run: Run, words: tuple[str, ...], look: bool) -> ExitStatus:
    from lifeboat.cli.show.recipient import draw_recipients

    _no_more(words)
    with run.lifeboat() as lifeboat:
        report = lifeboat.key_life().rows(look=look)
    run.show(report, lambda: draw_recipients(report))
    return ExitStatus.FINDINGS if any(one.keys_closed for one in report.recipients) else ExitStatus.DONE


def _add(run: Run, words: tuple[str, ...], yes: bool) -> ExitStatus:
    from lifeboat.cli.show.recipient import draw_changed
    from lifeboat.crypto.identity import Recipient

    if len(words) != 2:
        raise click.UsageError(
            f"say whose key it is: `lifeboat recipient add {words[0]} FILE`, where FILE has what `lifeboat keygen --recipient` printed"
        )
    name, said = words
    text = said if said.startswith("lifeboat-recipient") else _read(run, said)
    fingerprint = Recipient.from_text(text).fingerprint_short
    if must_be_confirmed(
        run, yes, "ask its holder for the fingerprint, then say --yes", changes="who opens the backups"
    ):
        confirm(run, f"{name}, key {fingerprint}, will open every backup, also those that are stored. Go on?")
    with run.lifeboat() as lifeboat:
        done = lifeboat.key_life().add(name, text)
    run.show(done, lambda: draw_changed(done))
    return ExitStatus.FINDINGS if done.opened.closed else ExitStatus.DONE


def _open(run: Run, words: tuple[str, ...]) -> ExitStatus:
    from lifeboat.cli.show.recipient import draw_changed

    _no_more(words)
    with run.lifeboat() as lifeboat:
        done = lifeboat.key_life().open()
    run.show(done, lambda: draw_changed(done))
    return ExitStatus.FINDINGS if done.opened.closed else ExitStatus.DONE


def _remove(run: Run, name: str, stolen: bool, yes: bool) -> ExitStatus:
    from lifeboat.cli.show.recipient import draw_changed

    asks = must_be_confirmed(run, yes, "look at `lifeboat recipient list`, then say --yes", "who opens the backups")
    with run.lifeboat() as lifeboat:
        meant = lifeboat.key_life().who(name)
        if asks:
            why = f"Nothing more will be sealed for {meant.name}, key {meant.fingerprint[:16]}."
            confirm_typing(run, meant.name, why)
        done = lifeboat.key_life().remove(meant.fingerprint, stolen=stolen)
    run.show(done, lambda: draw_changed(done))
    return ExitStatus.DONE


def _replace(run: Run, name: str, by: Path, new_name: str | None, stolen: bool, yes: bool) -> ExitStatus:
    from lifeboat.app.private_files import read_private_file
    from lifeboat.cli.show.recipient import draw_changed

    key = read_private_file(run.folder / by, "--by")
    run.hidden.add(key.reveal())
    asks = must_be_confirmed(run, yes, "look at `lifeboat recipient list`, then say --yes", "who opens the backups")
    if asks:
        confirm(run, f"The key in {by} takes the place of {name}. Is a copy of it stored outside this machine?")
    with run.lifeboat() as lifeboat:
        comes = new_name or f"{name} {run.clock.now():%Y-%m}"
        done = lifeboat.key_life().replace(name, key, comes, stolen=stolen)
    run.show(done, lambda: draw_changed(done, str(by)))
    return ExitStatus.DONE


def _accept(run: Run, words: tuple[str, ...], yes: bool) -> ExitStatus:
    from lifeboat.cli.show.recipient import draw_accepted, draw_recipients

    with run.lifeboat() as lifeboat:
        life = lifeboat.key_life()
        report, pinned = life.to_accept()
        if report.pinned and not words:
            run.show(report, lambda: draw_accepted(report, changed=False))
            return ExitStatus.DONE
        if not words:
            must_be_confirmed(
                run, False, "type the fingerprints behind it, as somebody who knows says them", "who opens the backups"
            )
            run.draw(*draw_recipients(report, set(pinned)), "")
            words = tuple(ask_text("Type the fingerprints of all of them, as somebody who knows says them").split())
        done = life.accept(words)
    run.show(done, lambda: draw_accepted(done, changed=True))
    return ExitStatus.DONE


def _read(run: Run, path: str) -> str:
    from lifeboat.foundation.errors import SettingsError

    try:
        return (run.folder / path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}",
            "`lifeboat keygen --recipient --from KEYFILE > FILE` writes it",
        ) from error


def _no_more(words: tuple[str, ...]) -> None:
    if words:
        raise click.UsageError(f"{words[0]!r} is one word too many")
