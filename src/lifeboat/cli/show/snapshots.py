"""The list of what is stored."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import RenderableType

from lifeboat.cli.show.console import FAINT, GOOD, columns, next_steps, safe, text
from lifeboat.cli.show.moments import show_age, show_goal, show_moment_short
from lifeboat.cli.show.words import count_items, short_id, state_of, typed_source
from lifeboat.foundation.sizes import show_bytes
from lifeboat.operations.reports.snapshots import ContentRow, SnapshotRow


def draw_snapshots(rows: Sequence[SnapshotRow], left_out: int, now: datetime) -> list[RenderableType]:
    """Newest first; ``left_out`` older ones are only counted."""
    if not rows:
        return [text("nothing is stored yet"), *next_steps(("lifeboat backup all", "take the first backup"))]
    notes = any(state_of(row) for row in rows)
    writers = len({row.label for row in rows}) > 1
    headings = ["snapshot", "source", "taken", "age", "content", "size"]
    proofs = any(row.proved for row in rows)
    looked = any(row.where for row in rows)
    headings += ["where"] * looked + ["proved"] * proofs + ["writer"] * writers + ["note"] * notes
    table = columns(*headings, right=("size",), fold=("where", "writer", "note"))
    for row in rows:
        cells = [
            short_id(row.snapshot),
            safe(typed_source(row.source)),
            show_moment_short(row.instant, now),
            show_age((now - row.instant).total_seconds()).removesuffix(" ago"),
            safe(count_items(row.source, row.items)),
            show_bytes(row.bytes),
        ]
        cells += [_where(row)] * looked
        cells += ["yes" if row.proved else ""] * proofs
        cells += [safe(row.label)] * writers + [safe(state_of(row))] * notes
        table.add_row(*cells)
    drawn: list[RenderableType] = [table]
    if left_out:
        drawn.append(text(f"... and {left_out:,} older; --all lists them", FAINT))
    one = min(rows, key=_interest)
    return drawn + next_steps(
        (f"lifeboat snapshots {short_id(one.snapshot)}", "look inside one"),
        (_restore_of(one), "bring it back, beside the live data"),
    )


def _where(row: SnapshotRow) -> str:
    if row.where == "archived":
        return f"archived: restorable in {show_goal(row.away_seconds)}" if row.away_seconds else "archived"
    return {"coming": "coming from the archive", "at-hand": "at hand"}.get(row.where or "", "")


def draw_forgotten(rows: Sequence[SnapshotRow], now: datetime) -> list[RenderableType]:
    """What prune let go, with the day until which it can be had back for certain."""
    if not rows:
        return [text("nothing waits for its removal"), *next_steps(("lifeboat prune --dry-run", "what prune would do"))]
    table = columns("snapshot", "source", "taken", "size", "let go", "back until", right=("size",))
    for row in rows:
        table.add_row(
            short_id(row.snapshot),
            safe(typed_source(row.source)),
            show_moment_short(row.instant, now),
            show_bytes(row.bytes),
            show_moment_short(row.forgotten, now) if row.forgotten else "",
            show_moment_short(row.released_until, now) if row.released_until else "",
        )
    one = short_id(rows[0].snapshot)
    steps = (
        (f"lifeboat snapshots {one} --release", "have it back; the rules decide again in a week"),
        (f"lifeboat snapshots {one} --keep 'why'", "have it back, and keep it"),
    )
    return [table, *next_steps(*steps)]


def draw_annotated(row: SnapshotRow) -> list[RenderableType]:
    """What a snapshot's standing is now."""
    one = f"snapshot {short_id(row.snapshot)} of {typed_source(row.source)}"
    if row.keep is not None:
        said = text(f"{one} is kept, whatever the rules say: {row.keep}", GOOD)
        return [
            said,
            *next_steps((f"lifeboat snapshots {short_id(row.snapshot)} --release", "leave it to the rules again")),
        ]
    return [text(f"{one} is left to the rules again; prune leaves it for a week all the same")]


def draw_contents(snapshot: str, path: str, rows: Sequence[ContentRow], now: datetime) -> list[RenderableType]:
    """What lies in a snapshot, or below a path of it."""
    if not rows:
        return [text(f"nothing in {snapshot}{f' below {path}' if path else ''}")]
    dated = any(row.modified for row in rows)
    counted = any(row.items is not None for row in rows)
    headings = ["name", "kind"] + ["items"] * counted + ["size"] + ["changed"] * dated
    table = columns(*headings, right=("items", "size"), fold=("name",))
    for row in rows:
        cells = [safe(row.name), safe(row.kind)]
        cells += ["" if row.items is None else f"{row.items:,}"] * counted + [
            show_bytes(row.bytes) if row.bytes or row.modified or row.items is not None else ""
        ]
        cells += [show_moment_short(row.modified, now) if row.modified else ""] * dated
        table.add_row(*cells)
    entries = "1 entry" if len(rows) == 1 else f"{len(rows):,} entries"
    return [table, "", text(f"{entries}, {show_bytes(sum(row.bytes for row in rows))}", FAINT)]


def _interest(row: SnapshotRow) -> tuple[bool, int]:
    """Which of the newest people want first: the smallest."""
    return row.purpose != "backup", {"db": 0, "files": 1}.get(typed_source(row.source), 2)


def _restore_of(row: SnapshotRow) -> str:
    source = typed_source(row.source)
    target = "restored_copy" if source == "db" else "/tmp/restored"
    return f"lifeboat restore {source} {short_id(row.snapshot)} --to {target}"
