"""The probes: one promise each, provoked and looked at.

A probe returns when the promise was kept and raises ``Misbehaves`` when it was not. Errors of the store come out as
they are; the suite makes findings of them.
"""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from lifeboat.foundation.finding import Level
from lifeboat.foundation.sizes import MIB, show_seconds
from lifeboat.foundation.value import Value
from lifeboat.storage.conformance.bench import Bench, Misbehaves
from lifeboat.storage.conformance.hooks import SendsHash, unwrapped
from lifeboat.storage.errors import ContentRefused, ObjectExists, ObjectMissing, ObjectTooShort, StorageBusy
from lifeboat.storage.object_store import Content

LARGE_BYTES = 65 * MIB
"""Above the 64 MiB from which on S3 objects go up in parts."""
MANY = 1005
"""One page of an S3 listing holds 1000."""
WRITERS = 8
ROUNDS = 3
SKEW_ALLOWED_SECONDS = 300
"""S3 refuses requests at 900; a third of that leaves time to act."""

_HOLE = "a repository here would have holes: use another store, or report this to its maker"
_ONCE = "two writers can overwrite each other here: readers pick the bytes that match the name, and nothing else helps"


class Probe(Value):
    """A promise and how to try it."""

    code: str
    promise: str
    """What is so when the probe returns, as the finding says it."""
    run: Callable[[Bench], None]
    thorough: bool = False
    """Whether it takes long or costs money: only when asked for."""


def content_of(label: str, size_bytes: int) -> bytes:
    """Bytes that look random and are the same at each run."""
    return hashlib.shake_256(label.encode()).digest(size_bytes)


def keeps_bytes(bench: Bench) -> None:
    whole = content_of("whole", 300_000)
    parts: list[bytes | bytearray | memoryview] = [
        whole[:1],
        b"",
        bytearray(whole[1:70_000]),
        memoryview(whole)[70_000:],
    ]
    given: tuple[tuple[str, Content], ...] = (("bytes/" + "a" * 64, whole), ("bytes/buffers.pack", parts))
    for rest, content in given:
        name = bench.name(rest)
        bench.store.write(name, content)
        bench.expect(name, whole, "an object does not come back as it was written", _HOLE)


def keeps_empty(bench: Bench) -> None:
    name = bench.name("empty")
    bench.store.write(name, b"")
    bench.expect(name, b"", "an empty object does not come back", _HOLE)
    if bench.store.read(name, (0, 0)) != b"":
        raise Misbehaves("an empty span of an empty object is not empty", _HOLE)


def reads_spans(bench: Bench) -> None:
    whole = content_of("spans", 10_000)
    name = bench.name("spans")
    bench.store.write(name, whole)
    for offset, length in ((0, 1), (0, 10_000), (1, 9_998), (4_096, 4_096), (9_999, 1), (5, 0), (10_000, 0)):
        if bench.store.read(name, (offset, length)) != whole[offset : offset + length]:
            raise Misbehaves(f"a span of {length} bytes from byte {offset} holds other bytes than were stored", _HOLE)
    for offset, length in ((9_999, 2), (0, 10_001), (10_000, 1), (20_000, 5), (5_000, 10_000)):
        try:
            bench.store.read(name, (offset, length))
        except ObjectTooShort:
            continue
        raise Misbehaves("reading past the end of an object is not noticed", "an object that was cut would go unseen")


def reports_missing(bench: Bench) -> None:
    name = bench.name("never-written")
    for span in (None, (0, 10), (0, 0)):
        try:
            bench.store.read(name, span)
        except ObjectMissing:
            continue
        raise Misbehaves("an object that was never written can be read", _HOLE)
    if bench.listed("never-written/"):
        raise Misbehaves("a folder where nothing was written is not empty", _HOLE)


def lists_at_once(bench: Bench) -> None:
    sizes: dict[str, int] = {}
    for number in (5, 1, 3, 2, 4):
        rest = f"listed/folder-{number % 2}/{number}"
        sizes[rest] = number
        bench.store.write(bench.name(rest), b"x" * number)
        rows = {row.name.removeprefix(bench.prefix): row for row in bench.store.list_under(bench.prefix + "listed/")}
        if set(rows) != set(sizes):
            raise Misbehaves("what was just written is not listed at once", "a backup would be taken for incomplete")
        if any(rows[rest].size_bytes != size for rest, size in sizes.items()):
            raise Misbehaves("a listing tells wrong sizes", "check of completeness would fail: use another store")
    there = bench.store.time_there()
    apart = max(abs((row.modified - there).total_seconds()) for row in rows.values())
    if apart > SKEW_ALLOWED_SECONDS:
        raise Misbehaves(
            f"objects just written are stamped {show_seconds(apart)} away from the store's own time",
            "ages would be counted wrongly: check the clocks of the store's machines",
        )


def lists_in_order(bench: Bench) -> None:
    rests = ["order/a-b", "order/a.b", "order/a/b", "order/a/b-c", "order/a0", "order/aa/a", "order/b", "order-other/a"]
    for rest in reversed(rests):
        bench.store.write(bench.name(rest), b"")
    inside = [rest for rest in rests if rest.startswith("order/")]
    listed = bench.listed("order/")
    if sorted(listed) != inside:
        raise Misbehaves("a listing of one folder tells more or less than that folder", _HOLE)
    if listed != inside:
        raise Misbehaves(
            "listings are not sorted by name", "comparing with the index needs the order: use another store"
        )
    if bench.listed("order/a/") != ["order/a/b", "order/a/b-c"]:
        raise Misbehaves("a listing of a folder inside a folder is wrong", _HOLE)


def creates_once(bench: Bench) -> None:
    _create_twice(bench, bench.name("once"), content_of("first", 1000), content_of("second", 1000))


def creates_large_once(bench: Bench) -> None:
    first = content_of("large", 1 * MIB)
    name = bench.name("large-once")
    _create_twice(bench, name, first * (LARGE_BYTES // MIB), b"small")


def one_winner(bench: Bench) -> None:
    for round_number in range(ROUNDS):
        name = bench.name(f"race/{round_number}")
        contents = [content_of(f"{round_number} {writer}", 50_000) for writer in range(WRITERS)]
        with ThreadPoolExecutor(WRITERS) as pool:
            won = [content for content in pool.map(partial(_try_to_win, bench, name), contents) if content]
        if len(won) > 1:
            raise Misbehaves(
                f"of {WRITERS} writers of one name at one instant {len(won)} were told that they won",
                _ONCE,
                Level.WARNING,
            )
        if won:
            bench.expect(name, won[0], "the bytes of the writer that won are not the ones stored", _HOLE)


def checks_hash(bench: Bench) -> None:
    store = unwrapped(bench.store)
    if not isinstance(store, SendsHash):
        return
    name = bench.name("wrong-hash")
    try:
        store.write_with_wrong_hash(name, content_of("wrong", 5000))
    except ContentRefused:
        try:
            bench.store.read(name)
        except ObjectMissing:
            return
        raise Misbehaves("a body that was refused for its hash is stored all the same", _HOLE) from None
    raise Misbehaves(
        "a body that does not match the SHA-256 sent with it is accepted",
        "bytes damaged on the way are stored without a word: run lifeboat verify soon after each backup",
        Level.WARNING,
    )


def deletes(bench: Bench) -> None:
    name = bench.name("deleted")
    bench.store.write(name, b"first")
    bench.listed()  # a store may remember what it has told once
    bench.store.delete(name)
    if _is_there(bench, name) or "deleted" in bench.listed():
        raise Misbehaves("a deleted object is still there", "prune would free nothing, and erasure would not erase")
    bench.store.delete(name)
    bench.store.delete(bench.name("never-written-either"))
    hint = "what was pruned could not be stored again: use a bucket without versioning, or another store"
    try:
        bench.store.write(name, b"second")
    except ObjectExists as error:
        raise Misbehaves("the name of a deleted object stays taken though nothing is there", hint) from error
    bench.expect(name, b"second", "an object written anew after a delete does not come back", _HOLE)


def tells_time(bench: Bench) -> None:
    apart = (bench.clock.now() - bench.store.time_there()).total_seconds()
    if abs(apart) > SKEW_ALLOWED_SECONDS:
        side = "ahead of" if apart > 0 else "behind"
        raise Misbehaves(
            f"this machine's clock is {show_seconds(abs(apart))} {side} the store's",
            "set the clock (timedatectl set-ntp true): at 15 minutes S3 refuses everything",
            Level.WARNING,
        )


def lists_thousands(bench: Bench) -> None:
    rests = [f"many/{number * 7919 % 99_991:05d}" for number in range(MANY)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda rest: bench.store.write(bench.name(rest), b""), rests))
    listed = bench.listed("many/")
    if listed != sorted(rests):
        raise Misbehaves(f"of {MANY} objects a listing tells {len(set(listed))}, or not in order", _HOLE)


def keeps_large(bench: Bench) -> None:
    piece = content_of("piece", 1 * MIB)
    pieces = LARGE_BYTES // MIB
    name = bench.name("large")
    bench.store.write(name, [piece] * pieces)
    for number in range(pieces):
        if bench.store.read(name, (number * MIB, MIB)) != piece:
            raise Misbehaves(f"an object of {pieces} MiB does not come back as it was written", _HOLE)
    try:
        bench.store.read(name, (LARGE_BYTES, 1))
    except ObjectTooShort:
        return
    raise Misbehaves(f"an object of {pieces} MiB comes back longer than it was written", _HOLE)


PROBES = (
    Probe("store-keeps-bytes", "objects come back as they were written", keeps_bytes),
    Probe("store-keeps-empty", "empty objects are kept", keeps_empty),
    Probe("store-reads-spans", "parts of objects are read, and their ends noticed", reads_spans),
    Probe("store-reports-missing", "what is not there is reported missing", reports_missing),
    Probe("store-lists-at-once", "what was written is listed at once, with size and time", lists_at_once),
    Probe("store-lists-in-order", "listings are sorted and keep to their folder", lists_in_order),
    Probe("store-creates-once", "a taken name is refused and its object unchanged", creates_once),
    Probe("store-has-one-winner", "of many writers of one name exactly one wins", one_winner),
    Probe("store-checks-hash", "a body that was damaged on the way is refused", checks_hash),
    Probe("store-deletes", "deleting removes, twice is no error, and the name is free again", deletes),
    Probe("store-tells-time", "the clocks of this machine and the store agree", tells_time),
    Probe("store-lists-thousands", f"a listing tells all of {MANY} objects", lists_thousands, thorough=True),
    Probe("store-keeps-large", "objects sent in parts come back as they were written", keeps_large, thorough=True),
    Probe("store-creates-large-once", "a taken name is refused to objects in parts", creates_large_once, thorough=True),
)


def _create_twice(bench: Bench, name: str, large: bytes, small: bytes) -> None:
    """Write the small one and then the other, which is the way an upload in parts could overwrite."""
    bench.store.write(name, small)
    try:
        bench.store.write(name, large)
    except ObjectExists:
        bench.expect(name, small, "an object changed though the second write was refused", _HOLE)
        return
    raise Misbehaves("a second write to a name is accepted instead of refused", _ONCE, Level.WARNING)


def _try_to_win(bench: Bench, name: str, content: bytes) -> bytes | None:
    try:
        bench.store.write(name, content)
    except (ObjectExists, StorageBusy):
        return None
    return content


def _is_there(bench: Bench, name: str) -> bool:
    try:
        bench.store.read(name)
    except ObjectMissing:
        return False
    return True
