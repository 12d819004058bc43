"""The sample application's documents, collection by collection, as streams that need no memory to speak of.

Invariant: each collection draws from its own fork of the seed, so its documents do not depend on the others' number.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UUID_SUBTYPE

from lifeboat.foundation.value import Value
from lifeboat.samples import words
from lifeboat.samples.application_schema import Document
from lifeboat.samples.chance import Chance

_HASH_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
GRIDFS_CHUNK_BYTES = 255 * 1024
"""What drivers choose, so that an application reads these attachments like its own."""
_EXTENSIONS = (("pdf", "application/pdf"), ("jpg", "image/jpeg"), ("docx", "application/msword"), ("txt", "text/plain"))


class Counts(Value):
    """How many of each at one scale; at scale 1 about 60 000 documents and 45 MB."""

    users: int
    clients: int
    cases: int
    messages: int
    invoices: int
    sessions: int
    audit: int
    attachments: int

    @classmethod
    def at_scale(cls, scale: float) -> "Counts":
        wanted = (300, 1500, 2500, 25000, 6000, 1500, 22000, 36)
        return cls(*(max(2, round(count * scale)) for count in wanted))


class Documents:
    """Makes the documents; each method is one collection, in any order, as often as wanted.

    Args:
        now: All dates lie before it, except those of sessions, which expire a month and more after it.
    """

    def __init__(self, seed: int, counts: Counts, now: dt.datetime) -> None:
        self._seed = seed
        self._counts = counts
        self._now = now.replace(microsecond=0)
        self._earliest = self._now - dt.timedelta(days=5 * 365)
        self._prose = _prose_of(seed)
        self._users = [self._id("user", number) for number in range(counts.users)]
        self._cases = [self._id("case", number) for number in range(counts.cases)]
        self._clients = [self._id("client", number) for number in range(counts.clients)]

    def by_collection(self) -> dict[str, Callable[[], Iterator[Document]]]:
        return {
            "users": self.users,
            "clients": self.clients,
            "cases": self.cases,
            "messages": self.messages,
            "invoices": self.invoices,
            "sessions": self.sessions,
            "audit_log": self.audit_log,
            "recent_activity": self.recent_activity,
            "page_timings": self.page_timings,
            "directory": self.directory,
            "reference_codes": self.reference_codes,
            "settings": self.settings,
            "fs.files": self.attachment_files,
            "fs.chunks": self.attachment_chunks,
        }

    def users(self) -> Iterator[Document]:
        chance, _ = self._start("users")
        for number, identity in enumerate(self._users):
            salt_and_hash = "".join(chance.choices(_HASH_LETTERS, k=53))
            yield {
                "_id": identity,
                "email": f"user{number}@example.com",
                "name": words.full_name(chance),
                # Shaped like bcrypt, the hash of nothing.
                "passwordHash": f"$2b$12${salt_and_hash}",
                "role": chance.choice(("lawyer", "client", "clerk", "admin")),
                "profile": {"language": chance.choice(("ar", "en")), "phone": f"+96650{chance.randrange(10**7):07}"},
                "createdAt": self._instant(chance),
                "mfa": None
                if number % 7
                else {"enrolled": True, "recoveryCodes": chance.some(("a1", "b2", "c3"), 0, 5)},
            }

    def clients(self) -> Iterator[Document]:
        chance, prose = self._start("clients")
        for number, identity in enumerate(self._clients):
            client: Document = {
                "_id": identity,
                "name": words.full_name(chance),
                "nationalId": f"1{chance.randrange(10**9):09}",
                "city": chance.choice(words.CITIES),
                "notes": prose.either(chance.randrange(40, 400)),
                "cases": chance.sample(self._cases, k=min(len(self._cases), chance.randrange(4))),
            }
            if number % 3 == 0:
                where = [round(chance.uniform(39.0, 50.0), 6), round(chance.uniform(17.0, 27.0), 6)]
                client["office"] = {"type": "Point", "coordinates": where}
            yield client

    def cases(self) -> Iterator[Document]:
        chance, prose = self._start("cases")
        for number, identity in enumerate(self._cases):
            opened = self._instant(chance)
            yield {
                "_id": identity,
                "number": f"{opened.year}/{number:06}",
                "title": prose.either(chance.randrange(20, 90)),
                "status": chance.choice(words.STATUSES),
                "practice": chance.choice(words.PRACTICES),
                "court": chance.choice(words.COURTS),
                "lawyer": chance.choice(self._users),
                "fee": _money(chance, 500_000),
                "openedAt": opened,
                "tags": sorted(set(chance.some(words.PRACTICES, 0, 4))),
                "parties": [self._party(chance, side) for side in chance.choices(("claimant", "respondent"), k=3)],
                "hearings": [
                    {"at": self._instant(chance), "room": chance.randrange(40), "minutes": prose.either(300)}
                    for _ in range(chance.randrange(5))
                ],
                "statement": prose.either(chance.randrange(400, 6000)),
                "summary": {"en": prose.english(250), "ar": prose.arabic(250)},
                "risk": chance.random(),
            }

    def messages(self) -> Iterator[Document]:
        chance, prose = self._start("messages")
        for _ in range(self._counts.messages):
            sent = self._instant(chance)
            yield {
                "_id": chance.object_id(sent),
                "case": chance.choice(self._cases),
                "from": chance.choice(self._users),
                "to": chance.choice(self._users),
                "subject": prose.either(chance.randrange(10, 40)),
                "body": prose.either(chance.randrange(30, 450)),
                "sentAt": sent,
                "read": chance.random() < 0.85,
            }

    def invoices(self) -> Iterator[Document]:
        chance, prose = self._start("invoices")
        for number in range(self._counts.invoices):
            due = self._instant(chance)
            amounts = [_money(chance, 9000) for _ in range(chance.randrange(1, 6))]
            lines = [
                {"what": prose.either(30), "hours": chance.randrange(1, 40), "amount": amount} for amount in amounts
            ]
            total = sum((amount.to_decimal() for amount in amounts), Decimal())
            invoice: Document = {
                "_id": chance.object_id(due),
                "number": Int64(10_000_000_000 + number),
                "client": chance.choice(self._clients),
                "lines": lines,
                "total": Decimal128(total),
                "vat": Decimal128(f"{total * 15 / 100:.4f}"),
                "dueAt": due,
                "open": chance.random() < 0.2,
            }
            if not invoice["open"]:
                invoice["paidAt"] = due + dt.timedelta(hours=chance.randrange(900))
            yield invoice

    def sessions(self) -> Iterator[Document]:
        chance, _ = self._start("sessions")
        for _ in range(self._counts.sessions):
            yield {
                "_id": chance.randbytes(24).hex(),
                "user": chance.choice(self._users),
                # Far ahead, or the server would delete documents while they are being compared.
                "expiresAt": self._now + dt.timedelta(days=30, seconds=chance.randrange(10**6)),
                "address": f"192.0.2.{chance.randrange(256)}",
            }

    def audit_log(self) -> Iterator[Document]:
        chance, _ = self._start("audit")
        for number in range(self._counts.audit):
            at = self._earliest + (self._now - self._earliest) * number / self._counts.audit
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            yield {
                "_id": chance.object_id(at),
                "at": at,
                "actor": chance.choice(self._users),
                "action": chance.choice(("case.read", "case.update", "invoice.create", "user.login", "file.download")),
                "target": {"collection": "cases", "id": chance.choice(self._cases)},
                "address": f"198.51.100.{chance.randrange(256)}",
                "agent": "Mozilla/5.0 (sample) rv:" + str(chance.randrange(100)),
            }

    def recent_activity(self) -> Iterator[Document]:
        """More than the capped collection holds: the first ones are pushed out."""
        chance, _ = self._start("activity")
        for number in range(600):
            yield {"_id": number, "user": chance.choice(self._users), "did": chance.choice(("read", "wrote", "signed"))}

    def page_timings(self) -> Iterator[Document]:
        chance, _ = self._start("timings")
        for number in range(self._counts.audit // 10):
            at = self._now - dt.timedelta(minutes=number)
            page = {"route": chance.choice(("/cases", "/clients", "/login")), "server": f"web{number % 2}"}
            yield {"_id": chance.object_id(at), "at": at, "page": page, "milliseconds": chance.randrange(1, 900)}

    def directory(self) -> Iterator[Document]:
        chance, _ = self._start("directory")
        for number in range(200):
            yield {
                "_id": number,
                "name": f"{words.full_name(chance)} {number}",
                "code": ("a", "A")[number % 2] * (1 + number // 2),
            }

    def reference_codes(self) -> Iterator[Document]:
        _, prose = self._start("codes")
        for number in range(250):
            yield {"_id": f"article-{number:03}", "text": prose.either(120 + number)}

    def settings(self) -> Iterator[Document]:
        """One document with every BSON type, and the shapes that careless tools change."""
        _, prose = self._start("settings")
        deep: Document = {"bottom": True}
        for _ in range(60):
            deep = {"in": deep}
        yield {"_id": "every-type", **_every_type(self._now)}
        yield {"_id": {"embedded": 1, "key": "order"}, "value": "an embedded document as _id"}
        yield {"_id": "deep", "value": deep}
        yield {"_id": "names", "a.b": 1, "c": {"$odd": 2, "": "empty name", "مفتاح": "Arabic name"}}
        yield {"_id": "large", "text": prose.english(1_200_000)}
        yield {"_id": Binary(bytes(range(16)), UUID_SUBTYPE), "value": "a UUID as _id"}
        yield {"_id": Decimal128("1.50"), "value": "a decimal as _id"}
        yield {"_id": None, "value": "null as _id"}

    def attachment_files(self) -> Iterator[Document]:
        for file, _ in self._attachments():
            yield file

    def attachment_chunks(self) -> Iterator[Document]:
        for file, content in self._attachments():
            chance, _ = self._start(f"chunks of {file['filename']}")
            for number, start in enumerate(range(0, len(content), GRIDFS_CHUNK_BYTES)):
                piece = Binary(content[start : start + GRIDFS_CHUNK_BYTES])
                identity = chance.object_id(file["uploadDate"])
                yield {"_id": identity, "files_id": file["_id"], "n": number, "data": piece}

    def _attachments(self) -> Iterator[tuple[Document, bytes]]:
        chance, prose = self._start("attachments")
        for number in range(self._counts.attachments):
            extension, kind = _EXTENSIONS[number % len(_EXTENSIONS)]
            size = chance.randrange(20_000, 700_000) if number else 0
            content = prose.english(size).encode()[:size] if extension == "txt" else chance.randbytes(size)
            uploaded = self._instant(chance)
            file = {
                "_id": chance.object_id(uploaded),
                "filename": f"attachment-{number:04}.{extension}",
                "length": Int64(len(content)),
                "chunkSize": GRIDFS_CHUNK_BYTES,
                "uploadDate": uploaded,
                "metadata": {"case": chance.choice(self._cases), "contentType": kind, "sha256": _digest(content)},
            }
            yield file, content

    def _start(self, stream: str) -> tuple[Chance, words.Prose]:
        chance = Chance(f"{self._seed}/{stream}")
        return chance, self._prose.drawn_from(chance)

    def _id(self, kind: str, number: int) -> ObjectId:
        return ObjectId(hashlib.sha256(f"{self._seed}/{kind}/{number}".encode()).digest()[:12])

    def _instant(self, chance: Chance) -> dt.datetime:
        return chance.instant(self._earliest, self._now)

    def _party(self, chance: Chance, side: str) -> Document:
        address = {"city": chance.choice(words.CITIES), "building": chance.randrange(9999)}
        return {"name": words.full_name(chance), "side": side, "address": address, "represented": chance.random() < 0.5}


@lru_cache(maxsize=1)
def _prose_of(seed: int) -> words.Prose:
    return words.Prose(Chance(f"{seed}/prose"))


def _money(chance: Chance, at_most: int) -> Decimal128:
    return Decimal128(f"{chance.randrange(at_most)}.{chance.randrange(100):02}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _every_type(now: dt.datetime) -> Document:
    return {
        "double": 1.5,
        "negativeZero": -0.0,
        "notANumber": float("nan"),
        "infinite": float("-inf"),
        "string": "نص — text \x00 with a zero byte",
        "emptyString": "",
        "document": {},
        "array": [1, [2, [3]], {"four": 4}],
        "emptyArray": [],
        "binary": Binary(b"\x00\xff\x10", 128),
        "objectId": ObjectId("0123456789abcdef01234567"),
        "true": True,
        "date": now,
        "dateBefore1970": dt.datetime(1901, 2, 3, tzinfo=dt.UTC),
        "null": None,
        "regex": Regex("^a.*b$", "im"),
        "code": Code("function () { return 1 }"),
        "codeWithScope": Code("x", {"x": 1}),
        "int32": 7,
        "timestamp": Timestamp(1_700_000_000, 3),
        "int64": Int64(7),
        "decimal": Decimal128("0.1000"),
        "decimalNotANumber": Decimal128("NaN"),
        "minKey": MinKey(),
        "maxKey": MaxKey(),
    }
