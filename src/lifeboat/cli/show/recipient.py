"""Who opens the backups: the list, what a change came to, and what other machines have to be told."""

from collections.abc import Collection

from rich.console import RenderableType

from lifeboat.app.key_life import RecipientChanged, RecipientsReport
from lifeboat.cli.show.console import BAD, FAINT, GOOD, columns, line, next_steps, safe, text
from lifeboat.cli.show.words import count

_DONE = {"added": "added", "removed": "taken away", "replaced": "replaced", "opened": "opened"}


def draw_recipients(report: RecipientsReport, pinned: Collection[str] | None = None) -> list[RenderableType]:
    """Args: pinned: who this machine seals for until now, where that is the question."""
    looked = any(one.keys_closed is not None for one in report.recipients)
    table = columns("name", "fingerprint", "opens" if looked else "", "")
    for one in report.recipients:
        opens = text("")
        if one.keys_closed is not None:
            opens = text("everything", GOOD) if not one.keys_closed else text(f"not {one.keys_closed:,} data keys", BAD)
        state = text("the key in use here", GOOD) if one.here else text("")
        if pinned is not None:
            state = text("as until now") if one.fingerprint in pinned else text("new", BAD)
        table.add_row(safe(one.name), one.fingerprint[:16], opens, state)
    drawn: list[RenderableType] = [table]
    gone = sorted(set(pinned or ()) - {one.fingerprint for one in report.recipients})
    drawn += [text(f"no longer: {' '.join(one[:16] for one in gone)}", BAD)] if gone else []
    if looked and any(one.keys_closed for one in report.recipients):
        drawn += next_steps(("lifeboat recipient open", "where a key is that opens them: opens them to all"))
    elif len(report.recipients) == 1 and pinned is None:
        drawn += ["", text("There is one key alone: if it is lost, so is everything. A second one, in a safe:", FAINT)]
        drawn += next_steps(
            ("lifeboat keygen --out safe.key", "make it"),
            ("lifeboat keygen --recipient --from safe.key > safe.pub", "its public half"),
            ("lifeboat recipient add safe safe.pub", "then put safe.key away, outside this machine"),
        )
    return drawn


def draw_changed(done: RecipientChanged, key_file: str = "") -> list[RenderableType]:
    """Args: key_file: of ``replace``: where the new key is."""
    opened = done.opened
    who = f": {safe(done.name)}, key {done.fingerprint[:16]}" if done.act != "opened" else ""
    drawn: list[RenderableType] = [line((_DONE[done.act], GOOD), who)]
    if opened.is_nothing and done.act == "opened":
        return [text("every recipient opens everything already", GOOD)]
    counts = [
        (opened.keys, f"{count(opened.keys, 'data key')} of {count(opened.generations, 'month')}"),
        (opened.writers, f"{count(opened.writers, 'secret')} of writers"),
        (opened.entries, f"the ledger ({opened.entries:,})"),
        (opened.statements, f"{count(opened.statements, 'statement')} said again"),
    ]
    said = ", ".join(words for number, words in counts if number)
    drawn += [text(f"brought up to date: {said}", FAINT)] if said else []
    if opened.unsaid:
        drawn.append(
            text(f"{opened.unsaid:,} statements of that key count no longer; `lifeboat verify` proves anew", FAINT)
        )
    if opened.closed:
        drawn.append(text(f"{opened.closed:,} objects do not open with this key, and were opened to nobody", BAD))
    if done.act == "opened":
        return drawn
    if done.act in ("removed", "replaced"):
        drawn.append(
            text(
                "What was sealed for the old key until now it opens for ever: take its rights in the bucket away, too."
            )
        )
    everybody = " ".join(one.fingerprint[:16] for one in done.recipients)
    steps = [(f"lifeboat recipient accept {everybody}", "on every other machine, or it stops at its next run")]
    if done.act == "replaced":
        steps.insert(0, (f"LIFEBOAT_KEY_FILE={key_file}", "in .env here, in the place of the old key"))
    if done.stolen:
        steps += [
            ("lifeboat backup all --new-generation", "here and on every writer: the thief knows the writers' secrets"),
            ("lifeboat erase list", "was anything put down there that nobody asked for?"),
            ("lifeboat verify --level full", "prove anew what is stored"),
        ]
    return drawn + next_steps(*steps)


def draw_accepted(report: RecipientsReport, *, changed: bool) -> list[RenderableType]:
    names = ", ".join(f"{safe(one.name)} ({one.fingerprint[:16]})" for one in report.recipients)
    said = "this machine seals for them from now on" if changed else "this machine seals for them already"
    return [line((said, GOOD), f": {names}")]
