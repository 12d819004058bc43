"""The server is gone, or the machine that Lifeboat runs on."""

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.procedure import (
    NEW_MACHINE,
    Procedure,
    Step,
    Typed,
    expected,
    newest_words,
    point_words,
    quoted,
    told,
    whose,
)

NEW_FOLDER = "~/recovery"


def what_is_needed(facts: PlanFacts) -> tuple[str, ...]:
    """Everything that a new machine needs, and where each is from."""
    place, here = facts.place, facts.installation
    where = f"the name of the place: `{place.location}`"
    needs = [
        f"Lifeboat {here.software} (a Python package; Python 3.11 or newer) or, without it, the rescue script that lies in the repository",
        where
        + (f", region `{place.region}`" if place.region else "")
        + (f", at `{place.endpoint}`" if place.endpoint else ""),
    ]
    if place.is_bucket:
        needs.append(
            "credentials that may read that bucket (and write, for safety snapshots): an access key and its secret"
        )
    needs.append('a key that opens the copies: chapter "Where the keys are"')
    if facts.protects_database:
        needs.append(
            "an empty MongoDB server" + (f" of version {facts.database.version}" if facts.database.version else "")
        )
    return tuple(needs)


def settings_lines(facts: PlanFacts) -> tuple[str, ...]:
    """A `.env` for a machine that has nothing; secrets are written into it by hand."""
    place = facts.place
    lines = [f"LIFEBOAT_REPOSITORY={place.location}"]
    if place.is_bucket:
        lines += [f"AWS_REGION={place.region or ''}"]
        lines += [f"AWS_ENDPOINT_URL={place.endpoint}"] if place.endpoint else []
        lines += ["AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="]
    lines.append("BACKUP_ENCRYPTION_KEY=")
    if facts.protects_database:
        lines.append("MONGODB_URI=")
    if len(facts.trees.files) == 1:
        lines.append(f"UPLOADS_DIR={facts.trees.files[0]}")
    return ("umask 077", f"mkdir -p {NEW_FOLDER} && cd {NEW_FOLDER}", "cat > .env <<'END'", *lines, "END")


def new_machine(facts: PlanFacts) -> tuple[Step, ...]:
    """From an empty machine to one that sees the copies."""
    version = facts.installation.software
    steps = [
        Step(
            'Install Lifeboat (the page before, "The package", says where it is kept):',
            (
                "python3 -m venv ~/lifeboat",
                f"~/lifeboat/bin/pip install lifeboat=={version}",
                'export PATH="$HOME/lifeboat/bin:$PATH"',
            ),
        ),
        Step("Write the settings:", settings_lines(facts)),
        Step("Fill in what is empty: secrets into the file, never onto a command line:", ('"${EDITOR:-vi}" .env',)),
    ]
    if not facts.place.is_bucket:
        steps.append(
            Step(
                f"The copies lie in a folder: mount the disk that holds {facts.place.location}, or write where it is now."
            )
        )
    steps.append(Step("Does it open, and what is there?", ("lifeboat snapshots", "lifeboat status")))
    return tuple(steps)


def server_loss(facts: PlanFacts) -> Procedure:
    steps = list(new_machine(facts))
    if facts.protects_config:
        steps.append(
            Step(
                "The configuration first, beside: .env, settings, certificates as they were. Compare and copy what belongs where; passwords "
                "that may be known to others are replaced:",
                (f"lifeboat restore config {newest_words(facts)} --to config-from-backup",),
            )
        )
    if facts.protects_database:
        steps.append(
            Step(
                f"The database into the new, empty server, under its own name, with users and roles.{whose(facts)}",
                (f"lifeboat restore db {point_words(facts, elsewhere=True)} --over-live",),
            )
        )
    steps += _files(facts)
    steps.append(Step('The application: chapter "What Lifeboat does not bring back". Start it.'))
    return Procedure(
        "C",
        "The server is lost",
        "Is the whole server gone (fire, theft, a dead disk, a closed account)?",
        "nothing writes any more. If parts of it still run: switch them off, so that nobody works on a half",
        tuple(steps),
        expected(facts, ("db", "files", "config"), "server-loss") + "; a new machine, its network and DNS come on top",
        (
            Step(
                "Each restore compares what it brought back. Then, from outside: sign in, open a file, make a change, see it again."
            ),
            Step("Is anything of the copies missing or damaged?", ("lifeboat verify --level structure",)),
        ),
        (
            'Point DNS and certificates to the new machine (chapter "What Lifeboat does not bring back").',
            "This machine backs up from now on: `lifeboat backup all`, then `lifeboat schedule install`.",
            "Take the old machine's credentials away, whatever became of it.",
        ),
        told(facts),
        Step(
            "There is nothing to go back to: the new machine was empty. Should the old one come back, do not let it write."
        ),
    )


def _files(facts: PlanFacts) -> list[Step]:
    folders = facts.trees.files
    if not facts.protects_files:
        return []
    if len(folders) == 1:
        return [
            Step(
                "The files, into the folder where they were:",
                (f"lifeboat restore files {newest_words(facts)} --to {quoted(folders[0])}",),
            )
        ]
    return [
        Step(
            "The files: all trees beside, then moved to where they belong"
            + (f" ({', '.join(folders)}):" if folders else ":"),
            (f"lifeboat restore files {newest_words(facts)} --to ~/files-from-backup",),
        )
    ]


def taken_in(facts: PlanFacts, how: str, as_what: str) -> tuple[Step, ...]:
    """A guarded host becomes a writer by a file that the keeper makes. Args: how: ``--again``, ``--new``."""
    return (
        Step(
            f"On the keeper's machine, for the host as {as_what}; the file it writes is carried over by hand:",
            (f"lifeboat writer add {quoted(facts.writer_name)} {how} --to host.writer",),
        ),
        Step(
            "On the host, in the application's folder:", ("lifeboat init --writer host.writer", "shred -u host.writer")
        ),
        Step("On the keeper's machine:", ("shred -u host.writer",)),
    )


def host_loss(facts: PlanFacts) -> Procedure:
    """Lifeboat's own machine is gone; the application goes on."""
    here, typed = facts.installation, Typed(facts)
    again = (typed("backup all"), typed("schedule install"), typed("doctor"))
    if here.is_guarded:
        steps: tuple[Step, ...] = (
            *taken_in(facts, "--again", "the same writer"),
            Step("It uploads nothing twice, and goes on. Then everything runs by itself again:", again),
            Step(
                "If the keeper's machine is lost: with it goes nothing but its memory. On a new one type the first steps of "
                f"{NEW_MACHINE.removeprefix('the first steps of ')}; then let its jobs run:",
                ("lifeboat schedule install",),
            ),
        )
    else:
        steps = (
            *new_machine(facts),
            Step(
                "Bring lifeboat.toml and .env back as they were, put them where they belong, and go there:",
                (f"lifeboat restore config {newest_words(facts)} --to config-from-backup",),
            )
            if facts.protects_config
            else Step("Write lifeboat.toml as the appendix of this plan has it."),
            Step(
                "It knows itself again by its name, uploads nothing twice, and goes on. Then everything runs by itself again:",
                again,
            ),
        )
    return Procedure(
        "I",
        "Lifeboat's own machine is lost",
        "Does the application run, and only the machine or the memory of Lifeboat is gone?",
        "nothing: the application goes on. Until this is done, nothing new is backed up",
        steps,
        "minutes, and one backup that reads everything once; it uploads what is new",
        (Step("Is everything in order?", (typed("doctor"), typed("status"))),),
        (f"If {here.host} may be in wrong hands: procedure J as well.",),
        told(facts, lost=False),
        Step("Nothing was changed that would have to be undone."),
    )
