"""The pages that are needed first: the card that is printed alone, what this paper is, what happened, whom to call. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from lifeboat.evidence.paper.document import Commands, Facts, Notice, Paragraph, Picture, Writing, Yours
from lifeboat.evidence.plan import tree
from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.all_of_them import asked
from lifeboat.evidence.plan.procedures.procedure import Typed

CALLED_ON_CARD = 4
REVIEW_DAYS = 365
CALL_MINUTES = 10

PROMPTS = {
    "stop-writes": "how writes are stopped here, to be typed or pressed: the application, its workers, scheduled jobs; and how one sees "
    "that they are stopped",
    "envelopes": "where the key lies on paper or in a password manager, and who can get at it at night; never the key itself",
    "remarks": "remarks of those who approved or refused it",
    "unreachable": "who decides when nobody of the list can be reached",
    "provider-support": "support of the cloud and hosting providers: telephone, customer number, who may call there",
}


def card(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    """The first page: whom to call, one command, where the key is."""
    typed = Typed(facts)
    writing.chapter("If it happens now")
    writing.add(
        Notice(
            "Do not panic. 1. Stop what writes. 2. Call. 3. Look what is lost. 4. Restore beside, look, then over. A restore compares before it "
            "replaces, keeps what it replaces, and can be undone.",
            "bad",
        )
    )
    rows = [
        (str(number), one.name, one.role, one.phone or one.email or "no number", "yes" if one.key_holder else "")
        for number, one in enumerate(facts.contacts[:CALLED_ON_CARD], 1)
    ]
    writing.table(
        ("", "call", "role", "telephone", "has a key"),
        rows,
        if_empty="nobody is named: write [[contact]] into lifeboat.toml, and make this plan anew",
    )
    writing.section("Stop what writes")
    writing.add(_yours("stop-writes", yours))
    writing.section("One command")
    installation = facts.installation
    if installation.has_key:
        writing.add(
            Paragraph(
                f"On {installation.host}, as {installation.user}; it looks, asks what happened and changes nothing without a yes:"
            ),
            Commands((typed.enter(), typed("emergency"))),
        )
    else:
        writing.add(
            Paragraph(
                f"On a machine that has the key ({installation.host} has none); it changes nothing without a yes:"
            ),
            Commands(("lifeboat emergency",)),
        )
    writing.section("Where everything is")
    named = ", ".join(one.name for one in facts.contacts if one.key_holder)
    holders = f"held by {named}" if named else "nobody is named as its holder"
    keys = ", ".join(one.fingerprint for one in facts.keys or ()) or "not looked at"
    pairs = [("the copies", _place_words(facts)), ("the key", f"{keys}; {holders}")]
    pairs += [("a second copy", f"{one.name}: {one.location}") for one in facts.replicas]
    pairs += [("this machine is gone", "procedure C: everything from the copies and a key alone")]
    pairs += [("somebody is in the systems", "procedure D, first: cut the network, type nothing on those machines")]
    writing.add(Facts(tuple(pairs)), _yours("envelopes", yours))


def about(writing: Writing, facts: PlanFacts, version: int, yours: Mapping[str, str]) -> None:
    """Version, date, status, approvals, purpose and scope."""
    here = facts.installation
    review = (facts.made + timedelta(days=REVIEW_DAYS)).date()
    approved = [one for one in facts.approvals if one.version == version]
    status = f"current on {facts.made:%Y-%m-%d}; " + (
        f"approved by {', '.join(one.by for one in approved)}" if approved else "not approved by anybody"
    )
    writing.chapter("This plan")
    writing.add(
        Facts(
            (
                ("version", str(version)),
                (
                    "made",
                    f"{facts.made:%Y-%m-%d %H:%M} UTC by Lifeboat {here.software} on {here.host}, from what was really there",
                ),
                ("status", status),
                (
                    "is it still true?",
                    f"`{Typed(facts)('report plan --check')}` names each difference; `status` and `doctor` tell it, too",
                ),
                ("next review", f"when something of it changes, after each drill, by {review} in any case"),
                (
                    "of",
                    ", ".join(
                        part for part in (facts.organisation, facts.application, f"installation {here.label}") if part
                    ),
                ),
                *((("systems", "; ".join(facts.systems)),) if facts.systems else ()),
            )
        ),
        Paragraph(
            "Purpose: to bring database, files and configuration back after they were lost, within the objectives below, by people who have "
            'never done it. Scope: what chapter "What is protected" lists; chapter "What is not protected" says what is not. Whoever holds this '
            "plan may begin: looking changes nothing."
        ),
    )
    for sentence in facts.unknown:
        writing.add(Notice(sentence, "doubtful"))
    writing.section("Approvals")
    writing.table(
        ("version", "by", "on", "SHA-256 of what was approved"),
        [
            (str(one.version), one.by, f"{one.when:%Y-%m-%d %H:%M} UTC", one.document_sha256[:16])
            for one in facts.approvals
        ],
        moods=tuple("good" if one.version == version else "doubtful" for one in facts.approvals),
        if_empty='nobody has approved a version: lifeboat report plan --approve "Name, role"',
    )
    if facts.approvals and not approved:
        writing.add(
            Notice(f"Version {version} is not approved: the approvals above are of other versions.", "doubtful")
        )
    writing.add(_yours("remarks", yours))


def what_happened(writing: Writing, facts: PlanFacts) -> None:
    """The decision tree."""
    procedures = asked(facts)
    writing.chapter("What happened?")
    writing.add(
        Paragraph(
            "From the top; the first question that is answered with yes counts. What is dangerous to get wrong is asked first."
        ),
        Picture(tree.picture(procedures), "The decision tree.", tree.in_words(procedures)),
        Paragraph(
            "None of them, or not sure: stop what writes, call, and look: "
            f"`{Typed(facts)('status')}`, `{Typed(facts)('timeline --suspects')}`, `{Typed(facts)('doctor')}`."
        ),
    )


def whom_to_call(writing: Writing, facts: PlanFacts, yours: Mapping[str, str]) -> None:
    writing.chapter("Whom to call")
    writing.table(
        ("", "name", "role", "telephone", "e-mail", "duties", "has a key"),
        [
            (
                str(number),
                one.name,
                one.role,
                one.phone,
                one.email,
                "; ".join(one.duties),
                "yes" if one.key_holder else "",
            )
            for number, one in enumerate(facts.contacts, 1)
        ],
        if_empty="nobody is named: write [[contact]] into lifeboat.toml",
    )
    writing.add(
        Paragraph(
            f"In this order. No answer within {CALL_MINUTES} minutes: the next one, and again from the top. Who is reached first leads until "
            "somebody above takes over, and says so. One leads and decides, one restores and writes down times, one talks to users and "
            "authorities; nobody does two of these at once if it can be helped. No key holder can be reached: procedure F."
        ),
        _yours("unreachable", yours),
        _yours("provider-support", yours),
    )


def _place_words(facts: PlanFacts) -> str:
    place = facts.place
    return (
        place.location
        + (f", {place.region}" if place.region else "")
        + (f", at {place.endpoint}" if place.endpoint else "")
    )


def _yours(name: str, yours: Mapping[str, str]) -> Yours:
    return Yours(name, PROMPTS[name], yours.get(name, ""))
