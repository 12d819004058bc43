"""A large transaction in a dump's oplog comes back whole from where it was put aside, and lay there sealed."""

import os
from pathlib import Path
from uuid import UUID

import bson
from bson import SON, Binary, Int64, Timestamp

from lifeboat.sources.mongodb.documents import spans_of
from lifeboat.sources.mongodb.dump.dump_catalog import DumpCatalog
from lifeboat.sources.mongodb.dump.dump_oplog import DumpOplog
from lifeboat.sources.mongodb.oplog.change import read_change

MARK = b"a client's letter "
OWNER = SON([("id", Binary(bytes(16), 4)), ("uid", Binary(bytes(32)))])


def part(number: int, *, last: bool) -> bytes:
    """An entry of a transaction with one insert of 3 MiB."""
    inserted = SON(
        op="i",
        ns="shop.letters",
        ui=Binary(UUID(int=7).bytes, 4),
        o=SON(_id=number, text=MARK.decode() * 170_000),
        o2=SON(_id=number),
    )
    previous = Timestamp(100, number - 1) if number > 1 else Timestamp(0, 0)
    o = SON(applyOps=[inserted])
    o.update({"count": Int64(number)} if last else {"partialTxn": True})
    return bson.encode(
        SON(
            lsid=OWNER,
            txnNumber=Int64(1),
            op="c",
            ns="admin.$cmd",
            o=o,
            ts=Timestamp(100, number),
            t=Int64(1),
            v=Int64(2),
            prevOpTime=SON(ts=previous, t=Int64(1)),
        )
    )


def files_without_a_name() -> list[bytes]:
    """What this process holds open and nobody else can see."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            if os.readlink(descriptor).endswith("(deleted)"):
                found.append(descriptor.read_bytes())
        except OSError:
            continue
    return found


def test_a_large_transaction_is_put_aside_sealed_and_comes_back_whole() -> None:
    oplog = DumpOplog(DumpCatalog())
    for number in range(1, 10):
        assert list(oplog.changes_of(part(number, last=False))) == [], "it counts when it is committed"
    aside = [content for content in files_without_a_name() if len(content) > 20_000_000]
    assert len(aside) == 1, "it is too large to be held in memory"
    assert MARK not in aside[0]

    changes = list(oplog.changes_of(part(10, last=True)))
    oplog.close()

    read = [read_change(block[begin:end]) for block in changes for begin, end in spans_of(block)]
    assert [bson.decode(change.o)["_id"] for change in read] == list(range(1, 11))
    assert all(bson.decode(change.o)["text"].encode() == MARK * 170_000 for change in read)
