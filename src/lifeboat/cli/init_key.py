"""Which key a new repository gets, and where somebody keeps it.

Invariant: no repository is made for a key that nobody has: a new key is on disk, or was confirmed by the person who saw
it, before the repository exists. A key is shown on a terminal only.
"""

from pathlib import Path

import click

from lifeboat.app.settings import Settings
from lifeboat.cli.ask import ask_hidden, ask_text
from lifeboat.cli.commands.keygen import write_key
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.key_stored import show_and_check
from lifeboat.cli.run import Run
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value


class ChosenKey(Value):
    """A key, whether it was made now, and the file that holds it, if one does."""

    key: Secret
    fingerprint: str
    is_new: bool
    """Nobody but this machine can have it yet."""
    kept_in: str | None
    found_in: str = ""
    made_now: bool = False
    is_stored: bool = False
    """Somebody showed to have it outside this machine."""


def choose_key(run: Run, settings: Settings, guarded: bool, out: Path | None, yes: bool) -> ChosenKey:
    """Take the key that is set, the one that is typed in, or a new one."""
    if settings.key is not None:
        fingerprint = Identity.from_text(settings.key.reveal()).recipient.fingerprint_short
        if settings.key_from == str(settings.identity_file) and not guarded:  # Made by an init that did not end well.
            return ChosenKey(settings.key, fingerprint, True, settings.key_from)
        return ChosenKey(settings.key, fingerprint, False, None, settings.key_from)
    asks = run.asks and not yes
    if not (asks or yes or out):
        raise CannotAsk(
            "no key is set, and nobody is here to be asked for one",
            "set BACKUP_ENCRYPTION_KEY or LIFEBOAT_KEY_FILE, or say --yes to have a new key made",
        )
    if asks and (typed := _ask_for_key(run)):
        identity, is_new = Identity.from_text(typed.reveal()), False
        run.hidden.add(typed.reveal())
    else:
        identity, is_new = Identity.generate(), True
    key, fingerprint = identity.to_text(), identity.recipient.fingerprint_short
    run.hidden.add(key.reveal())
    if guarded and out is None:
        stored = _show_once(run, key, fingerprint, asks) if is_new else False
        return ChosenKey(key, fingerprint, is_new, None, is_stored=stored)
    path = run.folder / out if out else settings.identity_file
    write_key(run, path, key, fingerprint)
    return ChosenKey(key, fingerprint, is_new, str(path), made_now=True)


def throw_away(chosen: ChosenKey) -> None:
    """Remove a key file made for a repository that turned out to exist: it opens nothing and would only mislead."""
    if chosen.made_now and chosen.kept_in:
        Path(chosen.kept_in).unlink(missing_ok=True)


def _ask_for_key(run: Run) -> Secret | None:
    run.say("")
    choice = ""
    while choice not in ("1", "2"):
        choice = ask_text("4 of 4. Which key? 1 make a new one, 2 use one that exists", "1")
    return Secret(ask_hidden("The key")) if choice == "2" else None


def _show_once(run: Run, key: Secret, fingerprint: str, asks: bool) -> bool:
    """Show the key of the guarded profile, which is kept nowhere here; returns whether it was shown to be stored."""
    if not run.at_terminal:
        raise CannotAsk(
            "the guarded profile shows its new key once, and this is no terminal",
            "write it to a file with --out FILE, and take that file away from this machine; or set the key first",
        )
    if not asks:
        run.write(
            run.out,
            f"\nThe key of this repository, fingerprint {fingerprint}. It is shown this once and not kept here:\n\n"
            f"  {key.reveal()}\n\n"
            "Store it in two places outside this machine. Without it no backup can ever be read.\n\n",
        )
        return False
    run.say("\nThis machine does not keep it: it is shown this once.")
    if not show_and_check(run, key, fingerprint, None):
        run.when_stopped = "that was not it; nothing was changed"
        raise click.Abort
    return True
