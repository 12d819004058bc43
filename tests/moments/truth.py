"""What a server held at an instant, read by nothing that backs it up; and what differs between that and what was restored.

Two ways to ask, both while writers write. At rest: those that change catalogs or write capped collections wait for the moment it
takes, so that everything can be read, capped collections in their order. In motion: an instant in the midst of everything; what
a change of the catalog hit meanwhile cannot be asked any more and is left unknown, and of a capped collection it is what the
oplog, taken literally, inserted into and removed from what it held when it was last seen at rest.

Limits: of a time-series collection that is half made or half dropped at that instant nothing is asked.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bson import SON, Binary, CodecOptions, Timestamp, json_util
from bson.codec_options import DatetimeConversion
from bson.raw_bson import RawBSONDocument
from gates import Gate
from pymongo import MongoClient, WriteConcern
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from lifeboat.sources.mongodb.snapshot_read import session_at, time_of

Client = MongoClient[dict[str, Any]]
RAW: Any = CodecOptions(document_class=RawBSONDocument)
ORDERED: Any = CodecOptions(document_class=SON, datetime_conversion=DatetimeConversion.DATETIME_MS)
OUT_OF_REACH = {246, 361, 26}
NOT_OURS = ("admin", "config", "local")
BUCKETS = "system.buckets."
_MODULUS = 1 << 256


@dataclass(frozen=True)
class Held:
    """A collection or view. Args: documents, digest: None where they cannot be known; of a capped one the order counts."""

    kind: str
    options: str
    indexes: dict[str, str] = field(default_factory=dict)
    documents: int | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Truth:
    """Args: held: By namespace. unasked: Namespaces that were half made. blind: Databases whose views are unknown."""

    at: Timestamp
    held: Mapping[str, Held]
    unasked: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()

    @property
    def spelled(self) -> str:
        return f"{self.at.time}.{self.at.inc}"

    @property
    def unknown(self) -> int:
        return len(self.unasked) + sum(
            one.digest is None and one.kind in ("collection", "capped") for one in self.held.values()
        )

    def to_json(self) -> str:
        held = {name: asdict(one) for name, one in self.held.items()}
        return json.dumps(
            {
                "at": [self.at.time, self.at.inc],
                "held": held,
                "unasked": sorted(self.unasked),
                "blind": sorted(self.blind),
            }
        )

    @classmethod
    def from_json(cls, line: str) -> "Truth":
        value = json.loads(line)
        held = {name: Held(**one) for name, one in value["held"].items()}
        return cls(Timestamp(*value["at"]), held, frozenset(value["unasked"]), frozenset(value["blind"]))


class TruthTeller:
    """Args: ddl_gate, capped_gate: Of the workload."""

    def __init__(self, client: Client, ddl_gate: Gate, capped_gate: Gate) -> None:
        self._client = client
        self._ddl, self._capped = ddl_gate, capped_gate
        self._oplog: Any = client.local.get_collection("oplog.rs", codec_options=RAW)
        self._rest: tuple[Timestamp, dict[bytes, Any]] | None = None
        """When it was last seen at rest, and each capped collection then, by ``_id``; None for one that moved all the same."""

    def at_rest(self) -> Truth:
        with self._capped.closed(), self._ddl.closed():
            # So that the instant read at is behind everything that was answered so far.
            marks = self._client.marks.get_collection("marks", write_concern=WriteConcern("majority"))
            marks.replace_one({"_id": 1}, {"n": 1}, upsert=True)
            with session_at(self._client, None) as session:
                catalog = _catalog(self._client, session)
                at = _time(session)
                rings: dict[bytes, Any] = {}
                for one in _capped_in(catalog):
                    plain = self._client[one["db"]].get_collection(
                        one["name"], codec_options=RAW, read_concern=ReadConcern("majority")
                    )
                    rings[_uuid(one)] = {_key(document): bytes(document.raw) for document in plain.find()}
                # After an election a write that nobody got an answer for can still come.
                moved = self._oplog.find({"ts": {"$gt": at}, "ui": {"$in": [Binary(uuid, 4) for uuid in rings]}})
                for entry in moved:
                    rings[bytes(entry["ui"])] = None
                self._rest = at, rings
                return _read(self._client, catalog, session, at, rings)

    def in_motion(self, at: Timestamp | None = None) -> Truth | None:
        """Args: at: An instant of the last seconds; else now.

        Returns:
            None where the views of a database that was dropped and made again are out of reach already.
        """
        with session_at(self._client, at) as session:
            try:
                catalog = _catalog(self._client, session)
            except OperationFailure as refusal:
                if refusal.code not in OUT_OF_REACH:
                    raise
                return None
            with self._ddl.closed():
                return _read(self._client, catalog, session, _time(session), self._rings(catalog, _time(session)))

    def _rings(self, catalog: list[Mapping[str, Any]], at: Timestamp) -> dict[bytes, Any]:
        """By UUID, what the oplog says was inserted and removed since the rest, taken literally; None if it was altered too."""
        if self._rest is None or self._rest[0] > at:
            return {}
        since, known = self._rest
        wanted = {_uuid(one) for one in _capped_in(catalog)}
        # What came to be since then was empty when it did.
        rings: dict[bytes, Any] = {
            uuid: None if known.get(uuid, {}) is None else dict(known.get(uuid, {})) for uuid in wanted
        }
        for entry in self._oplog.find({"ts": {"$gt": since, "$lte": at}, "op": {"$in": ["i", "d", "u"]}}):
            uuid = bytes(entry["ui"]) if "ui" in entry else b""
            ring = rings.get(uuid)
            if ring is None:
                continue
            if entry["op"] == "i":
                ring[_key(entry["o"])] = bytes(entry["o"].raw)
            elif entry["op"] == "d":
                ring.pop(_key(entry["o"]), None)
            else:
                rings[uuid] = None
        return rings


def restored(client: Client) -> dict[str, Held]:
    """Everything on a server at rest."""
    catalog = _catalog(client, None)
    rings = {}
    for one in _capped_in(catalog):
        plain = client[one["db"]].get_collection(one["name"], codec_options=RAW)
        rings[_uuid(one)] = {n: bytes(document.raw) for n, document in enumerate(plain.find())}
    return dict(_read(client, catalog, None, Timestamp(0, 0), rings).held)


def differences(truth: Truth, held: Mapping[str, Held], within: Iterable[str] | None = None) -> list[str]:
    """In words; empty when nothing differs.

    Args:
        within: Only these databases.
    """
    said = []
    chosen = None if within is None else set(within)
    for name in sorted(truth.held.keys() | held.keys()):
        if name in truth.unasked or (chosen is not None and name.partition(".")[0] not in chosen):
            continue
        wanted, have = truth.held.get(name), held.get(name)
        if name.partition(".")[0] in truth.blind and (wanted or have).kind.split()[0] in ("view", "timeseries"):  # type: ignore[union-attr]
            continue
        if wanted is None or have is None:
            said.append(f"{name} is {'missing' if have is None else 'too many'}: {(wanted or have)}")
            continue
        for part in ("kind", "options"):
            if getattr(wanted, part) != getattr(have, part):
                said.append(f"{name}: {part} should be {getattr(wanted, part)} and is {getattr(have, part)}")
        for index in sorted(wanted.indexes.keys() | have.indexes.keys()):
            should, is_now = wanted.indexes.get(index), have.indexes.get(index)
            if should != is_now:
                said.append(f"{name}: index {index} should be {should} and is {is_now}")
        if wanted.digest is not None and wanted.digest != have.digest:
            said.append(
                f"{name}: {wanted.documents} documents there were, and {have.documents} are restored, not the same"
            )
    return said


def differing_documents(
    source: Client, target: Client, at: Timestamp, namespace: str, renamed: Mapping[str, str]
) -> list[str]:
    """The first documents that differ, as far as the truth can still be read."""
    database, _, name = namespace.partition(".")
    there = next((new for new, old in renamed.items() if old == database), database)
    try:
        with session_at(source, at) as session:
            [one] = [one for one in _catalog(source, session) if (one["db"], one["name"]) == (database, name)]
            wanted = set(_documents(source, one, session))
        have = {bytes(one.raw) for one in target[there].get_collection(name, codec_options=RAW).find()}
    except (OperationFailure, ValueError, KeyError) as trouble:
        return [f"(it cannot be asked for any more: {str(trouble)[:80]})"]
    words = [f"missing {str(RawBSONDocument(one))[:400]}" for one in sorted(wanted - have)[:2]]
    return words + [f"too many {str(RawBSONDocument(one))[:400]}" for one in sorted(have - wanted)[:2]]


def not_ours(database: str) -> bool:
    """Whether a database is one of the application's."""
    return database not in NOT_OURS


def _catalog(client: Client, session: Any) -> list[Mapping[str, Any]]:
    admin = client.get_database("admin", codec_options=ORDERED)
    return [one for one in admin.aggregate([{"$listCatalog": {}}], session=session) if one["db"] not in NOT_OURS]


def _time(session: Any) -> Timestamp:
    time = time_of(session)
    assert time is not None
    return time


def _capped_in(catalog: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [one for one in catalog if "md" in one and one["md"]["options"].get("capped")]


def _uuid(one: Mapping[str, Any]) -> bytes:
    return bytes(one["md"]["options"]["uuid"])


def _key(document: Any) -> bytes:
    return repr(document.get("_id")).encode()


def _read(
    client: Client, catalog: list[Mapping[str, Any]], session: Any, at: Timestamp, rings: Mapping[bytes, Any]
) -> Truth:
    held: dict[str, Held] = {}
    series = {f"{one['db']}.{one['name']}" for one in catalog if one["type"] == "timeseries"}
    buckets = {f"{one['db']}.{one['name'].removeprefix(BUCKETS)}" for one in catalog if one["name"].startswith(BUCKETS)}
    half = series ^ buckets
    # Where its views are out of reach, a database seems to have none.
    blind = {one["db"] for one in catalog if one["name"] == "system.views" and not _reachable(client, one, session)}
    unseen = {name for name in buckets if name.partition(".")[0] in blind}
    for one in catalog:
        database, name = one["db"], one["name"]
        if name in ("system.views", "system.profile"):
            continue
        if "md" not in one:
            seen = {key: one[key] for key in ("viewOn", "pipeline", "collation") if key in one}
            held[f"{database}.{name}"] = Held(one["type"], _json(seen))
        elif not one["md"]["options"].get("temp"):
            held[f"{database}.{name}"] = _collection(client, one, session, rings)
    half |= unseen
    unasked = half | {f"{name.partition('.')[0]}.{BUCKETS}{name.partition('.')[2]}" for name in half}
    return Truth(at, held, frozenset(unasked), frozenset(blind))


def _reachable(client: Client, one: Mapping[str, Any], session: Any) -> bool:
    try:
        return session is None or sum(1 for _ in _documents(client, one, session)) >= 0
    except OperationFailure as refusal:
        if refusal.code not in OUT_OF_REACH:
            raise
        return False


def _collection(client: Client, one: Mapping[str, Any], session: Any, rings: Mapping[bytes, Any]) -> Held:
    facts = one["md"]
    options = {key: value for key, value in facts["options"].items() if key != "uuid"}
    if facts.get("timeseriesBucketsMayHaveMixedSchemaData"):
        options["(mixed)"] = True
    indexes = {one["spec"]["name"]: index_json(one["spec"]) for one in facts["indexes"] if one.get("ready")}
    kind, documents, digest = "collection", None, None
    if options.get("capped"):
        kind, ring = "capped", rings.get(_uuid(one))
        if ring is not None:
            documents, digest = digest_of(ring.values(), in_order=True)
    else:
        try:
            documents, digest = digest_of(_documents(client, one, session), in_order=False)
        except OperationFailure as refusal:
            if refusal.code not in OUT_OF_REACH or session is None:
                raise
    return Held(kind, _json(options), indexes, documents, digest)


def _documents(client: Client, one: Mapping[str, Any], session: Any) -> Iterable[bytes]:
    # By name alone, a collection that was renamed or dropped since shows no documents and no error.
    collection = client[one["db"]].get_collection(one["name"], codec_options=RAW)
    found: Any = collection.aggregate([], session=session, collectionUUID=one["md"]["options"]["uuid"])
    return (bytes(document.raw) for document in found)


def digest_of(documents: Iterable[bytes], *, in_order: bool) -> tuple[int, str]:
    count = total = 0
    for document in documents:
        value = int.from_bytes(hashlib.sha256(document).digest(), "big")
        total = ((total * 3 if in_order else total) + value) % _MODULUS
        count += 1
    return count, f"{total:064x}"


def index_json(specification: Mapping[str, Any]) -> str:
    """The order of its fields is the server's to choose, but for the key; so is the number's type: collMod writes a long."""
    told = {key: specification[key] for key in sorted(specification)}
    if "expireAfterSeconds" in told:
        told["expireAfterSeconds"] = float(told["expireAfterSeconds"])
    return _json(told)


def _json(value: Any) -> str:
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)
