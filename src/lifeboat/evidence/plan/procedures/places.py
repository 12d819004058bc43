"""The key holder, the bucket, the class: what stands between the copies and whoever needs them."""

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.procedure import (
    ANOTHER_PLACE,
    NEW_MACHINE,
    SNAPSHOT,
    Procedure,
    Step,
    Typed,
    beside,
    expected,
    here,
    newest_words,
    point_words,
    quoted,
    told,
)
from lifeboat.foundation.sizes import show_seconds


def key_holder_lost(facts: PlanFacts) -> Procedure:
    typed, keys = Typed(facts), facts.keys or ()
    holders = [one.name for one in facts.contacts if one.key_holder]
    steps = [
        Step(
            "Who else has a key? "
            + (f"By the settings: {', '.join(holders)}. " if holders else "The settings name nobody as key holder. ")
            + "Where the envelopes lie stands on the first page."
        ),
        Step(
            "Which key is it? Its fingerprint has to be one of "
            + (
                ", ".join(f"{one.fingerprint} ({one.name})" for one in keys)
                if keys
                else "those that `lifeboat writer list` shows"
            )
            + ":",
            ("KEYFILE='the file with the key'", 'lifeboat keygen --recipient --from "$KEYFILE" --json'),
        ),
        Step(f"Does it open the copies? On another machine ({NEW_MACHINE}), with that key:", ("lifeboat snapshots",)),
    ]
    if facts.installation.has_key:
        steps.append(
            Step(
                f"{facts.installation.host} has a key that works: store it in two places outside of this machine today, and say so:",
                (typed("keygen --stored"),),
            )
        )
    steps.append(
        Step(
            "Nobody has a key any more: then nobody can read a copy, for ever. What is live is all there is. Make a new repository at another "
            f"place at once, with a new key and two holders. {ANOTHER_PLACE}:",
            ("lifeboat init",),
        )
    )
    return Procedure(
        "F",
        "Whoever holds the key cannot be reached",
        "Does everything stand, but whoever holds the key is gone, or the key is?",
        "nothing",
        tuple(steps),
        expected(facts, ("db", "files", "config"), "key-holder-lost")
        if keys[1:]
        else "as long as finding the second copy of the key takes",
        (
            Step(
                "A restore beside the live data, with the other key:",
                (f"lifeboat restore db {newest_words(facts)} --to {beside(facts)}",),
            ),
        ),
        (
            "Name another key holder in the settings (`[[contact]]`, `key_holder = true`), and make this plan anew.",
            "A holder who has left the company still has the key: `lifeboat recipient remove` takes it away, "
            "`lifeboat recipient replace` puts another in its place.",
        ),
        told(facts, lost=False),
        Step("Nothing was changed that would have to be undone."),
    )


def bucket_lost(facts: PlanFacts) -> Procedure:
    typed, replicas = Typed(facts), facts.replicas
    if replicas:
        first = replicas[0]
        name, target = quoted(first.name), beside(facts)
        steps = [
            here(facts),
            Step(
                "What does the second copy hold?",
                (typed(f"snapshots --replica {name}"), typed(f"status --replica {name}")),
            ),
            Step(
                "Is something to be brought back at the same time? Restore from it, beside or into an empty server:",
                (typed(f"restore db latest --to {target} --replica {name}"),),
            ),
            Step(
                "The repository does not come back: make the second copy the repository. In .env, and in `[repository]` of lifeboat.toml:",
                (
                    f"LIFEBOAT_REPOSITORY={first.location}",
                    *((f"AWS_REGION={first.region}",) if first.region else ()),
                ),
            ),
            Step("Then:", (typed("replicate --promote"), typed("backup all"), typed("verify --level structure"))),
        ]
        after: tuple[str, ...] = (
            "Give it a second copy of its own: `[[replica]]`.",
            "The old place, should it come back, is replicated to only after it was emptied, or with `--adopt` if nothing was written there since.",
        )
    else:
        steps = [
            Step(
                "There is NO second copy. As long as the place is only away: wait, the jobs try again by themselves, and the oplog holds changes."
            ),
            *(
                [
                    Step(
                        "Objects were deleted, the bucket is there: where it keeps versions they come back:",
                        (typed("aws undelete --dry-run"),),
                    )
                ]
                if facts.place.is_bucket
                else []
            ),
            Step(
                "It is gone for good: what is live is all there is, so nothing may happen to it now. Make a new repository at another place at once. "
                f"{ANOTHER_PLACE}:",
                ("lifeboat init", "lifeboat backup all"),
            ),
        ]
        after = ("Set a second copy, in another region or account: `[[replica]]`, then `lifeboat replicate`.",)
    return Procedure(
        "G",
        "The bucket or its region is lost" if facts.place.is_bucket else "The place of the copies is lost",
        "Do the copies not answer: bucket deleted, account closed, region away, disk dead?",
        "nothing: the application goes on. Until this is done nothing new is stored",
        tuple(steps),
        "minutes to go over to the second copy; a restore from it takes as long as from the first"
        if replicas
        else "as long as a first backup takes",
        (Step("Is everything in order at the new place?", (typed("doctor"), typed("status"))),),
        after,
        told(facts, lost=False),
        Step(
            "Until `replicate --promote` nothing was changed. After it, what was stored in the new place stays there."
        ),
    )


def archived_copies(facts: PlanFacts) -> Procedure:
    typed, target = Typed(facts), beside(facts)
    point = point_words(facts)
    offered = [
        f"{one.storage_class} {one.tier}: up to {show_seconds((one.hours_most or 0) * 3600)}, {_dollars(one.dollars_per_gb)} a GB"
        for one in facts.retrieval
        if one.hours_most is not None and one.dollars_per_gb is not None
    ]
    now = {
        None: "Whether copies lie in an archive class now was not looked at.",
        0: "No copy lies in an archive class now.",
    }.get(facts.archived_objects, f"{facts.archived_objects} objects lie in archive classes now.")
    return Procedure(
        "H",
        "Copies lie in Glacier",
        "Does a restore say that copies lie in Glacier or Deep Archive?",
        "as the procedure that led here says",
        (
            Step(f"{now} The newest copies are never there: take one of them if it will do."),
            here(facts),
            Step(
                "Which copies can be read at once:",
                (typed("snapshots --where"),),
            ),
            Step(
                "Time and cost of one that cannot. Nothing is spent by looking:",
                (SNAPSHOT, typed('retrieve "$SNAPSHOT" --dry-run')),
            ),
            Step(
                "Ask for it and wait; `--tier bulk` is the cheapest, `expedited` the fastest where it is offered. Stopped, the same command goes on:",
                (SNAPSHOT, typed(f'restore db "$SNAPSHOT" --to {target} --tier standard --wait')),
            ),
        ),
        "; ".join(offered) + (f" ({facts.prices})" if offered and facts.prices else "")
        or "Glacier: 3 to 5 hours (standard), 12 (bulk); Deep Archive: 12 hours (standard), 48 (bulk)",
        (
            Step(
                "What the restore would do, once all can be read:",
                (typed(f"restore db {point} --over-live --dry-run"),),
            ),
        ),
        ("Copies that were brought back can be read for 7 days; then they are asked for, and paid for, again.",),
        told(facts, lost=False),
        Step("What was asked for is paid for; it goes away by itself."),
    )


def _dollars(amount: float) -> str:
    return f"about ${amount:.4f}".rstrip("0").rstrip(".") if amount else "$0"
