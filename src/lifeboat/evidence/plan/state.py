"""The chapters that say how everything stands: objectives, what is protected and what is not, copies, keys, tests, gaps. Pure."""

from collections.abc import Mapping

from lifeboat.evidence.paper.document import Bullets, Facts, Mood, Notice, Paragraph, Writing, Yours
from lifeboat.evidence.plan.facts import Place, PlanFacts, SourceFacts
from lifeboat.evidence.plan.procedures.procedure import Typed
from lifeboat.evidence.plan.words import span_words, time_words
from lifeboat.foundation.sizes import show_bytes, show_seconds

GAPS_AT_MOST = 30
NOTHING_RUNS = ("schedule-missing", "schedule-gone")
"""What doctor calls it when what should run by itself does not."""
NAMES = {"db": "database", "files": "files", "config": "configuration"}
PROMPTS = {
    "other-gaps": "what else is not protected, and who has accepted that",
    "exercises": "what was learnt in exercises, and who has taken part",
}


def objectives(writing: Writing, facts: PlanFacts) -> None:
    """RPO and RTO against what is measured."""
    writing.chapter("How much may be lost, how long it may take")
    rows, moods = [], []
    for one in facts.sources:
        if not one.is_set_up and not one.snapshots:
            continue
        rows.append(
            (
                NAMES[one.source],
                _goal(one.objective_seconds),
                _span(one.age_seconds),
                f"{one.newest:%Y-%m-%d %H:%M}" if one.newest else "none" if one.snapshots == 0 else "not looked at",
                f"{one.proved:%Y-%m-%d %H:%M}"
                if one.proved
                else "never"
                if one.snapshots is not None
                else "not looked at",
            )
        )
        moods.append(_mood(one))
    writing.table(
        ("source", "may be lost (RPO)", "would be lost when this was made", "newest copy, UTC", "newest proved"),
        rows,
        moods=tuple(moods),
    )
    measured = facts.measured
    last = next((one for one in facts.drills or () if one.seconds is not None), None)
    pairs = [("everything back within (RTO)", _goal(facts.rto_seconds))]
    pairs.append(
        ("last drill", f"{last.scenario}: {_span(last.seconds)}, {last.outcome}, {last.ended:%Y-%m-%d}")
        if last
        else ("last drill", "none is known" if facts.drills is not None else "not looked at: it needs the key")
    )
    pairs.append(("last restore here", _span(measured.last_restore_seconds)))
    if measured.predicted_seconds is not None:
        since = f", reckoned from {measured.predicted_from}" if measured.predicted_from else ""
        pairs.append(("everything of today's size", f"{_span(measured.predicted_seconds)}{since}"))
    writing.add(Facts(tuple(pairs)))
    if last and last.seconds is not None and last.seconds > facts.rto_seconds:
        writing.add(Notice("The last drill took longer than the objective.", "bad"))
    if measured.predicted_seconds is not None and measured.predicted_seconds > facts.rto_seconds:
        writing.add(
            Notice("By the drills that were, everything of today's size would take longer than the objective.", "bad")
        )


def protected(writing: Writing, facts: PlanFacts) -> None:
    writing.chapter("What is protected")
    database, trees = facts.database, facts.trees
    rows = []
    for one in facts.sources:
        if one.is_set_up or one.snapshots:
            rows.append(
                (
                    NAMES[one.source],
                    _names(one, facts),
                    _amount(one),
                    str(one.snapshots if one.snapshots is not None else ""),
                )
            )
    writing.table(
        ("what", "which", "newest copy holds", "copies"), rows, right=(3,), if_empty="nothing is protected from here"
    )
    if facts.protects_database:
        users = "with options, indexes, validators, views, users and roles"
        count = f"{database.collections:,} collections " if database.collections is not None else "All collections "
        moment = (
            f"Every change is archived {facts.stream_every_seconds:.0f} s after it was made: any moment of the last {facts.keep.window_days} days "
            "can be brought back."
            if facts.streams
            else "Between two copies nothing is archived here: what was written since the last one would be lost."
        )
        writing.add(Paragraph(f"{count}{users}. {moment}"))
    if trees.files:
        writing.add(Paragraph("Files with owner, mode, times, links and extended attributes."))
    writing.section("What runs when")
    writing.table(
        ("what", "when", "command", "here"),
        [
            (one.title, time_words(one.time), f"`lifeboat {one.command}`", "yes" if not one.why else one.why)
            for one in facts.jobs
        ],
        if_empty="nothing runs by itself from here",
    )
    for gap in facts.gaps:
        if gap.code in NOTHING_RUNS:
            writing.add(Notice(f"When this was made it did not run: {gap.message}. {gap.hint}", "bad"))
    writing.section("What is kept, and for how long")
    writing.add(Bullets(facts.keep.rules))


def not_protected(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    writing.chapter("What is not protected")
    writing.add(Bullets(tuple(_missing(facts))))
    writing.add(
        Paragraph(
            "Lifeboat does not see, and does not bring back: DNS, TLS certificates (but for those among the configuration), the "
            "application's code and "
            'images, the operating system, services of others (mail, payments, sign-in). Chapter "What Lifeboat does not bring back" is for them.'
        ),
        Yours("other-gaps", PROMPTS["other-gaps"], yours.get("other-gaps", "")),
    )


def _missing(facts: PlanFacts) -> list[str]:
    database, trees = facts.database, facts.trees
    found = [
        f"The {NAMES[one.source]}: not set up here, and no copy is known."
        for one in facts.sources
        if not one.is_set_up and not one.snapshots
    ]
    found += [
        f"The {NAMES[one.source]}: set up, but no copy is stored yet."
        for one in facts.sources
        if one.is_set_up and one.snapshots == 0
    ]
    if database.left_out:
        found.append(
            f"Databases on the same server that are left out: {', '.join(f'`{one}`' for one in database.left_out)}."
        )
    elif database.left_out == () and facts.protects_database:
        found.append("Other databases on the server, if this user may not see them; none was seen.")
    elif database.left_out is None and facts.protects_database:
        found.append("Which other databases lie on the server was not looked at.")
    if trees.exclude:
        found.append(f"Files that match {', '.join(f'`{one}`' for one in trees.exclude)}.")
    if trees.include:
        found.append(f"Files that do not match {', '.join(f'`{one}`' for one in trees.include)}.")
    if trees.one_filesystem:
        found.append("What is mounted below the folders of files.")
    found += [f"{one}." for one in facts.incomplete]
    found += [f"{one}." for one in database.special]
    if database.in_a_set is False:
        found.append(
            "The server is no replica set: a copy is not of one instant, and no change between two copies is archived."
        )
    if facts.protects_database and facts.streams:
        found.append("A moment between two copies has the users and roles of the copy before it.")
    if facts.protects_database and not facts.streams:
        found.append("What was written to the database since its last copy.")
    return found


def copies(writing: Writing, facts: PlanFacts) -> None:
    """Where copies lie, and who has keys."""
    keep = facts.keep
    writing.chapter("Where the copies are")
    rows = [_place_row("the repository", facts.place, "")]
    rows += [_place_row(f"second copy {one.name}", one, one.behind or "not looked at") for one in facts.replicas]
    writing.table(("", "place", "region", "country", "how it stands"), rows)
    if not facts.replicas:
        writing.add(Notice("There is no second copy: what takes this one place takes all copies.", "doubtful"))
    locked = {
        "off": "Object Lock is off in the settings: whoever may delete can delete copies",
        "governance": f"Object Lock (governance) until {keep.lock_days} days after the end of each month",
        "compliance": f"Object Lock (compliance, nobody can end it) until {keep.lock_days} days after the end of each month",
    }.get(keep.object_lock, keep.object_lock)
    pairs = [
        (
            "stored",
            show_bytes(facts.measured.stored_bytes) if facts.measured.stored_bytes is not None else "not looked at",
        )
    ]
    if facts.place.is_bucket:
        pairs.append(("locks", locked))
        pairs.append(
            (
                "age rules",
                f"{keep.lifecycle}: monthly copies may move to cheaper classes, the others never do"
                if keep.lifecycle != "off"
                else "none",
            )
        )
    pairs.append(("last verification here", facts.measured.last_verify or "none is remembered on this machine"))
    writing.add(Facts(tuple(pairs)))
    writing.chapter("Where the keys are")
    holders = [one.name for one in facts.contacts if one.key_holder]
    writing.table(
        ("key", "of", "on this machine", "shown to be stored elsewhere"),
        [
            (one.fingerprint, one.name, "yes" if one.is_here else "no", one.stored or "not known")
            for one in facts.keys or ()
        ],
        moods=tuple("good" if one.stored else "doubtful" for one in facts.keys or ()),
        if_empty="the repository could not be looked at" if facts.keys is None else "none",
    )
    writing.add(
        Paragraph(
            "Each of these keys alone opens every copy; without one of them nobody can read anything, and nobody can make one again. Key holders: "
            + (", ".join(holders) if holders else "nobody is named (`key_holder = true` under `[[contact]]`)")
            + ". Where the envelopes lie stands on the first page."
        )
    )
    if len(holders) < 2:
        writing.add(
            Notice("Fewer than two key holders are named: when one cannot be reached, nothing can be read.", "doubtful")
        )
    if facts.custodians:
        writing.add(Paragraph(f"Custodians (they prune, and can read nothing): {', '.join(facts.custodians)}."))


def tests(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    """The testing schedule and the last results."""
    typed = Typed(facts)
    writing.chapter("Tests: schedule and last results")
    writing.table(
        ("what", "every", "last", "due", "command"),
        [
            (
                one.what,
                _goal(one.every_seconds),
                f"{one.last:%Y-%m-%d}" if one.last else "never",
                ("overdue since " if one.is_overdue else "") + (f"{one.due:%Y-%m-%d}" if one.due else "now"),
                f"`{typed(one.command)}`" if one.command else "people, with this plan",
            )
            for one in facts.due
        ],
        moods=tuple("bad" if one.is_overdue else "plain" for one in facts.due),
    )
    writing.table(
        ("drill", "on", "outcome", "back after"),
        [(one.scenario, f"{one.ended:%Y-%m-%d}", one.outcome, _span(one.seconds)) for one in (facts.drills or ())[:8]],
        moods=tuple(_outcome(one.outcome) for one in (facts.drills or ())[:8]),
        if_empty="no drill is known" if facts.drills is not None else "drills were not looked at: that needs the key",
    )
    target = facts.drill_to or "a server that Lifeboat starts for it and removes again"
    writing.add(
        Paragraph(f"Drills restore into {target}; nothing live is touched."),
        Bullets(
            (
                "Prepare: tell the team and the date, say which scenario, note the time at which it begins.",
                "Do it: pretend the loss, find the newest copy, fetch, decrypt, check, restore; the drill times each of these.",
                "Validate: time to be back (RTO) and loss (RPO) against the objectives, every document and file compared, the application's "
                "checks, sign-in of a test user, API endpoints.",
                "Learn: what went wrong becomes a follow-up with an owner and a date; change this plan; name the day of the next one.",
                "Train: once a quarter somebody who has never done it takes this plan and brings back one file, one collection, everything.",
            )
        ),
        Yours("exercises", PROMPTS["exercises"], yours.get("exercises", "")),
    )


def gaps(writing: Writing, facts: PlanFacts) -> None:
    """What is known not to be in order."""
    writing.chapter("Known gaps")
    shown = facts.gaps[:GAPS_AT_MOST]
    writing.table(
        ("what", "found", "what to do"),
        [(one.subject, f"{one.message} [{one.code}]", one.hint) for one in shown],
        moods=tuple("bad" if one.level == "problem" else "doubtful" for one in shown),
        if_empty="none was found when this was made",
    )
    if len(facts.gaps) > len(shown):
        writing.add(Paragraph(f"{len(facts.gaps) - len(shown)} more: `{Typed(facts)('doctor')}`."))


def _outcome(outcome: str) -> Mood:
    return "good" if outcome == "passed" else "bad"


def _mood(one: SourceFacts) -> Mood:
    if one.meets_objective is None:
        return "doubtful"
    if not one.meets_objective:
        return "bad"
    return "good" if one.proved else "doubtful"


def _names(one: SourceFacts, facts: PlanFacts) -> str:
    if one.source == "db":
        names = facts.database.protected or facts.database.chosen
        where = f" at {facts.database.address}" if facts.database.address else ""
        return (", ".join(f"`{name}`" for name in names) or "all databases but admin, local and config") + where
    paths = facts.trees.files if one.source == "files" else facts.trees.config
    return ", ".join(f"`{path}`" for path in paths) or "as another machine stores them"


def _amount(one: SourceFacts) -> str:
    if one.items is None or one.bytes is None:
        return "no copy" if one.snapshots == 0 else "not looked at"
    return f"{one.items:,} {'documents' if one.source == 'db' else 'entries'}, {show_bytes(one.bytes)}"


def _place_row(what: str, place: Place, behind: str) -> tuple[str, ...]:
    at = f" at {place.endpoint}" if place.endpoint else ""
    return (what, f"{place.location}{at}", place.region or "", place.where, behind)


def _goal(seconds: float | None) -> str:
    return "none is set" if seconds is None else span_words(seconds)


def _span(seconds: float | None) -> str:
    return "not measured yet" if seconds is None else show_seconds(seconds)
