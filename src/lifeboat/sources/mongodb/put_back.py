"""Write or remove one live document, and only if it still is what somebody was shown.

Invariant: nothing is written over, and nothing removed, that changed since it was looked at; what was written is read back and
compared as bytes. Each act may be repeated. The one narrow place: a document and its successor that together are larger than one
command are compared just before the write, not within it.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Any

from bson import json_util

from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.sizes import MIB
from lifeboat.foundation.value import Value
from lifeboat.sources.mongodb.by_id import with_id, with_id_and_absent, with_id_and_content
from lifeboat.sources.mongodb.document_words import id_text
from lifeboat.sources.mongodb.live_documents import LiveCollection, raw
from lifeboat.sources.mongodb.meaning import in_our_words, raise_if_unconfirmed
from lifeboat.sources.mongodb.target_server import MAJORITY

GUARDED_AT_MOST_BYTES = 14 * MIB
"""Filter and update of one statement travel in one document of 16 MiB at most."""
DUPLICATE_KEY = 11000
VALIDATION_FAILED = 121


class End(StrEnum):
    """How it went with one document."""

    DONE = "done"
    ALREADY = "already"
    """It was so before: nothing was written."""
    SKIPPED = "skipped"
    """It is not what was shown any more."""
    REFUSED = "refused"
    """The server did not take it."""


class PutBack(Value):
    """Args: why: for people, where it was not done."""

    end: End
    why: str = ""


def digest_of(document: bytes) -> bytes:
    """Stands for the bytes of a document."""
    return sha256(document).digest()


def put_back(live: LiveCollection, document: bytes, shown: bytes | None, *, bypass_validators: bool = False) -> PutBack:
    """Make the live document with this ``_id`` be this one.

    Args:
        shown: Digest of what was live when it was shown; None where there was nothing.
    """
    return live.server.repeat(lambda: _put_back(live, document, shown, bypass_validators))


def take_out(live: LiveCollection, document_id: bytes, shown: bytes) -> PutBack:
    """Remove the live document with this ``_id`` if it still is what was put there.

    Args:
        document_id: A document that holds the ``_id``.
    """
    return live.server.repeat(lambda: _take_out(live, document_id, shown))


def _put_back(live: LiveCollection, document: bytes, shown: bytes | None, bypass: bool) -> PutBack:
    there = live.read(document)
    if there == document:
        return PutBack(End.ALREADY)
    if there is None and shown is not None:
        return PutBack(End.SKIPPED, "it was there when it was shown, and is gone now")
    if there is not None and digest_of(there) != shown:
        return PutBack(
            End.SKIPPED, "somebody made it meanwhile" if shown is None else "it was changed since it was shown"
        )
    if there is None:
        query, is_guarded = with_id_and_absent(document), True
    elif len(there) + len(document) <= GUARDED_AT_MOST_BYTES:
        query, is_guarded = with_id_and_content(document, there), True
    else:
        query, is_guarded = with_id(document), False
    trouble, changed = _update(live, query, document, upsert=there is None, bypass=bypass)
    if trouble is not None:
        return _explain(live, document, trouble)
    if not changed:
        if not is_guarded or live.read(document) != there:
            return PutBack(End.SKIPPED, "it was changed since it was shown")
        # The comparison on the server does not know these bytes again (duplicate names): they were compared here, just now.
        trouble, _ = _update(live, with_id(document), document, upsert=False, bypass=bypass)
        if trouble is not None:
            return _explain(live, document, trouble)
    if live.read(document) != document:
        return PutBack(End.REFUSED, "what the server holds now is not what was put back; is somebody writing to it?")
    return PutBack(End.DONE)


def _take_out(live: LiveCollection, document_id: bytes, shown: bytes) -> PutBack:
    there = live.read(document_id)
    if there is None:
        return PutBack(End.ALREADY)
    if digest_of(there) != shown:
        return PutBack(End.SKIPPED, "it was changed since it was put back")
    query = with_id_and_content(document_id, there) if len(there) <= GUARDED_AT_MOST_BYTES else with_id(document_id)
    with in_our_words(f"removing a document of {live.namespace}"):
        answer: Any = live.server.database(live.database).command(
            "delete", live.name, deletes=[{"q": query, "limit": 1}], writeConcern=MAJORITY
        )
    raise_if_unconfirmed(f"removing a document of {live.namespace}", answer)
    for error in answer.get("writeErrors") or []:
        return PutBack(End.REFUSED, str(error.get("errmsg"))[:200])
    if not answer.get("n"):
        return PutBack(End.SKIPPED, "it was changed since it was put back")
    return PutBack(End.DONE)


def _update(
    live: LiveCollection, query: Any, document: bytes, *, upsert: bool, bypass: bool
) -> tuple[dict[str, Any] | None, bool]:
    """The write error, if there is one, and whether anything was written."""
    # A pipeline, because a plain replacement puts the clock's time into an empty timestamp, and refuses names with a dollar.
    update = {"q": query, "u": [{"$replaceWith": {"$literal": raw(document)}}], "upsert": upsert}
    with in_our_words(f"writing a document into {live.namespace}"):
        answer: Any = live.server.database(live.database).command(
            "update", live.name, updates=[update], bypassDocumentValidation=bypass, writeConcern=MAJORITY
        )
    raise_if_unconfirmed(f"writing a document into {live.namespace}", answer)
    for error in answer.get("writeErrors") or []:
        return error, False
    return None, bool(answer.get("n"))


def _explain(live: LiveCollection, document: bytes, trouble: dict[str, Any]) -> PutBack:
    if trouble.get("code") == VALIDATION_FAILED:
        return PutBack(End.REFUSED, "the collection's validator does not take it; --bypass-validators puts it back")
    if trouble.get("code") != DUPLICATE_KEY:
        return PutBack(End.REFUSED, f"the server does not take it: {str(trouble.get('errmsg'))[:200]}")
    pattern = trouble.get("keyPattern") or {}
    if list(pattern) == ["_id"]:
        return PutBack(End.SKIPPED, "somebody made it meanwhile")
    values = trouble.get("keyValue") or {}
    shown = json_util.dumps(values, json_options=json_util.RELAXED_JSON_OPTIONS, ensure_ascii=False)[:120]
    try:
        other = live.first_with(values)
    except LifeboatError:
        other = None
    who = f"the document with _id {id_text(other)}" if other and other != document else "another document"
    return PutBack(End.REFUSED, f"{who} has {shown} already, and an index wants it unique")
