"""Somebody got in: everything encrypted, or credentials stolen."""

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.procedure import (
    ANOTHER_PLACE,
    MOMENT,
    NEW_MACHINE,
    Procedure,
    Step,
    Typed,
    beside,
    expected,
    quoted,
    told,
    whose,
)
from lifeboat.evidence.plan.procedures.servers import taken_in


def ransomware(facts: PlanFacts) -> Procedure:
    place, target, at = facts.place, beside(facts), facts.behind_at
    steps = [
        Step(
            "Cut the servers off the network; do not switch them off, do not clean them: they are evidence. Type nothing on them. "
            "Nothing that lies on them is trusted, Lifeboat and its settings included."
        ),
        Step(
            "From another machine change, in this order: the credentials of the place of the copies, of DNS, of whoever may sign in to servers."
        ),
        Step("Take a clean machine: " + NEW_MACHINE + ". Everything below is typed there."),
    ]
    if place.is_bucket:
        steps.append(
            Step(
                "Did he delete copies? Where the bucket keeps versions they come back:",
                ("lifeboat aws undelete --dry-run",),
            )
        )
    steps.append(
        Step(
            "Are the copies whole, and who did what? Time and places of the break-in show in the record of acts:",
            (
                "lifeboat verify --level structure",
                "lifeboat audit verify",
                "lifeboat audit query --since '30 days ago'",
            ),
        )
    )
    if facts.streams:
        steps.append(
            Step(
                "When did it begin? Mass changes and drops with their times:",
                ("lifeboat timeline --suspects --from '3 days ago'",),
            )
        )
    else:
        steps.append(
            Step("When did it begin? Sizes that jump, days on which everything changed:", ("lifeboat snapshots",))
        )
    steps.append(
        Step(
            f"Choose a moment well before that, and restore beside first; look at it before anybody works on it.{whose(facts)}",
            (
                MOMENT,
                f'lifeboat restore db --at "$BEFORE{at}" --to {target}',
                f'lifeboat restore files --at "$BEFORE{at}" --to ~/files-from-before',
                f'lifeboat restore config --at "$BEFORE{at}" --to ~/config-from-before',
            ),
        )
        if facts.streams
        else Step(
            "Choose snapshots from well before that, and restore beside first; look at them before anybody works on them:",
            (
                "DB='the first 8 letters of a snapshot of the database'",
                "FILES='the first 8 letters of a snapshot of the files'",
                f'lifeboat restore db "$DB" --to {target}',
                'lifeboat restore files "$FILES" --to ~/files-from-before',
            ),
        )
    )
    steps.append(
        Step(
            "When it is clean: into the new, empty server, and start the application there, rebuilt from its source, not from the old machine:",
            (MOMENT, f'lifeboat restore db --at "$BEFORE{at}" --over-live')
            if facts.streams
            else ("DB='the first 8 letters of that snapshot'", 'lifeboat restore db "$DB" --over-live'),
        )
    )
    return Procedure(
        "D",
        "Ransomware, or somebody is in the systems",
        "Is somebody in the systems who should not be: data encrypted, unknown accounts, a ransom note?",
        "cut the network at the switch or firewall. Do not stop services one by one: he would notice, and memory is evidence",
        tuple(steps),
        expected(facts, ("db", "files", "config"), "ransomware")
        + "; finding the moment takes the longest: hours to days",
        (
            Step(
                "Accounts that nobody knows, in the database and in the application: look at users and roles before it goes live."
            ),
            Step("All copies, byte by byte, when there is time:", ("lifeboat verify --level full",)),
        ),
        (
            "Every password and key that was on the servers is known to him: change all of them, also those of the restored .env.",
            "The key of the copies was on the server: all copies made so far can be read by him. Put a new key in its place "
            "(`lifeboat keygen --out new.key`, `lifeboat recipient replace key --by new.key --stolen`)."
            if facts.installation.has_key and facts.installation.role == "simple"
            else "The key of the copies was not on the server: he can read none of them.",
            "Store everything anew, sharing nothing with what he may have planted: `lifeboat backup all --new-generation`.",
            "Erased persons stay erased: the restore replays the ledger.",
        ),
        told(facts),
        Step(
            "The old servers stay as they are, off the network, until the authorities and the insurer have seen them."
        ),
    )


def stolen_writer(facts: PlanFacts) -> Procedure:
    here, typed = facts.installation, Typed(facts)
    name = quoted(facts.writer_name)
    steps = [Step("Take this machine's rights to the place of the copies away: there, not on this machine.")]
    if here.is_guarded:
        steps += [
            Step(
                "On the keeper's machine: who writes, and what was stored in its name?",
                ("lifeboat writer list", "lifeboat snapshots"),
            ),
        ]
    steps.append(
        Step(
            "Is the record of acts whole, and is anything stored damaged?",
            (typed("audit verify"), typed("verify --level full")),
        )
    )
    if facts.place.is_bucket:
        steps.append(Step("Was anything deleted or overwritten?", (typed("aws undelete --dry-run"),)))
    if here.is_guarded:
        steps += taken_in(facts, "--new", "a new writer, which shares nothing with the old one")
        if facts.place.is_bucket:
            steps.append(
                Step(
                    "Its rights in the bucket, for the administrator to attach:",
                    (f"lifeboat aws policy writer {name}",),
                )
            )
    else:
        steps.append(
            Step(
                "The key was on that machine, so every copy can be read with it. Make a new repository with a new key at another place, "
                f"and store everything there. {ANOTHER_PLACE}:",
                ("lifeboat init", "lifeboat backup all"),
            )
        )
    return Procedure(
        "J",
        "Credentials of a machine that backs up are stolen",
        "Is a laptop, an .env file or a key of the bucket in wrong hands, and nothing else happened?",
        "nothing, as long as only the credentials are gone",
        tuple(steps),
        "minutes for the credentials; a new generation takes as long as a first backup",
        (Step("Does everything run with the new credentials?", (typed("doctor"), typed("status"))),),
        (
            "Whoever has an older copy of that .env throws it away.",
            "In the guarded profile he could store things in this machine's name and read nothing: proofs tell what was whole before."
            if here.is_guarded
            else "The old repository is destroyed when the new one holds enough; until then it is the only history there is.",
        ),
        told(facts),
        Step("Credentials that were taken away are given again if it was a false alarm."),
    )
