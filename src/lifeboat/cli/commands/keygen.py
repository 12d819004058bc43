"""``lifeboat keygen``: make a key, or print the public half of one. It touches no repository."""

from pathlib import Path

import click

from lifeboat.cli.command import lifeboat_command
from lifeboat.cli.exit_status import ExitStatus
from lifeboat.cli.failures import CannotAsk
from lifeboat.cli.run import Run
from lifeboat.foundation.secret import Secret


@lifeboat_command(
    "keygen",
    examples=(
        ("keygen", "a new key, shown on this terminal"),
        ("keygen --out backup.key", "a new key, in a file that only you can read"),
        ("keygen --recipient", "the public half of the key in the settings"),
        ("keygen --recipient --from backup.key", "the public half of that key"),
        ("keygen --stored", "check that the key in use is stored elsewhere, and remember the day"),
    ),
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the key to this new file, mode 0600."
)
@click.option("--recipient", is_flag=True, help="Make no key; print the public half of one.")
@click.option("--from", "source", metavar="FILE", help="With --recipient: the key's file, or - for standard input.")
@click.option("--stored", is_flag=True, help="Make no key; have some of the one in use typed in from its stored copy.")
def command(run: Run, out: Path | None, recipient: bool, source: str | None, stored: bool) -> ExitStatus:
    """Make a key, or print the public half of one.

    Whoever has the key can read every backup made for it; without it nobody can, you included. Store it where this
    machine's end does not reach it: a password manager, paper in a safe.

    The public half (recipient) only locks: it is safe to hand around.
    """
    if stored:
        return _check_stored(run)
    if recipient:
        return _print_recipient(run, source, out)
    if source:
        raise click.UsageError("--from goes with --recipient")
    if out is None and not run.at_terminal:
        raise CannotAsk(
            "a new key is shown on a terminal only, and this is none", "write it to a file: --out backup.key"
        )
    from lifeboat.crypto.identity import Identity

    identity = Identity.generate()
    fingerprint = identity.recipient.fingerprint_short
    if out is None:
        run.write(run.out, f"{identity.to_text().reveal()}\n")
        run.say(f"\nfingerprint {fingerprint}")
        run.say("Store it in two places outside this machine. It opens every backup made for it;")
        run.say("nobody can make it again. To use it: BACKUP_ENCRYPTION_KEY=... in .env")
        return ExitStatus.DONE
    write_key(run, out, identity.to_text(), fingerprint)
    run.show(
        {"key_file": out, "fingerprint": fingerprint, "recipient": identity.recipient.to_text()},
        lambda: [
            f"{out}: a new key, fingerprint {fingerprint}, readable by you alone",
            "Store a copy outside this machine: nobody can make it again.",
            f"To use it: LIFEBOAT_KEY_FILE={out.resolve()} in .env",
        ],
    )
    return ExitStatus.DONE


def _check_stored(run: Run) -> ExitStatus:
    from lifeboat.cli.key_stored import HOW, check_stored

    key = run.settings().need_key()
    if not run.asks:
        raise CannotAsk("some of the key has to be typed in, and nobody is here", "type it at a terminal")
    if not check_stored(run, key, later_allowed=False):
        return ExitStatus.FINDINGS
    with run.lifeboat() as lifeboat:
        lifeboat.key_is_stored(key, HOW)
    return ExitStatus.DONE


def write_key(run: Run, path: Path, key: Secret, fingerprint: str) -> None:
    """Write a key to a new file of its own, with a heading that says what it is."""
    from lifeboat.app.private_files import write_private_file

    made = f"{run.clock.now():%Y-%m-%d}"
    write_private_file(
        path, key, f"Lifeboat key, made {made}, fingerprint {fingerprint}\nIt opens every backup made for it. Keep it."
    )


def _print_recipient(run: Run, source: str | None, out: Path | None) -> ExitStatus:
    from lifeboat.app.private_files import read_private_file
    from lifeboat.crypto.identity import Identity

    if out is not None:
        raise click.UsageError("--out goes with a new key; the public half is printed")
    if source == "-":
        key = Secret(run.input.read().strip())
    elif source:
        key = read_private_file(run.folder / source, "--from")
    else:
        key = run.settings().need_key()
    half = Identity.from_text(key.reveal()).recipient
    if run.json:
        run.show({"fingerprint": half.fingerprint_short, "recipient": half.to_text()}, list)
    else:
        run.write(run.out, f"{half.to_text()}\n")
    return ExitStatus.DONE
