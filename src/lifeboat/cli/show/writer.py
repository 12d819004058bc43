"""Writers and custodians: the list, and what was made or taken in, with what to do about the file that was carried."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import BAD, FAINT, GOOD, columns, facts, line, next_steps, safe, text, unbroken
from lifeboat.cli.show.moments import show_moment_short
from lifeboat.cli.show.words import short_id
from lifeboat.operations.writers import Enrolled, WriterAdded, WriterRow

DESTROY = "shred -u"
_MEANING = {"recipient": "opens everything", "custodian": "opens catalogs, prunes"}


def draw_writers(rows: Sequence[WriterRow], now: datetime) -> list[RenderableType]:
    table = columns("name", "what", "id", "created", "snapshots", "newest", "", right=("snapshots",))
    for row in rows:
        table.add_row(
            safe(row.name),
            row.kind,
            short_id(row.id) if row.kind == "writer" else row.id[:16],
            safe((row.created or "")[:10]),
            "" if row.snapshots is None else f"{row.snapshots:,}",
            show_moment_short(row.last_snapshot, now) if row.last_snapshot else _MEANING.get(row.kind, ""),
            text("this machine", GOOD) if row.this_machine else text(""),
        )
    closed = sum(row.kind == "writer" and row.snapshots is None for row in rows)
    said = text(f"the catalogs of {closed} others do not open here: their snapshots are not counted", FAINT)
    drawn: list[RenderableType] = [table]
    return [*drawn, "", said] if closed else drawn


def draw_added(added: WriterAdded) -> list[RenderableType]:
    if added.kind == "custodian":
        opened = f"{added.catalogs_opened} catalog{'' if added.catalogs_opened == 1 else 's'}"
        return [
            line(
                ("a custodian is made", GOOD),
                f": {added.name}, fingerprint {added.id[:16]}; it opens {opened} and no content",
            ),
            "",
            unbroken(f"its key  {added.file}"),
            text("Carry it to the machine or CI secret that is to prune; keep no copy here.", BAD),
            *next_steps(
                ("lifeboat prune --dry-run", "there, with LIFEBOAT_KEY_FILE naming the file and the same repository"),
                ("lifeboat aws policy custodian", "the rights in the bucket that it needs"),
                (f"lifeboat writer remove {added.name}", "here, to take its word back"),
            ),
        ]
    done = "the writer's file is written again" if added.again else "a writer is registered"
    return [
        line((done, GOOD), f": {added.name}, id {short_id(added.id)}, for {added.repository}"),
        "",
        unbroken(f"its file  {added.file}"),
        text("It makes a machine that writer. It opens no backup; who has it can store snapshots in its name.", FAINT),
        *next_steps(
            (f"scp {added.file} HOST:", "carry it to that machine, mode 0600"),
            ("lifeboat init --writer FILE", "there: it becomes the writer"),
            (f"{DESTROY} {added.file}", "then destroy it, here and there"),
            (f"lifeboat aws policy writer {added.name}", "the rights in the bucket that it needs"),
        ),
    ]


def draw_enrolled(enrolled: Enrolled, file: str) -> list[RenderableType]:
    rows = [
        ("writer", f"{enrolled.name}, id {short_id(enrolled.writer)}"),
        ("repository", f"{enrolled.repository}, id {short_id(enrolled.repository_id)}"),
        ("sealed for", ", ".join(enrolled.recipients)),
    ]
    drawn: list[RenderableType] = [line(("this machine is a writer now", GOOD)), "", facts(rows), ""]
    if enrolled.replaced:
        said = f"It was writer {short_id(enrolled.replaced)} before: a new generation begins, and the next backup stores everything anew."
        drawn.append(text(said))
    if enrolled.key_here:
        drawn.append(text(f"There is a key here ({enrolled.key_here}). A writer needs none: take it away.", BAD))
    drawn.append(text("It holds the writer's secret and no key: it backs up, and opens nothing.", FAINT))
    return drawn + next_steps(
        (f"{DESTROY} {file}", "destroy the file now, here and wherever it was copied"),
        ("lifeboat backup all", "the first backup"),
        ("lifeboat doctor", "check everything a backup leans on, rights included"),
    )


def draw_removed(name: str, fingerprint: str) -> list[RenderableType]:
    return [
        line(("removed", GOOD), f": the word of custodian {name} ({fingerprint}) counts no longer"),
        text("It can still list what it could list before: take its rights in the bucket away, too."),
    ]
