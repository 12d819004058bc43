"""The chapters behind the procedures: who is told, what people bring back themselves, what was kept from before, the appendix. Pure."""

from collections.abc import Mapping

from lifeboat.evidence.paper.document import Bullets, Commands, Facts, Paragraph, Writing, Yours
from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.procedure import Typed, quoted
from lifeboat.evidence.plan.procedures.servers import what_is_needed
from lifeboat.evidence.plan.words import span_words

PROMPTS = {
    "messages": "who sends which message through what: addresses, languages, who signs",
    "package": "where the Lifeboat package (the wheel file and its dependencies) is kept, apart from this machine",
    "application": "where the application's code and images are, how it is deployed and started, and what shows that it works",
    "dns-and-certificates": "who can change DNS, where; where certificates and their keys come from",
    "third-parties": "services of others that the application needs, their accounts, what has to be told or set there",
}


def needed(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    """What one needs to begin with on a new machine."""
    writing.chapter("What one needs on a new machine")
    writing.add(Bullets(what_is_needed(facts)))
    writing.section("The package")
    writing.add(Yours("package", PROMPTS["package"], yours.get("package", "")))


def who_is_told(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    writing.chapter("Who is told")
    typed = Typed(facts)
    writing.add(
        Bullets(
            (
                "Inside, at once: the incident lead, then those who decide. Every hour while it lasts, even if nothing is new.",
                "The authority (Saudi Arabia: SDAIA, by its platform), within 72 hours of knowing that personal data were lost, damaged, or "
                "reached by somebody "
                "who should not: what happened, when, and when it was noticed; which kinds of data, of how many persons; the risks; what "
                "was done and "
                "will be done; whether the persons were told; whom to ask. What is not known yet is sent later. PDPL article 20 and article "
                "24 of its "
                "regulation; where the GDPR applies, article 33 likewise.",
                "The persons, without delay, where it can harm them: what happened, what it means for them, what they should do (change a "
                "password), whom to ask.",
                "If the data are somebody else's (a client's, who is the controller): that client at once; the 72 hours are then his.",
            )
        ),
        Paragraph(
            "How many records, and which: "
            f"`{typed('snapshots db')}` lists collections and documents of the newest copy, `{typed('audit query')}` who read or restored what."
        ),
        Paragraph("To users, when it is noticed:"),
        Bullets(
            (
                '"Since TIME the service cannot be used. Nothing has to be done by you. The next message comes at TIME."',
                '"The service is back. What was entered between TIME and TIME is missing; please enter it again. Your documents are complete."',
            )
        ),
        Yours("messages", PROMPTS["messages"], yours.get("messages", "")),
    )


def people_bring_back(writing: Writing, yours: Mapping[str, str]) -> None:
    writing.chapter("What Lifeboat does not bring back")
    for title, name in (
        ("The application", "application"),
        ("DNS and certificates", "dns-and-certificates"),
        ("Services of others", "third-parties"),
    ):
        writing.section(title)
        writing.add(Yours(name, PROMPTS[name], yours.get(name, "")))


def kept_from_before(writing: Writing, yours: Mapping[str, str], known: frozenset[str]) -> None:
    """Parts that people wrote into an older form of the plan, under names that are no more."""
    gone = {name: text for name, text in yours.items() if name not in known and text.strip()}
    if not gone:
        return
    writing.chapter("Kept from before")
    writing.add(
        Paragraph(
            "People wrote these parts into an older form of this plan. Move them to where they belong now, and empty them here."
        )
    )
    for name, text in sorted(gone.items()):
        writing.section(name)
        writing.add(Yours(name, "this part can stay empty", text))


def appendix(writing: Writing, facts: PlanFacts) -> None:
    """Settings without secrets, versions, the format, the way without Lifeboat."""
    here, place = facts.installation, facts.place
    writing.chapter("Appendix: settings, versions, without Lifeboat")
    pairs = [
        ("installation", f"{here.label}, {here.role}, profile {here.profile or 'not looked at'}"),
        ("repository", f"{here.repository_id or 'not looked at'}, made {here.created or 'at a time not looked at'}"),
        ("settings", ", ".join(f"`{one}`" for one in here.settings_files) or "the environment alone"),
        ("memory of this machine", f"`{here.state}`"),
        (
            "program",
            f"`{here.program}`: Lifeboat {here.software}, Python {here.python}, repository format {here.format}",
        ),
    ]
    if facts.database.version:
        pairs.append(
            (
                "database server",
                f"MongoDB {facts.database.version}{'' if facts.database.in_a_set else ', no replica set'}",
            )
        )
    pairs += [
        (f"may be lost of {one.source}", span_words(one.objective_seconds))
        for one in facts.sources
        if one.objective_seconds is not None
    ]
    pairs += [(f"kept, {name}", str(count)) for name, count in facts.keep.numbers.items() if count]
    if place.is_bucket:
        pairs.append(
            (
                "bucket",
                f"{place.location}, region {place.region or 'not set'}"
                + (f", {place.endpoint}" if place.endpoint else ""),
            )
        )
    writing.add(Facts(tuple(pairs)))
    writing.section("Without Lifeboat")
    rescue = facts.installation.rescue
    copy = (
        (
            f"aws s3 sync {quoted(place.location)} copy"
            + (f" --endpoint-url {quoted(place.endpoint)}" if place.endpoint else ""),
        )
        if place.is_bucket
        else (f"cp -a {quoted(place.location)} copy",)
    )
    writing.add(
        Paragraph(
            "A stand-alone script lies in the repository, which lists copies and writes files and a mongodump folder. It needs Python, two "
            "packages and "
            "the key (in the environment, so that it stands in no command line):"
        ),
        Commands(
            (
                *copy,
                "pip install 'cryptography>=50' zstandard",
                "read -rs BACKUP_ENCRYPTION_KEY && export BACKUP_ENCRYPTION_KEY",
            )
        ),
        Commands(
            (
                f"python -c 'import hashlib, sys; sys.exit(hashlib.sha256(open(sys.argv[1], \"rb\").read()).hexdigest() not in sys.argv[1])' "
                f"copy/{rescue} && RESCUE=copy/{rescue}",
                'python "${RESCUE:?the script is not the right one}" list copy',
                'python "${RESCUE:?the script is not the right one}" files copy latest files-out',
                'python "${RESCUE:?the script is not the right one}" dump copy latest dump-out',
                "mongorestore dump-out",
            )
        ),
        Paragraph(
            "No other script that lies there: whoever can write to the store could have put one beside it, and it would be given the key."
        ),
    )
