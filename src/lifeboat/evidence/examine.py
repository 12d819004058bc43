"""Judge audit logs: lines of a file by themselves, anchors by themselves, and one against the other. Pure.

Every finding names the entry. What exactly was done to a log cannot always be told from the log alone (a changed entry and an inserted one
look alike to whoever has no key); with the writer's secret, or with the anchors, it can.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lifeboat.evidence.anchor import Anchor
from lifeboat.evidence.anchoring import BEGAN_ANEW, NOT_AS_ANCHORED
from lifeboat.evidence.entry import Entry, first_previous
from lifeboat.evidence.log import Line
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.value import Value
from lifeboat.repository.writers import WriterSecret

NAMED_AT_MOST = 100
"""Findings of one kind; a log that was rewritten as a whole needs no thousand lines."""
ASK = "who could write to the state folder of that machine? the anchors have the entries as they were: `lifeboat audit export`"

Secrets = Mapping[str, WriterSecret]


class Head(Value):
    """What the machine remembers of its last entry."""

    log: str
    seq: int
    hash: str


def examine_lines(lines: Sequence[Line], secrets: Secrets, head: Head | None = None) -> list[Finding]:
    """What is wrong with one file: changed, inserted, removed, reordered entries, and a shortened end.

    Args:
        secrets: By writer (hex); with the writer's, every single change is seen by itself.
    """
    found: list[Finding] = []
    sound: list[tuple[int, Entry]] = []
    spoilt_at: set[int] = set()
    expected = 1
    for line in lines:
        wrong = _wrong_in_itself(line, secrets)
        if wrong:
            seq = line.entry.seq if line.entry is not None else expected
            found.append(_problem("audit-entry-changed", seq, f"line {line.number} {wrong}", ASK))
            spoilt_at.add(seq)
            expected += 1
        elif line.entry is not None:
            sound.append((line.number, line.entry))
            expected = line.entry.seq + 1
    counted = Counter(entry.log for _, entry in sound)
    own = counted.most_common(1)[0][0] if counted else ""
    for log in counted:
        if log != own:
            strangers = [entry.seq for _, entry in sound if entry.log == log]
            words = f"{_entries(strangers)} of another log ({log}) {_was(strangers)} put into this one"
            found.append(_problem("audit-entry-inserted", strangers[0], words, ASK))
    found += _order([one for one in sound if one[1].log == own], spoilt_at)
    found += _unkeyed([entry for _, entry in sound if entry.log == own])
    found += _end([entry for _, entry in sound], head, bool(lines), max(spoilt_at, default=0))
    return found[:NAMED_AT_MOST]


def examine_anchors(anchors: Sequence[Anchor], secrets: Secrets, writer: str) -> list[Finding]:
    """What is wrong with the anchors of one writer, by number: missing ones, two of one number, a log that does not go on."""
    found: list[Finding] = []
    by_number: dict[int, Anchor] = {}
    for one in anchors:
        other = by_number.setdefault(one.number, one)
        if other is not one:
            words = f"two anchors of writer {writer[:8]} have number {one.number}: the machine was cloned or set back, and its log goes two ways"
            found.append(_anchor_problem("audit-anchor-twice", one, words))
    before: Anchor | None = None
    ends: dict[str, Entry] = {}
    for number, one in sorted(by_number.items()):
        last_number = before.number if before else 0
        if number != last_number + 1:
            gone = (
                f"anchor {number - 1} is"
                if number == last_number + 2
                else f"anchors {last_number + 1} to {number - 1} are"
            )
            words = f"{gone} gone from the catalog of writer {writer[:8]}: somebody removed what they held"
            found.append(_anchor_problem("audit-anchor-removed", one, words))
        elif before is not None and one.previous != before.sha256:
            words = f"anchor {number} of writer {writer[:8]} does not go on from anchor {number - 1}"
            found.append(_anchor_problem("audit-anchor-removed", one, words))
        found += _within(one, secrets)
        found += _goes_on(one, before, ends.get(one.log), number == last_number + 1)
        ends[one.log] = one.entries[-1]
        before = one
    return found[:NAMED_AT_MOST]


def compare(lines: Sequence[Line], anchors: Iterable[Anchor]) -> list[Finding]:
    """What was anchored of this file's log and is not in it as it was."""
    there = {entry.seq: entry for entry in (line.entry for line in lines) if entry is not None}
    log = next((line.entry.log for line in reversed(lines) if line.entry is not None), None)
    found, gone, last = [], [], 0
    told: set[int] = set()
    for anchor in anchors:
        if anchor.log != log:
            continue
        for entry in anchor.entries:
            if anchor.repairs == NOT_AS_ANCHORED and entry.seq in told:
                continue  # it is the changed one, which an earlier anchor tells of
            told.add(entry.seq)
            held = there.get(entry.seq)
            last = max(last, entry.seq)
            if held is None:
                gone.append(entry.seq)
            elif held.fields != entry.fields:
                words = f"entry {entry.seq} is not the one that was anchored on {anchor.time:%Y-%m-%d %H:%M} UTC: {_told(entry)}"
                found.append(_problem("audit-entry-changed", entry.seq, words, ASK))
    end = max(there, default=0)
    cut, removed = [one for one in gone if one > end], [one for one in gone if one <= end]
    if removed:
        words = f"{_entries(removed)} {_was(removed)} removed from the log: the anchors have {_it(removed)}"
        found.append(_problem("audit-entry-removed", removed[0], words, ASK))
    if cut:
        words = f"the log ends at entry {end}, and its anchors at entry {last}: the end was cut off"
        found.append(_problem("audit-log-cut", end + 1, words, ASK))
    return found[:NAMED_AT_MOST]


def _wrong_in_itself(line: Line, secrets: Secrets) -> str:
    entry = line.entry
    if entry is None:
        return "is not what Lifeboat wrote"
    if not entry.is_as_hashed():
        return f"was changed: its content is not what its hash says ({_told(entry)})"
    secret = secrets.get(entry.writer or "")
    if secret is not None and not entry.is_by(secret):
        return f"was not made by writer {str(entry.writer)[:8]}: somebody without its secret made it ({_told(entry)})"
    return ""


def _order(sound: Sequence[tuple[int, Entry]], spoilt_at: set[int]) -> list[Finding]:
    found: list[Finding] = []
    by_seq: dict[int, list[Entry]] = {}
    highest = 0
    for number, entry in sound:
        by_seq.setdefault(entry.seq, []).append(entry)
        if entry.seq < highest and len(by_seq[entry.seq]) == 1:
            words = f"entry {entry.seq} stands in line {number}, behind entry {highest}: the order was changed"
            found.append(_problem("audit-entry-moved", entry.seq, words, ASK))
        highest = max(highest, entry.seq)
    chain = []
    for seq, same in sorted(by_seq.items()):
        if len(same) > 1:
            different = any(one.hash != same[0].hash for one in same)
            what = (
                f"{len(same)} different entries have number {seq}"
                if different
                else f"entry {seq} stands there {len(same)} times"
            )
            found.append(_problem("audit-entry-inserted", seq, f"{what}: one was put there", ASK))
        following = by_seq.get(seq + 1, ())
        chain.append(next((one for one in same if any(one.hash == next_.previous for next_ in following)), same[0]))
    last, before = 0, None
    for entry in chain:
        missing = [one for one in range(last + 1, entry.seq) if one not in spoilt_at]
        if missing:
            words = f"{_entries(missing)} {_was(missing)} removed: entry {entry.seq} follows entry {last}"
            found.append(_problem("audit-entry-removed", missing[0], words, ASK))
        expected = (
            first_previous(entry.log)
            if entry.seq == 1
            else before.hash
            if before and before.seq == entry.seq - 1
            else None
        )
        if expected is not None and entry.previous != expected and last not in spoilt_at:
            words = (
                f"entry {entry.seq} does not go on from entry {entry.seq - 1}: one of the two was changed, or put in the other's place"
                if entry.seq > 1
                else "entry 1 does not begin this log: it was changed, or put there"
            )
            found.append(_problem("audit-chain-broken", entry.seq, words, ASK))
        last, before = entry.seq, entry
    return found


def _unkeyed(entries: Sequence[Entry]) -> list[Finding]:
    """Without a key anybody can make an entry; that is right only as long as the machine was no writer yet."""
    keyed = [one.seq for one in entries if one.mac is not None]
    bare = [one.seq for one in entries if one.mac is None and keyed and one.seq > min(keyed)]
    if not bare:
        return []
    words = f"{_entries(bare)} {_was(bare)} made without the writer's secret, which the machine has had since entry {min(keyed)}"
    return [
        _problem(
            "audit-entry-inserted", bare[0], words, "did the state folder lose writer.json? Else somebody put it there"
        )
    ]


def _end(entries: Sequence[Entry], head: Head | None, has_lines: bool, last_spoilt: int) -> list[Finding]:
    if head is None:
        return []
    last = max((last_spoilt, *(one.seq for one in entries if one.log == head.log)))
    if not has_lines:
        words = f"the log is gone; it held {head.seq} entries"
        return [_problem("audit-log-gone", head.seq, words, ASK)]
    kept = next((one for one in entries if (one.log, one.seq) == (head.log, head.seq)), None)
    if kept is not None and kept.hash != head.hash:
        words = f"entry {head.seq} is not the one that this machine remembers: {_told(kept)}"
        return [_problem("audit-entry-changed", head.seq, words, ASK)]
    if last < head.seq and any(one.log == head.log for one in entries):
        words = f"the log ends at entry {last}, and this machine remembers entry {head.seq}: the end was cut off"
        return [_problem("audit-log-cut", last + 1, words, ASK)]
    return []


def _within(anchor: Anchor, secrets: Secrets) -> list[Finding]:
    """What a writer signed is not therefore true: its host may have been taken over, and its log changed, before it anchored it."""
    lines = [Line(number, 0, one.line(), one) for number, one in enumerate(anchor.entries, start=1)]
    found = []
    for line in lines:
        wrong = _wrong_in_itself(line, secrets)
        if wrong and line.entry is not None:
            words = f"anchor {anchor.number}: entry {line.entry.seq} {wrong}"
            found.append(_anchor_problem("audit-entry-changed", anchor, words, line.entry.seq))
    for one, following in zip(anchor.entries, anchor.entries[1:], strict=False):
        if following.seq != one.seq + 1 or following.previous != one.hash:
            words = f"anchor {anchor.number}: entry {following.seq} does not go on from entry {one.seq}: the log was changed before it was anchored"
            found.append(_anchor_problem("audit-chain-broken", anchor, words, following.seq))
    return found


def _goes_on(anchor: Anchor, before: Anchor | None, end: Entry | None, is_next: bool) -> list[Finding]:
    entry = anchor.entries[0]
    if anchor.repairs == NOT_AS_ANCHORED:
        words = (
            f"when anchor {anchor.number} was made, the log was no longer as it had been anchored: {_span(anchor)} differ; "
            "the earlier anchors have what it was"
        )
        return [_anchor_problem("audit-log-changed", anchor, words, entry.seq)]
    if end is not None:
        if is_next and (entry.seq, entry.previous) != (end.seq + 1, end.hash):
            words = f"anchor {anchor.number} begins with entry {entry.seq}, which does not go on from entry {end.seq}: what lay between was removed"
            return [_anchor_problem("audit-entry-removed", anchor, words, entry.seq)]
        return []
    if (before is not None and is_next and anchor.log != before.log) or anchor.repairs == BEGAN_ANEW:
        after = f" after entry {before.last}" if before is not None else ""
        words = (
            f"the log of this machine began anew on {entry.time[:16]}{after}: what was not anchored by then is lost; "
            "was its state folder lost, or removed by somebody?"
        )
        return [_anchor_problem("audit-log-lost", anchor, words)]
    if entry.seq == 1 and entry.previous != first_previous(anchor.log):
        return [
            _anchor_problem("audit-chain-broken", anchor, f"anchor {anchor.number}: entry 1 does not begin its log", 1)
        ]
    return []


def _problem(code: str, seq: int, message: str, hint: str) -> Finding:
    return Finding(Level.PROBLEM, code, f"entry {seq}", message, hint)


def _anchor_problem(code: str, anchor: Anchor, message: str, seq: int | None = None) -> Finding:
    subject = f"anchor {anchor.number} of {anchor.writer[:8]}" if seq is None else f"entry {seq} of {anchor.writer[:8]}"
    hint = (
        "was that machine set up anew? Else: who could write to it?"
        if code == "audit-log-lost"
        else "who could write there?"
    )
    return Finding(Level.PROBLEM, code, subject, message, hint)


def _told(entry: Entry) -> str:
    who = entry.fields.get("who")
    user = who.get("user", "?") if isinstance(who, dict) else "?"
    return f"{entry.time[:19]} {user}: {entry.act}"[:120]


def _entries(seqs: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for one in sorted(seqs):
        if spans and one == spans[-1][1] + 1:
            spans[-1][1] = one
        else:
            spans.append([one, one])
    words = [str(first) if first == last else f"{first} to {last}" for first, last in spans[:20]]
    return f"{'entry' if len(seqs) == 1 else 'entries'} {', '.join(words)}{' and more' if len(spans) > 20 else ''}"


def _span(anchor: Anchor) -> str:
    return _entries([one.seq for one in anchor.entries])


def _was(seqs: Sequence[int]) -> str:
    return "was" if len(seqs) == 1 else "were"


def _it(seqs: Sequence[int]) -> str:
    return "it" if len(seqs) == 1 else "them"
