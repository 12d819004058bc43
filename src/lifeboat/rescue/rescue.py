#!/usr/bin/env python3
"""Lifeboat rescue: get your data out of a Lifeboat repository, without Lifeboat.

You have: a plain copy of a repository (a directory that holds `config`, `keys`, `catalog` and others), and the key:
the text that begins with LIFEBOAT1-, or 64 hex digits.
You need: Python 3.11 or newer, and two libraries:

    pip install "cryptography>=50" zstandard

From S3 you get the plain copy with:  aws s3 sync s3://BUCKET/PREFIX ./REPO
(Objects in Glacier or Deep Archive have to be restored there first.)

What to type:

    export LIFEBOAT_KEY='LIFEBOAT1-...'           or --key-file FILE, or be asked; never as an argument
    python rescue.py list REPO                    what there is, newest first
    python rescue.py files REPO latest OUT        the uploaded files ("latest-config": the configuration files)
    python rescue.py dump REPO latest OUT         the database; then what it tells you: mongorestore ... OUT
        --at 2026-11-26T10:00:00Z                 ... as it was at any moment that `list` shows as archived
    python rescue.py erasures REPO                who was erased on request: `files` leaves them out, `dump` does not
    python rescue.py check REPO                   read and check every object

A snapshot is named by `latest`, or by its id or the first digits of it as `list` shows them. OUT must be empty or new.
Exit code 0: you have all of what you asked for. 2: you do not; each thing that is missing was named, and what was
written is right all the same: every byte is authenticated before it is written under its name.
If indexes are damaged, add --rebuild-index: the packs themselves know what is in them.

This file shares no code with Lifeboat. It is written from docs/format.md; "section" below is a section of that document.
"""

import argparse
import base64
import binascii
import bisect
import contextlib
import errno
import getpass
import hashlib
import hmac
import io
import itertools
import json
import os
import re
import shutil
import stat
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote_plus

try:
    import zstandard
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
except ImportError as missing:
    print(f'rescue: {missing}; please type: {sys.executable} -m pip install "cryptography>=50" zstandard')
    raise SystemExit(2) from None

MIB = 1024 * 1024
CHUNK_LARGEST = 64 * MIB
PACK_LARGEST = 1024 * MIB
TABLE_LARGEST = 16_777_216 * 46
INDEX_LARGEST = 4096 * MIB  # unpacked, but never held as a whole
SMALL_LARGEST = 4 * MIB  # description, registration, wrapped key, link: what strangers could have put there
RECORD_LARGEST = 64 * MIB  # a snapshot record, packed or not
LINE_LARGEST = CHUNK_LARGEST
CACHE_BYTES = 64 * MIB  # plain chunks kept at hand: small files share them

UNPACKER = zstandard.ZstdDecompressor(max_window_size=128 * MIB)

SOURCES, CLASSES = ("mongodb", "files", "config"), ("short", "long")
CONTENT, CHUNK_LIST, LINES, ROOT, SUMMARY, EVENTS = 1, 2, 3, 4, 5, 6
GENERATION = r"\d{4}-\d{2}(?:\.\d{1,9})?"
ROW = struct.Struct(">32sBBIII")  # chunk id, kind, compression, offset, sealed length, plain length: 46 bytes
LIST_ROW = struct.Struct(">32sI")
PLACE = struct.Struct(">32sBBIIII")  # a row and the number of its pack
INDEXED_PACK = struct.Struct(">32s32sQI")  # name, name of the data key, size, rows
KNOWN_NAME = re.compile(
    r"config/(?:repository-|writer-[0-9a-f]{32}-|rescue-|README-)[0-9a-f]{64}\.(?:json|py|txt)"
    rf"|keys/{GENERATION}/(?:grant-[0-9a-f]{{16}}-)?[0-9a-f]{{64}}"
    rf"|(?:{'|'.join(SOURCES)})/pack/(?:{'|'.join(CLASSES)})/{GENERATION}/[0-9a-f]{{64}}"
    rf"|catalog/[0-9a-f]{{32}}/{GENERATION}/(?:index-|snapshot-|link-\d{{8}}-)[0-9a-f]{{64}}"
    r"|ledger/\d{8}-[a-z][a-z-]{0,31}-[0-9a-f]{64}"
    rf"|mongodb/oplog/{GENERATION}/[0-9a-f]{{64}}/(?:[0-9a-f]{{16}}-){{3}}[0-9a-f]{{32}}-[0-9a-f]{{64}}"
)


PARTIAL = f".rescue-partial-{os.urandom(6).hex()}"  # a name that no file in a snapshot has


class Trouble(Exception):
    """Something a person must know; the text is one sentence that names the thing."""


complaints = 0


def say(sentence: str) -> None:
    """Tell the person something that does not change the result."""
    print(f"rescue: {printable(sentence)}", file=sys.stderr)


def complain(sentence: object) -> None:
    """Tell the person that something asked for is not there: the exit code will be 2."""
    global complaints
    complaints += 1
    say(f"PROBLEM: {sentence}")


def printable(text: str) -> str:
    """Show control characters as escapes: a file name must not steer the terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


# ---- Reading small things -------------------------------------------------------------------------------------------


def from_b64(text: object, length: int | None = None) -> bytes:
    """Decode base64url without padding."""
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise Trouble("a field that should be base64url is not")
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Trouble(f"a field that should be base64url is not ({error})") from None
    if length is not None and len(content) != length:
        raise Trouble(f"a field should hold {length} bytes and holds {len(content)}")
    return content


def from_hex(text: object, length: int) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]*", text) or len(text) != 2 * length:
        raise Trouble(f"a field that should be {length} bytes in hex is not")
    return bytes.fromhex(text)


T = TypeVar("T")


def take(container: object, name: str, kind: type[T]) -> T:
    """Return a field of a JSON object, insisting on its type."""
    value = container.get(name) if isinstance(container, dict) else None
    if kind is str and isinstance(value, str) and name in ("database", "collection", "metadata") and not is_text(value):
        raise Trouble(f"the field {name!r} holds what no text holds")
    if not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or not 0 <= value < 2**63)):  # type: ignore[operator]
        raise Trouble(f"the field {name!r} is missing or is not what it should be")
    return value


def is_text(text: str) -> bool:
    """Whether it can be written: JSON can also say halves of letters."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def from_json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Trouble(f"this should be JSON and is not ({error})") from None
    if not isinstance(value, dict):
        raise Trouble("this should be a JSON object and is not")
    return value


def read_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Trouble("a time in it is not one") from None


@contextlib.contextmanager
def reading(what: str) -> Iterator[None]:
    """Put the name of the thing before whatever is wrong with it."""
    try:
        yield
    except Trouble as trouble:
        raise Trouble(f"{what}: {trouble}") from None
    except OSError as error:
        raise Trouble(f"{what}: {error.strerror or error}") from None


def derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 with 32 bytes of output (RFC 5869, one block)."""
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\x01", "sha256")


def unseal(key: bytes | AESGCM, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    try:
        return (AESGCM(key) if isinstance(key, bytes) else key).decrypt(nonce, sealed, aad)
    except (InvalidTag, ValueError):
        raise Trouble("it was changed or does not belong here (its seal does not fit)") from None


def open_sealed(content: bytes, name: str, magic: bytes, label: bytes, writer: "Writer") -> bytes:
    """Unseal an index or a record (sections 8 and 9); what comes out is still compressed."""
    if content[:8] != magic + b"\x00\x01\x01\x00" or content[8:24] != writer.id or len(content) < 72:
        raise Trouble("it does not begin as it should, or is of another writer")
    key = derive(writer.catalog_key, content[24:56], label + writer.repository + name.split("/")[2].encode())
    return unseal(key, bytes(12), content[56:], content[:56])


# ---- The key (section 2) --------------------------------------------------------------------------------------------


def read_seed(text: str) -> bytes:
    """Turn what a person typed into the 32-byte seed."""
    letters = re.sub(r"[\s\-]", "", text).upper()
    if re.fullmatch(r"[0-9A-F]{64}", letters):
        return bytes.fromhex(letters)
    if not re.fullmatch(r"LIFEBOAT1[A-Z2-7]{58}", letters):
        raise Trouble("this is not a Lifeboat key: it has LIFEBOAT1 and 58 letters or digits 2 to 7, or 64 hex digits")
    content = base64.b32decode(letters[9:] + "======")
    seed, check = content[:32], content[32:]
    if hashlib.sha256(b"lifeboat identity checksum" + seed).digest()[:4] != check:
        raise Trouble("there is a typing mistake in the key: its check digits do not fit")
    return seed


class Identity:
    """The private keys of one person."""

    def __init__(self, seed: bytes) -> None:
        expanded = hashlib.shake_256(seed).digest(96)
        ml_kem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        signing = hashlib.shake_256(b"lifeboat identity signing key" + seed).digest(32)
        self._opening = MLKEM768X25519PrivateKey(ml_kem, x25519)
        self.recipient = (
            ml_kem.public_key().public_bytes_raw()
            + x25519.public_key().public_bytes_raw()
            + Ed25519PrivateKey.from_private_bytes(signing).public_key().public_bytes_raw()
        )
        self.fingerprint = fingerprint_of(self.recipient)

    def unwrap(self, wrapped: bytes, info: bytes, length: int) -> bytes:
        try:
            suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
            secret = suite.decrypt(wrapped, self._opening, info)
        except (InvalidTag, ValueError):
            raise Trouble("your key does not open it: it was changed or made for another key") from None
        if len(secret) != length:
            raise Trouble("the secret in it has the wrong length")
        return secret


def fingerprint_of(recipient: bytes) -> bytes:
    return hashlib.sha256(b"lifeboat recipient" + recipient).digest()


def read_recipient(text: str) -> bytes:
    prefix = "lifeboat-recipient-1:"
    if not text.startswith(prefix):
        raise Trouble("a recipient does not begin as it should")
    return from_b64(text.removeprefix(prefix), 1248)


def signers_of(label: bytes, signed: dict[str, Any], keys: dict[str, bytes]) -> set[str]:
    """Return which of these signers (name to Ed25519 key) really signed the body (section 3)."""
    body = json.dumps(take(signed, "body", dict), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    found = set()
    for signer, signature in take(signed, "signatures", dict).items():
        with contextlib.suppress(InvalidSignature, Trouble, ValueError):
            Ed25519PublicKey.from_public_bytes(keys.get(signer, b"")).verify(
                from_b64(signature, 64), label + b"\n" + body.encode("ascii")
            )
            found.add(signer)
    return found


# ---- The repository (sections 1, 4, 5, 6, 9) ------------------------------------------------------------------------


@dataclass(frozen=True)
class Writer:
    """One installation that wrote here, and the secrets of it that your key opened."""

    repository: bytes
    id: bytes
    label: str
    chunk_id_key: bytes
    catalog_key: bytes
    signing_key: bytes


@dataclass(frozen=True)
class Snapshot:
    """A snapshot record that was authenticated."""

    name: str
    writer: Writer
    record: dict[str, Any]
    id: str
    source: str
    storage_class: str
    generation: str
    instant: datetime
    root: bytes
    joined_packs: bytes

    def packs(self) -> set[bytes]:
        """Names of all packs it needs."""
        return {self.joined_packs[at : at + 32] for at in range(0, len(self.joined_packs), 32)}


class Repository:
    """A directory with the objects under their names, and what the key opens of it."""

    def __init__(self, folder: str, identity: Identity | None, signer: str | None = None) -> None:
        self.folder = folder
        self.identity = identity
        self._data_keys: dict[tuple[str, bytes], AESGCM] = {}
        self._granted: dict[str, dict[bytes, bytes]] = {}
        self.former: dict[str, bytes] = {}  # who was a recipient: what they signed is said again, or was meant to end
        if not os.path.isdir(os.path.join(folder, "config")):
            raise Trouble(f"{folder} is not a plain copy of a repository: there is no directory `config` in it")
        if identity is not None:
            self.id, self.recipients = self._find_description(identity, signer)
            self.writers = self._find_writers(identity)

    def path(self, name: str) -> str:
        return os.path.join(self.folder, *name.split("/"))

    def names(self, *folders: str) -> list[str]:
        """List the names of objects below a folder, sorted; names this format does not know are left out."""
        start = self.path("/".join(folders)) if folders else self.folder
        found = []
        for parent, _, files in os.walk(start):
            for file in files:
                name = os.path.relpath(os.path.join(parent, file), self.folder).replace(os.sep, "/")
                if KNOWN_NAME.fullmatch(name):
                    found.append(name)
        return sorted(found)

    def read(self, name: str, largest: int = SMALL_LARGEST) -> bytes:
        """Read a whole object and insist that its bytes have the hash in its name."""
        with open(self.path(name), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > largest:
                raise Trouble(f"it is larger than {largest} bytes, which no sound one is")
            content = file.read(size)  # not `largest`: Python takes memory for all that it is asked for
        if hashlib.sha256(content).digest() != hash_in(name):
            raise Trouble("it is damaged: its bytes do not have the hash that is its name")
        return content

    def _find_description(self, identity: Identity, signer: str | None) -> tuple[bytes, dict[str, bytes]]:
        """Find the newest description that can be trusted, and its recipients' Ed25519 keys by fingerprint.

        Anybody who can write to the bucket can put his own description there and sign it himself. So trust begins
        with your own signature (or with the signer whose fingerprint you typed), and goes from a trusted description
        to a later one that a recipient of the trusted one signed.
        """
        candidates = []
        former: dict[tuple[str, str], bytes] = {}
        for name in self.names("config"):
            if not name.startswith("config/repository-"):
                continue
            try:
                with reading(name):
                    signed = from_json(self.read(name))
                    body = take(signed, "body", dict)
                    recipients = {}
                    for entry in take(body, "recipients", list):
                        recipient = read_recipient(take(entry, "recipient", str))
                        recipients[fingerprint_of(recipient).hex()] = recipient[-32:]
                    repository, revision = from_hex(body.get("repository"), 16), take(body, "revision", int)
                    if body.get("format") != 1:
                        raise Trouble("it is of a newer format than this script knows")
                    signers = signers_of(b"lifeboat description 1", signed, recipients)
                    for entry in take(body, "former", list) if "former" in body else []:
                        recipient = read_recipient(take(entry, "recipient", str))
                        former[name, fingerprint_of(recipient).hex()] = recipient[-32:]
                    candidates.append((revision, repository, recipients, signers, signed, name))
            except Trouble as trouble:
                complain(trouble)
        if signer is not None and not re.fullmatch(r"[0-9a-f]{16,64}", signer):
            raise Trouble("a --signer is at least the first 16 hex digits of a fingerprint")
        mine = identity.fingerprint.hex()
        trusted: tuple[int, bytes, dict[str, bytes]] | None = None
        for revision, repository, recipients, signers, signed, name in sorted(candidates, key=lambda one: one[0]):
            if trusted is None:
                accepted = any(mine == one or (signer and one.startswith(signer)) for one in signers)
            else:
                # The signers of this one, as keys of the trusted one before it.
                accepted = repository == trusted[1] and bool(signers_of(b"lifeboat description 1", signed, trusted[2]))
            if accepted:
                trusted = revision, repository, recipients
                self.former = {who: key for (where, who), key in former.items() if where == name}
        if trusted is None:
            others = sorted({one[:16] for candidate in candidates if mine in candidate[2] for one in candidate[3]})
            if others:
                raise Trouble(
                    f"the description of this repository names your key, but others signed it: {', '.join(others)}; "
                    "if one of these fingerprints stands on your key sheet, add --signer with it"
                )
            raise Trouble(
                f"no sound description of this repository names your key (fingerprint {mine[:16]}): "
                "is it the key of another repository, or is the copy damaged?"
            )
        if mine not in trusted[2]:
            raise Trouble("your key was removed from this repository; you need the key of another recipient")
        return trusted[1], trusted[2]

    def _find_writers(self, identity: Identity) -> dict[bytes, Writer]:
        """Open every registration that a recipient signed."""
        writers: dict[bytes, Writer] = {}
        for name in self.names("config"):
            if not name.startswith("config/writer-"):
                continue
            try:
                with reading(name):
                    writer = self._open_registration(from_json(self.read(name)), name[14:46], identity)
                    if writer is not None and writers.setdefault(writer.id, writer) != writer:
                        raise Trouble("two registrations of this writer contradict each other")
            except Trouble as trouble:
                complain(trouble)
        return writers

    def _open_registration(self, signed: dict[str, Any], name: str, identity: Identity) -> Writer | None:
        if not signers_of(b"lifeboat writer 1", signed, self.recipients):
            if signers_of(b"lifeboat writer 1", signed, self.former):
                return None
            raise Trouble("no recipient of this repository signed it")
        body = take(signed, "body", dict)
        writer_id, signing_key = from_hex(body.get("writer"), 16), from_b64(body.get("signing_key"), 32)
        if from_hex(body.get("repository"), 16) != self.id or writer_id.hex() != name or body.get("format") != 1:
            raise Trouble("it belongs to another repository or another writer")
        wrapped = take(body, "secret", dict).get(identity.fingerprint.hex())
        if wrapped is None:
            return None  # there may be another registration, made for your key
        info = b"lifeboat writer secret 1\x00" + self.id + writer_id + identity.fingerprint
        secret = identity.unwrap(from_b64(wrapped), info, 96)
        if Ed25519PrivateKey.from_private_bytes(secret[64:]).public_key().public_bytes_raw() != signing_key:
            raise Trouble("its signing key does not fit its secret")
        return Writer(self.id, writer_id, take(body, "label", str), secret[:32], secret[32:64], signing_key)

    def snapshots(self) -> Iterator[Snapshot | Trouble]:
        """Open every snapshot record; a bad one comes out as what is wrong with it."""
        for name in self.names("catalog"):
            if "/snapshot-" not in name:
                continue
            try:
                with reading(name):
                    yield self.open_record(name)
            except Trouble as trouble:
                yield trouble

    def open_record(self, name: str) -> Snapshot:
        content = self.read(name, RECORD_LARGEST)
        writer, generation = self.catalog_writer(name), name.split("/")[2]
        sealed = open_sealed(content, name, b"LBSN", b"lifeboat snapshot 1", writer)
        record = from_json(b"".join(decompressed(sealed, RECORD_LARGEST)))
        packs = from_b64(record.pop("packs", None))
        snapshot = Snapshot(
            name,
            writer,
            record,
            from_hex(record.get("snapshot"), 16).hex(),
            take(record, "source", str),
            take(record, "class", str),
            take(record, "generation", str),
            read_instant(take(record, "instant", str)),
            from_b64(record.get("root"), 32),
            packs,
        )
        if record.get("format") != 1 or len(packs) % 32:
            raise Trouble("it is of a newer format than this script knows")
        if snapshot.source not in SOURCES or snapshot.storage_class not in CLASSES or snapshot.generation != generation:
            raise Trouble("its source, class or generation is not what its name says")
        return snapshot

    def writer(self, writer_id: bytes) -> Writer:
        if writer_id not in self.writers:
            raise Trouble(f"no sound registration gives your key the secret of the writer {writer_id.hex()}")
        return self.writers[writer_id]

    def catalog_writer(self, name: str) -> Writer:
        """Return the writer in whose part of the catalog this name is."""
        return self.writer(bytes.fromhex(name.split("/")[1]))

    def data_key(self, name: bytes, writer: Writer, generation: str) -> AESGCM:
        """Unwrap a data key (section 6), once."""
        if (generation, name) not in self._data_keys:
            object_name = f"keys/{generation}/{name.hex()}"
            with reading(object_name):
                key = self._open_data_key(self.read(object_name), writer, generation)
                key = key or self.granted(generation).get(name, b"")
                if not key:
                    raise Trouble("it was not made for your key, and nobody has opened it to you since")
            self._data_keys[generation, name] = AESGCM(key)
        return self._data_keys[generation, name]

    def granted(self, generation: str) -> dict[bytes, bytes]:
        """Return the data keys of a generation that were opened to you after they were made (section 20), by name."""
        if generation not in self._granted:
            found: dict[bytes, bytes] = {}
            for name in self.names("keys", generation):
                if self.identity is not None and f"/grant-{self.identity.fingerprint.hex()[:16]}-" in name:
                    try:
                        with reading(name):
                            found.update(self.open_grant(name, generation))
                    except Trouble as trouble:
                        complain(trouble)
            self._granted[generation] = found
        return self._granted[generation]

    def open_grant(self, name: str, generation: str) -> dict[bytes, bytes]:
        assert self.identity is not None
        signed, mine = from_json(self.read(name)), self.identity.fingerprint
        body = take(signed, "body", dict)
        if not signers_of(b"lifeboat grant 1", signed, self.recipients):
            if signers_of(b"lifeboat grant 1", signed, self.former):
                return {}
            raise Trouble("no recipient of this repository signed it: somebody planted it")
        stated = body.get("format"), body.get("repository"), body.get("generation"), body.get("recipient")
        if stated != (1, self.id.hex(), generation, mine.hex()):
            raise Trouble("it is of a newer format than this script knows, or lies in the wrong place")
        info = b"lifeboat grant 1\x00" + self.id + mine + generation.encode()
        key = self.identity.unwrap(from_b64(body.get("key")), info, 32)
        names, keys = from_b64(body.get("keys")), unseal(key, bytes(12), from_b64(body.get("sealed")), info)
        if len(names) != len(keys) or len(names) % 32:
            raise Trouble("it holds another number of keys than it says")
        return {names[at : at + 32]: keys[at : at + 32] for at in range(0, len(names), 32)}

    def _open_data_key(self, content: bytes, writer: Writer, generation: str) -> bytes:
        """Return the key, or nothing where it was made for others."""
        assert self.identity is not None
        header = b"LBKY\x00\x01\x01\x00" + self.id + writer.id
        end = 57 + (content[56] if len(content) > 56 else 0)
        made_in = content[57:end]
        # A key that came along with packs that were carried forward says the earlier month in which it was made.
        if not content.startswith(header) or not re.fullmatch(rb"\d{4}-\d\d(\.\d+)?", made_in):
            raise Trouble("it does not begin as it should, or is of another writer or repository")
        if made_in.decode() > generation:
            raise Trouble("it is of another generation")
        if len(content) < end + 2 or len(content) != end + 2 + 1202 * int.from_bytes(content[end : end + 2], "big"):
            raise Trouble("its length is not what its header says")
        run, mine = content[40:56], self.identity.fingerprint
        for at in range(end + 2, len(content), 1202):
            if content[at : at + 34] == mine + b"\x04\x90":  # 0x0490 is 1168, the length of what follows
                info = b"lifeboat data key 1\x00" + self.id + writer.id + run + mine + made_in
                return self.identity.unwrap(content[at + 34 : at + 1202], info, 32)
        return b""


def hash_in(name: str) -> bytes:
    """Return the hash that is a part of every object's name: its last 64 hex digits."""
    return bytes.fromhex(re.findall(r"[0-9a-f]{64}", name)[-1])


def decompressed(frame: bytes, largest: int) -> Iterator[bytes]:
    """Decompress one zstd frame piece by piece; more than ``largest`` bytes is an attack or damage."""
    total = 0
    try:
        with UNPACKER.stream_reader(frame) as reader:
            while piece := reader.read(MIB):
                total += len(piece)
                if total > largest:
                    raise Trouble(f"it unpacks to more than the {largest} bytes it may have")
                yield piece
    except zstandard.ZstdError as error:
        raise Trouble(f"it does not unpack ({error})") from None


def decompress(frame: bytes, length: int) -> bytes:
    """Decompress one zstd frame into at most ``length`` bytes: a frame that names its size is done in one go."""
    try:
        if zstandard.frame_content_size(frame) == length:
            return UNPACKER.decompress(frame, max_output_size=length)
    except zstandard.ZstdError as error:
        raise Trouble(f"it does not unpack ({error})") from None
    return b"".join(decompressed(frame, length))


# ---- Packs, indexes, chunks (sections 7 and 8) ----------------------------------------------------------------------


class PackFile:
    """An opened pack whose header and chunk table were authenticated."""

    def __init__(self, repository: Repository, name: str, file: BinaryIO) -> None:
        generation = name.split("/")[3]
        self.size = os.fstat(file.fileno()).st_size
        header = file.read(92)
        if len(header) < 92 or header[:8] != b"LBPK\x00\x01\x01\x00" or self.size > PACK_LARGEST:
            raise Trouble("it does not begin as a pack does, or is too large for one")
        self.writer = repository.writer(header[8:24])
        self.data_key_name, salt, table_length = header[24:56], header[56:88], int.from_bytes(header[88:92], "big")
        if table_length > min(TABLE_LARGEST + 16, self.size - 92):
            raise Trouble("it is cut short: its chunk table does not fit into it")
        key = derive(self.writer.catalog_key, salt, b"lifeboat pack table 1" + repository.id)
        self.rows = unseal(key, bytes(12), file.read(table_length), header)
        self.generation = generation
        if len(self.rows) % 46:
            raise Trouble("its chunk table is not a whole number of rows")
        at = 92 + table_length
        for _, _, _, offset, sealed_length, _ in ROW.iter_unpack(self.rows):
            if offset != at:
                raise Trouble("its chunk table has gaps")
            at += sealed_length
        if at != self.size:
            raise Trouble(f"it should have {at} bytes and has {self.size}: is the copy cut short?")


def open_chunk(writer: Writer, data_key: AESGCM, row: tuple[bytes, int, int, int, int, int], sealed: bytes) -> bytes:
    """Turn a sealed chunk into plain bytes that are sure to be the ones its row names."""
    chunk_id, kind, compression, _, _, plain_length = row
    if plain_length > CHUNK_LARGEST:
        raise Trouble(f"a chunk says it has {plain_length} bytes; none may have more than {CHUNK_LARGEST}")
    aad = b"LBCH\x00\x01\x01" + bytes([kind, compression]) + chunk_id + plain_length.to_bytes(4, "big")
    plain = unseal(data_key, sealed[:12], sealed[12:], aad)
    if compression == 1:
        plain = decompress(plain, plain_length)
    elif compression:
        raise Trouble(f"a chunk is compressed in a way this script does not know ({compression})")
    if len(plain) != plain_length:
        raise Trouble(f"a chunk has {len(plain)} bytes and should have {plain_length}")
    mac = hmac.new(writer.chunk_id_key, bytes([kind]), "sha256")
    mac.update(plain)
    if not hmac.compare_digest(mac.digest(), chunk_id):
        raise Trouble("a chunk is not the one it says it is")
    return plain


def read_index(
    repository: Repository, name: str, writer: Writer
) -> Iterator[tuple[tuple[str, str], bytes, bytes, int, bytes]]:
    """Read an index: (source, class), pack, name of its data key, size of the pack, and some of its rows at a time."""
    frame = open_sealed(repository.read(name, PACK_LARGEST), name, b"LBIX", b"lifeboat index 1", writer)
    pieces = Pieces(decompressed(frame, INDEX_LARGEST))
    place = (pieces.take_text(), pieces.take_text())
    count = int.from_bytes(pieces.take(4), "big")
    packs = [INDEXED_PACK.unpack(pieces.take(INDEXED_PACK.size)) for _ in range(count)]
    for pack, data_key, size, row_count in packs:
        if size > PACK_LARGEST:
            raise Trouble("it names a pack that is too large for one")
        yield place, pack, data_key, size, b""
        for at in range(0, row_count, 65_536):
            yield place, pack, data_key, size, pieces.take(46 * min(65_536, row_count - at))
    pieces.finish()


class Chunks:
    """Reads the chunks of one snapshot by their ids.

    Where they are stands in 256 sorted strings of fixed rows, one for each first byte of an id: about 50 bytes a chunk.
    """

    def __init__(self, repository: Repository, snapshot: Snapshot, rebuild_index: bool) -> None:
        self._repository, self._snapshot = repository, snapshot
        self._folder = f"{snapshot.source}/pack/{snapshot.storage_class}/{snapshot.generation}"
        self._rows: list[bytearray | bytes] = [bytearray() for _ in range(256)]
        self._packs: list[tuple[bytes, bytes, int]] = []  # name, name of its data key, size
        self._open_files: OrderedDict[bytes, BinaryIO] = OrderedDict()
        self._cache: OrderedDict[tuple[bytes, int], bytes] = OrderedDict()
        self._cached_bytes = 0
        self._find(rebuild_index)

    def _find(self, rebuild_index: bool) -> None:
        """Learn where the chunks are: from the indexes, and for packs that no index knows from the packs."""
        there = {hash_in(name) for name in self._repository.names(self._folder)}
        wanted = self._snapshot.packs()
        missing = wanted - there
        for pack in sorted(missing):
            complain(f"{self._folder}/{pack.hex()} is missing: what was only in it cannot come back")
        if missing:
            wanted = there  # a run that was cut off may have stored the same chunks elsewhere
        known: set[bytes] = set()
        folder = f"catalog/{self._snapshot.writer.id.hex()}/{self._snapshot.generation}"
        if not rebuild_index:
            for name in self._repository.names(folder):
                if "/index-" in name:
                    try:
                        with reading(name):
                            known |= self._add_index(name, wanted - known)
                    except Trouble as trouble:
                        say(f"{trouble}; going on with the chunk tables in the packs")
        for pack in sorted(wanted & there - known):
            name = f"{self._folder}/{pack.hex()}"
            try:
                with reading(name), open(self._repository.path(name), "rb") as file:
                    table = PackFile(self._repository, name, file)
                    if table.writer == self._snapshot.writer:
                        self._add_rows(table.rows, pack, table.data_key_name, table.size)
            except Trouble as trouble:
                complain(trouble)
        self._rows = [b"".join(sorted(row for (row,) in struct.iter_unpack("50s", part))) for part in self._rows]

    def _add_rows(self, rows: bytes, pack: bytes, data_key: bytes, size: int) -> None:
        if not self._packs or self._packs[-1][0] != pack:
            self._packs.append((pack, data_key, size))
        number = (len(self._packs) - 1).to_bytes(4, "big")
        for (row,) in struct.iter_unpack("46s", rows):
            part = self._rows[row[0]]
            assert isinstance(part, bytearray)
            part += row + number

    def _add_index(self, name: str, wanted: set[bytes]) -> set[bytes]:
        """Take the rows of the wanted packs from an index; return which packs it had."""
        found, place = set(), (self._snapshot.source, self._snapshot.storage_class)
        for source_and_class, pack, data_key, size, rows in read_index(self._repository, name, self._snapshot.writer):
            if source_and_class == place and pack in wanted:
                self._add_rows(rows, pack, data_key, size)
                found.add(pack)
        return found

    def read(self, chunk_id: bytes, kind: int, plain_length: int | None = None) -> bytes:
        """Return the plain bytes of a chunk, authenticated."""
        if (chunk_id, kind) in self._cache:
            self._cache.move_to_end((chunk_id, kind))
            plain = self._cache[chunk_id, kind]
        else:
            plain = self._read(chunk_id, kind)
            self._cache[chunk_id, kind] = plain
            self._cached_bytes += len(plain)
            while self._cached_bytes > CACHE_BYTES and len(self._cache) > 1:
                self._cached_bytes -= len(self._cache.popitem(last=False)[1])
        if plain_length not in (None, len(plain)):
            raise Trouble(f"a chunk has {len(plain)} bytes, and the list that names it says {plain_length}")
        return plain

    def _read(self, chunk_id: bytes, kind: int) -> bytes:
        """Try every place the chunk is said to be at; any sound one will do."""
        rows = self._rows[chunk_id[0]]
        size = PLACE.size
        at = bisect.bisect_left(range(len(rows) // size), chunk_id, key=lambda i: bytes(rows[i * size : i * size + 32]))
        failure = Trouble(f"the chunk {chunk_id.hex()} is in no pack that is here")
        for place in range(at * size, len(rows), size):
            *row, pack_number = PLACE.unpack_from(rows, place)
            if row[0] != chunk_id:
                break
            if row[1] != kind:
                continue
            pack, data_key_name, pack_size = self._packs[pack_number]
            name = f"{self._folder}/{pack.hex()}"
            try:
                with reading(name):
                    snapshot = self._snapshot
                    data_key = self._repository.data_key(data_key_name, snapshot.writer, snapshot.generation)
                    sealed = self._read_sealed(pack, name, pack_size, row[3], row[4])
                    return open_chunk(snapshot.writer, data_key, (row[0], *row[1:]), sealed)
            except Trouble as trouble:
                failure = trouble
        raise failure

    def _read_sealed(self, pack: bytes, name: str, size: int, offset: int, length: int) -> bytes:
        if not 28 <= length <= CHUNK_LARGEST + MIB or offset + length > size:
            raise Trouble("an index says things about it that cannot be")
        if pack not in self._open_files:
            file = open(self._repository.path(name), "rb")  # noqa: SIM115  closed below, when others took its place
            self._open_files[pack] = file
            if len(self._open_files) > 16:
                self._open_files.popitem(last=False)[1].close()
        self._open_files.move_to_end(pack)
        sealed = os.pread(self._open_files[pack].fileno(), length, offset)
        if len(sealed) != length:
            raise Trouble(f"it should have {size} bytes and is cut short")
        return sealed


class Pieces:
    """Takes exact lengths from an iterator of byte strings."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._held = source, bytearray()

    def take(self, length: int) -> bytes:
        while len(self._held) < length:
            piece = next(self._source, None)
            if piece is None:
                raise Trouble("it ends too early")
            self._held += piece
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken

    def take_text(self) -> str:
        return self.take(self.take(1)[0]).decode("ascii", "replace")

    def finish(self) -> None:
        if self._held or next(self._source, None) is not None:
            raise Trouble("it does not end where it should")


# ---- What is in a snapshot (section 11) -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Stream:
    """A named sequence of chunks."""

    name: str
    length: int
    chunks: int
    kind: int
    lists: list[bytes]


class Contents:
    """The root of a snapshot, and the streams it names."""

    def __init__(self, chunks: Chunks, snapshot: Snapshot) -> None:
        self._chunks = chunks
        root = from_json(chunks.read(snapshot.root, ROOT))
        self.details = take(root, "details", dict)
        self.findings = take(root, "findings", list)
        self.streams: dict[str, Stream] = {}
        for one in take(root, "streams", list):
            name, kind = take(one, "name", str), take(one, "kind", int)
            lists = [from_b64(list_id, 32) for list_id in take(one, "list", list)]
            if name in self.streams or kind not in (CONTENT, LINES):
                raise Trouble(f"the stream {name!r} is there twice or is of an unknown kind")
            self.streams[name] = Stream(name, take(one, "bytes", int), take(one, "chunks", int), kind, lists)

    def stream(self, name: str) -> Stream:
        if name not in self.streams:
            raise Trouble(f"the snapshot has no stream {name!r}, though it should")
        return self.streams[name]

    def read(self, stream: Stream) -> Iterator[bytes]:
        """Yield the plain chunks of a stream; whoever takes them has all of it only when this ends without trouble."""
        length = count = 0
        for list_id in stream.lists:
            rows = self._chunks.read(list_id, CHUNK_LIST)
            if len(rows) % LIST_ROW.size:
                raise Trouble(f"a list of the stream {stream.name!r} is not a whole number of rows")
            for chunk_id, plain_length in LIST_ROW.iter_unpack(rows):
                length, count = length + plain_length, count + 1
                if length > stream.length or count > stream.chunks:
                    raise Trouble(f"the stream {stream.name!r} is longer than the snapshot says")
                yield self._chunks.read(chunk_id, stream.kind, plain_length)
        if (length, count) != (stream.length, stream.chunks):
            raise Trouble(f"the stream {stream.name!r} is shorter than the snapshot says")

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the JSON lines of a stream."""
        held = b""
        for plain in self.read(self.stream(name)):
            for line in io.BytesIO(held + plain):
                held = b"" if line.endswith(b"\n") else line
                if not held:
                    yield from_json(line)
            if len(held) > CHUNK_LARGEST:
                raise Trouble(f"a line of the stream {name!r} is too long")
        if held:
            raise Trouble(f"the stream {name!r} ends within a line")


# ---- list -----------------------------------------------------------------------------------------------------------


def readable_snapshots(repository: Repository) -> list[Snapshot]:
    """All snapshots of all writers that can be read, newest first; the others are complained about."""
    found = []
    for one in repository.snapshots():
        if isinstance(one, Snapshot):
            found.append(replace(one, joined_packs=b""))  # the names of the packs of many would fill the memory
        else:
            complain(one)
    return sorted(found, key=lambda one: (one.instant, one.id), reverse=True)


def list_snapshots(repository: Repository) -> None:
    snapshots = readable_snapshots(repository)
    print(f"{'snapshot':14}{'source':9}{'recovery point (UTC)':22}{'items':>10}{'bytes':>16}  complete  writer")
    for one in snapshots:
        try:
            totals = take(one.record, "totals", dict)
            amounts = f"{take(totals, 'items', int):>10}{take(totals, 'bytes', int):>16}"
        except Trouble as trouble:
            complain(f"{one.name}: {trouble}")
            amounts = f"{'?':>10}{'?':>16}"
        print(
            f"{one.id[:12]:14}{one.source:9}{one.instant.isoformat(' ', 'seconds')[:19]:22}{amounts}  "
            f"{'yes' if one.record.get('complete') is True else 'NO':8}  {printable(one.writer.label)}"
        )
    if not snapshots:
        say("there is no snapshot in this repository that your key can read")
    for writer, begin, end in archived_moments(repository, snapshots):
        print(f"archived: the database of {printable(writer)} at any moment from {begin} to {end}  (dump ... --at)")


def choose(repository: Repository, wanted: str, sources: tuple[str, ...]) -> Snapshot:
    """Find the snapshot a person named."""
    if wanted in ("latest", "latest-config"):
        before = complaints
        found = [
            one
            for one in readable_snapshots(repository)
            if one.source == sources[-1 if wanted == "latest-config" else 0]
            and one.record.get("purpose", "backup") == "backup"
        ][:1]
        if complaints > before:
            raise Trouble("with damaged snapshot records nobody knows which is the latest; name one that `list` shows")
    else:
        found = [
            replace(one, joined_packs=b"")
            for one in repository.snapshots()
            if isinstance(one, Snapshot) and one.id.startswith(wanted)
        ]
    if not found:
        raise Trouble(
            f"there is no snapshot here that your key can read and that fits {wanted!r}: what does `list` show?"
        )
    if len({one.id for one in found}) > 1:
        raise Trouble(f"several snapshots fit {wanted!r}: give more of the id")
    snapshot = repository.open_record(found[0].name)
    if snapshot.source not in sources:
        raise Trouble(f"{snapshot.id[:12]} is a snapshot of {snapshot.source}: use `{COMMAND_FOR[snapshot.source]}`")
    say(f"snapshot {snapshot.id[:12]} of {snapshot.source}, {snapshot.instant.isoformat(' ')}, {snapshot.writer.label}")
    return snapshot


def open_contents(repository: Repository, snapshot: Snapshot, rebuild_index: bool) -> tuple[Chunks, Contents]:
    chunks = Chunks(repository, snapshot, rebuild_index)
    with reading("the root of the snapshot"):
        contents = Contents(chunks, snapshot)
    if snapshot.record.get("complete") is not True:
        say("this snapshot is not complete: when it was taken, something could not be read")
        for finding in contents.findings[:50]:
            say(f"  {json.dumps(finding)}")
    return chunks, contents


# ---- dump: a mongodb snapshot as a mongodump directory --------------------------------------------------------------

AUTH_SCHEMA = b"\x2d\x00\x00\x00\x02_id\x00\x0b\x00\x00\x00authSchema\x00\x10currentVersion\x00\x05\x00\x00\x00\x00"
"""The document {_id: "authSchema", currentVersion: 5}, without which mongorestore refuses users and roles."""


def dump(repository: Repository, snapshot: Snapshot, out: str, rebuild_index: bool, at: int | None = None) -> None:
    """Write what `mongodump` would have written; with ``at``, an instant, and with what happened up to then."""
    _, contents = open_contents(repository, snapshot, rebuild_index)
    lines, names = list(contents.lines("catalog")), dict[bytes, bytes]()
    for line in lines if at is not None or "oplog" in contents.streams else ():
        try:
            names |= uuid_and_name(line)
        except Trouble as trouble:
            complain(f"{line.get('database')}.{line.get('collection')}: {trouble}")
    since = None if at is None else Since(repository, way_to(repository, snapshot, contents, at), at, names)
    prepare_out(out, sum(stream.length for stream in contents.streams.values()))
    collections = 0
    for line in lines:
        database, collection = take(line, "database", str), take(line, "collection", str)
        try:
            with reading(f"{database}.{collection}"):
                was_temporary, is_there = is_temporary(line), True
                if since is not None:
                    is_there = since.takes_along(line, uuid_and_name(line))
                # Half of somebody's $out is nobody's, but where it came into sight until then.
                if is_there and not (was_temporary and is_temporary(line)):
                    dump_collection(contents, line, out)
                    collections += 1
        except Trouble as trouble:
            complain(trouble)
    for name in ("users", "roles"):
        if name in contents.streams and contents.streams[name].length:
            with reading(name):
                write_whole(out, "admin", f"system.{name}.bson", contents.read(contents.streams[name]))
                write_whole(out, "admin", f"system.{name}.metadata.json", iter([b'{"indexes":[]}']))
    if os.path.isdir(os.path.join(out, "admin")):
        write_whole(out, "admin", "system.version.bson", iter([AUTH_SCHEMA]))
        write_whole(out, "admin", "system.version.metadata.json", iter([b'{"indexes":[]}']))
    server = contents.details.get("server")
    version = server.get("version") if isinstance(server, dict) else None
    if isinstance(version, str):
        prelude = json.dumps({"ServerVersion": version, "ToolVersion": "100.12.0"}).encode()
        write_whole(out, "", "prelude.json", iter([prelude]))
    replay, changes = "", list[Iterator[bytes]]()
    if "oplog" in contents.streams:
        changes.append(changes_by_name(contents.read(contents.streams["oplog"]), names))
    if since is not None:
        changes.append(since.events())
    if changes:
        with reading("oplog"):
            write_whole(out, "", "oplog.bson", itertools.chain(*changes))
        replay = "--oplogReplay "
    say(f"{collections} collections and views written; now: mongorestore {replay}--uri=... {out}")
    tell_erasures(repository, snapshot.instant if at is None else datetime.fromtimestamp(at >> 32, UTC))
    if since is not None:
        since.tell()
    elif replay:
        say(
            "without --oplogReplay the collections are not of one instant: it brings all of them to that of the snapshot"
        )


def dump_collection(contents: Contents, line: dict[str, Any], out: str) -> None:
    database, collection = take(line, "database", str), take(line, "collection", str)
    if not re.fullmatch(r'[^/\\. "$*<>:|?\x00]{1,63}', database):
        raise Trouble("this is not a name that a database can have")
    escaped, metadata = dump_file_name(collection), take(line, "metadata", str)
    if line.get("stream") is not None:
        stream = contents.stream(take(line, "stream", str))
        data = dump_file_name(f"system.buckets.{collection}") if line.get("kind") == "timeseries" else escaped
        write_whole(out, database, f"{data}.bson", contents.read(stream))
    write_whole(out, database, f"{escaped}.metadata.json", iter([metadata.encode()]))


def is_temporary(line: dict[str, Any]) -> bool:
    """Whether the server had made it for a while."""
    options = from_json(take(line, "metadata", str).encode()).get("options")
    return isinstance(options, dict) and options.get("temp") is True


def uuid_and_name(line: dict[str, Any]) -> dict[bytes, bytes]:
    """The UUID by which changes name the collection that holds the documents, and what that is called."""
    database, collection = take(line, "database", str), take(line, "collection", str)
    uuid = from_json(take(line, "metadata", str).encode()).get("uuid")
    if not isinstance(uuid, str) or not uuid:
        return {}
    stored_as = f"system.buckets.{collection}" if line.get("kind") == "timeseries" else collection
    return {from_hex(uuid, 16): f"{database}.{stored_as}".encode()}


def changes_by_name(pieces: Iterator[bytes], names: dict[bytes, bytes]) -> Iterator[bytes]:
    """The stored changes of the collections in the snapshot, under the names these have in it (section 11)."""
    return (change_by_name(change, names) for change in changes_in(pieces))


def changes_in(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Each stored change."""
    rest = b""
    for piece in pieces:
        content, at = rest + piece, 0
        while at + 4 <= len(content) and at + (length := int.from_bytes(content[at : at + 4], "little")) <= len(
            content
        ):
            if length < 5:
                raise Trouble("a change in it is not whole")
            yield content[at : at + length]
            at += length
        rest = content[at:]
    if rest:
        raise Trouble("it ends in the middle of a change")


def change_by_name(change: bytes, names: dict[bytes, bytes]) -> bytes:
    """One change with ``ns`` replaced; nothing when its collection is not in the snapshot."""
    elements = elements_of(change)
    name = names.get(elements.get(b"ui", b"")[-16:])
    return b"" if name is None else document_of(elements | {b"ns": text_element(b"ns", name)})


def elements_of(document: bytes) -> dict[bytes, bytes]:
    """The elements of a change or a command by name, each with its type and its name before its value."""
    fixed = {1: 8, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16}
    counted = {2: 4, 5: 5, 3: 0, 4: 0}  # string, binary, document, array: what the length at the beginning leaves out
    elements, at = dict[bytes, bytes](), 4
    try:
        while document[at]:
            kind, value = document[at], document.index(0, at + 1) + 1
            size = fixed.get(kind, -1)
            if size < 0:
                size = counted[kind] + int.from_bytes(document[value : value + 4], "little")
            elements[document[at + 1 : value - 1]] = document[at : value + size]
            at = value + size
    except (IndexError, KeyError, ValueError):
        raise Trouble("a change in it is not what it should be") from None
    return elements


def document_of(elements: dict[bytes, bytes]) -> bytes:
    body = b"".join(elements.values())
    return (len(body) + 5).to_bytes(4, "little") + body + b"\0"


def text_element(name: bytes, text: bytes) -> bytes:
    return b"\x02" + name + b"\0" + (len(text) + 1).to_bytes(4, "little") + text + b"\0"


def text_in(elements: dict[bytes, bytes], name: bytes) -> bytes:
    """A text; nothing where it is none."""
    element = elements.get(name, b"")
    return element[len(name) + 6 : -1] if element[:1] == b"\x02" else b""


def dump_file_name(collection: str) -> str:
    """Escape a collection name as mongodump does."""
    escaped = quote_plus(collection, safe="")
    if len(escaped) > 238:
        digest = base64.urlsafe_b64encode(hashlib.sha1(collection.encode()).digest()).decode().rstrip("=")
        escaped = f"{escaped[:208]}%24{digest}"
    return escaped


def write_whole(out: str, folder: str, name: str, content: Iterator[bytes]) -> None:
    """Write a file under a temporary name, and give it its own when all of it is there."""
    parent = os.path.join(out, folder)
    os.makedirs(parent, exist_ok=True)
    final, partial = os.path.join(parent, name), os.path.join(parent, PARTIAL)
    if os.path.lexists(final):
        raise Trouble(f"the snapshot has {name} twice")
    try:
        with open(partial, "xb") as file:
            for piece in content:
                file.write(piece)
        os.rename(partial, final)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial)


def prepare_out(out: str, needed_bytes: int) -> None:
    """Insist on an empty directory of our own, on a disk with enough room."""
    os.makedirs(out, mode=0o700, exist_ok=True)
    if os.listdir(out):
        raise Trouble(f"{out} is not empty; give a new directory")
    free = shutil.disk_usage(out).free
    if needed_bytes > free:
        raise Trouble(f"{out} has room for {free} bytes, and the snapshot has {needed_bytes}")


# ---- The archive: what happened after a snapshot (section 15) -------------------------------------------------------
# An instant is one number here: seconds since 1970 << 32 | increment, as in the names.

REPLAYED = {b"create", b"collMod", b"createIndexes", b"commitIndexBuild", b"dropIndexes", b"deleteIndexes"}
NAMES_ONLY = {b"drop", b"dropDatabase", b"renameCollection"}  # what they come to is in the names already
MEANS_NOTHING = {b"startIndexBuild", b"abortIndexBuild", b"setMultikeyMetadata", b"dropIdent", b"dbCheck"}


@dataclass(frozen=True)
class Segment:
    """What the name of a segment tells."""

    name: str
    generation: str
    data_key: bytes
    after: int
    through: int
    chain: str
    writer: bytes


def segment_named(name: str) -> Segment:
    _, _, generation, data_key, last = name.split("/")
    after, through, chain, writer, _ = last.split("-")
    return Segment(
        name, generation, bytes.fromhex(data_key), int(after, 16), int(through, 16), chain, bytes.fromhex(writer)
    )


def all_segments(repository: Repository) -> list[Segment]:
    """All that are no parts and of writers whose secrets your key opens, in order."""
    named = map(segment_named, repository.names("mongodb", "oplog"))
    found = [one for one in named if one.after < one.through and one.writer in repository.writers]
    return sorted(found, key=lambda one: (one.writer, one.chain, one.after, one.through))


def open_statement(repository: Repository, segment: Segment, front: bytes, sealed: bytes) -> dict[str, Any]:
    """The statement of a segment, when its writer signed it and it says what the name says."""
    writer = repository.writer(segment.writer)
    if front[:8] != b"LBSG\0\1\1\0" or front[8:24] != writer.id or front[24:56] != segment.data_key:
        raise Trouble("it does not begin as it should, or lies in another place than its own")
    info = b"lifeboat segment 1" + repository.id + segment.generation.encode()
    signed = from_json(unseal(derive(writer.catalog_key, front[56:88], info), bytes(12), sealed, front))
    body = take(signed, "body", dict)
    once = {"body": body, "signatures": {"writer": signed.get("signature")}}
    if not signers_of(b"lifeboat segment 1", once, {"writer": writer.signing_key}):
        raise Trouble("its writer did not sign it")
    stretch = [take(body, edge, list)[:2] for edge in ("after", "through")]
    said = (body.get("format"), body.get("repository"), body.get("writer"), body.get("generation"), body.get("chain"))
    expected = (1, repository.id.hex(), segment.writer.hex(), segment.generation, segment.chain)
    instants = [[one >> 32, one & 0xFFFFFFFF] for one in (segment.after, segment.through)]
    if said != expected or stretch != instants:
        raise Trouble("it does not say what its name says")
    return body


def is_sound(repository: Repository, segment: Segment) -> bool:
    """Whether it is whole and its writer signed it; what is damaged or planted is passed over where there is another."""
    try:
        with reading(segment.name):
            content = repository.read(segment.name, PACK_LARGEST)
            begin = 92 + int.from_bytes(content[88:92], "big")
            open_statement(repository, segment, content[:92], content[92:begin])
    except Trouble as trouble:
        say(f"passed over: {trouble}")
        return False
    return True


def chunks_of(repository: Repository, segment: Segment, kind: int, depth: int = 0) -> Iterator[bytes]:
    """Its plain chunks of one kind, those of its parts first."""
    with reading(segment.name):
        content = repository.read(segment.name, PACK_LARGEST)
        begin = 92 + int.from_bytes(content[88:92], "big")
        body = open_statement(repository, segment, content[:92], content[92:begin])
        parts, rows = take(body, "parts", list), from_b64(body.get("chunks"))
        if len(rows) % ROW.size or (parts and depth):
            raise Trouble("its chunk table is not a whole number of rows, or it is a part with parts")
    for name in parts:
        if not isinstance(name, str) or not KNOWN_NAME.fullmatch(name) or not name.startswith("mongodb/oplog/"):
            raise Trouble(f"{segment.name}: it names a part that is none")
        part = segment_named(name)
        if part.after != part.through or part.writer != segment.writer:
            raise Trouble(f"{segment.name}: it names a part that is none")
        yield from chunks_of(repository, part, kind, depth + 1)
    with reading(segment.name):
        writer = repository.writer(segment.writer)
        data_key = repository.data_key(segment.data_key, writer, segment.generation)
        for row in ROW.iter_unpack(rows):
            if row[1] == kind:
                yield open_chunk(writer, data_key, row, content[begin + row[3] : begin + row[3] + row[4]])


def lead(segments: list[Segment], base: int, goal: int) -> list[tuple[Segment, int]] | None:
    """The segments of one chain that hold what happened after base up to goal, each with the instant from which it counts."""
    found, reached, waiting = list[tuple[Segment, int]](), base, iter([*segments, None])
    best, following = None, next(waiting)
    while reached < goal:
        while following is not None and following.after <= reached:
            best = following if best is None or following.through > best.through else best
            following = next(waiting)
        if best is None or best.through <= reached:
            return None
        found.append((best, reached))
        reached = best.through
    return found


def way_to(repository: Repository, snapshot: Snapshot, contents: Contents, goal: int) -> list[tuple[Segment, int]]:
    """The segments that lead from a snapshot to an instant, without a gap."""
    told = contents.details.get("cluster_time")
    if (
        not isinstance(told, list)
        or len(told) != 2
        or not all(isinstance(one, int) and 0 <= one < 2**32 for one in told)
    ):
        raise Trouble("this snapshot is not of one instant: nothing can be replayed onto it")
    base = told[0] << 32 | told[1]
    if base > goal:
        raise Trouble(f"the snapshot is of {show_instant(base)}, and that is after {show_instant(goal)}")
    every = [one for one in all_segments(repository) if repository.writers[one.writer].label == snapshot.writer.label]
    for _, chain in itertools.groupby(every, key=lambda one: (one.writer, one.chain)):
        segments = [one for one in chain if one.through > base]
        while (way := lead(segments, base, goal)) is not None:
            unsound = [one for one, _ in way if not is_sound(repository, one)]
            if not unsound:
                return way
            segments = [one for one in segments if one not in unsound]
    raise Trouble(f"the archive does not lead from this snapshot to {show_instant(goal)}: what does `list` show?")


def choose_base(repository: Repository, wanted: str, goal: int) -> Snapshot:
    """The snapshot a person named, or for `latest` the newest that is not after the instant."""
    if wanted != "latest":
        return choose(repository, wanted, ("mongodb",))
    for one in readable_snapshots(repository):
        if is_base(one) and int(one.instant.timestamp()) <= goal >> 32:
            return choose(repository, one.id, ("mongodb",))
    raise Trouble(f"there is no snapshot of the database of {show_instant(goal)} or before: what does `list` show?")


def is_base(one: Snapshot) -> bool:
    whole = one.record.get("complete") is True and one.record.get("one_instant") is True
    return one.source == "mongodb" and whole and one.record.get("purpose", "backup") == "backup"


def archived_moments(repository: Repository, snapshots: list[Snapshot]) -> list[tuple[str, str, str]]:
    """Writer's label and the first and last instant of each stretch of the archive into which a snapshot leads."""
    found, bases = [], sorted((int(one.instant.timestamp()), one.writer.label) for one in snapshots if is_base(one))
    for (writer, _), chain in itertools.groupby(all_segments(repository), key=lambda one: (one.writer, one.chain)):
        label, runs = repository.writers[writer].label, list[list[int]]()
        for one in chain:
            if runs and one.after <= runs[-1][1]:
                runs[-1][1] = max(runs[-1][1], one.through)
            else:
                runs.append([one.after, one.through])
        for after, through in runs:
            first = next((at for at, of in bases if of == label and after >> 32 <= at <= through >> 32), None)
            if first is not None:
                found.append((label, show_instant(first << 32), show_instant(through)))
    return found


def show_instant(instant: int) -> str:
    """For people, and in brackets as ``--at`` takes it."""
    at = datetime.fromtimestamp(instant >> 32, UTC)
    return f"{at.isoformat(' ', 'seconds')[:19]} UTC ({instant >> 32}.{instant & 0xFFFFFFFF})"


def read_at(text: str) -> int:
    """SECONDS.INCREMENT is that instant; a time is the last instant before its second begins."""
    if exact := re.fullmatch(r"(\d{1,10})\.(\d{1,10})", text):
        seconds, increment = int(exact[1]), int(exact[2])
    else:
        with reading(f"--at {text}"):
            seconds, increment = int(read_instant(text).timestamp()) - 1, 0xFFFFFFFF
    if not 0 <= seconds < 2**32 or increment >= 2**32:
        raise Trouble(f"--at {text}: no instant of a database")
    return seconds << 32 | increment


class Since:
    """What happened between a snapshot and an instant, as `mongorestore --oplogReplay` takes it.

    Collections are known by their UUID, and each is written under the name that it has at the instant; one that is dropped by then is not
    written at all. So no rename or drop is replayed: mongorestore would leave indexes behind under the old name.

    Args:
        names: UUID to name, as of the snapshot; here they become those of the instant.
    """

    def __init__(
        self, repository: Repository, way: list[tuple[Segment, int]], goal: int, names: dict[bytes, bytes]
    ) -> None:
        self._repository, self._way, self._goal, self._names = repository, way, goal, names
        self._count, self._left_out = 0, dict[str, int]()
        for event in self._told(SUMMARY):
            self._follow(event)

    def takes_along(self, line: dict[str, Any], before: dict[bytes, bytes]) -> bool:
        """Whether a collection of the snapshot is still there; puts its name as of the instant into its line."""
        for uuid, name in before.items():
            if uuid not in self._names:
                return False
            if self._names[uuid] != name:
                database, _, collection = self._names[uuid].decode("utf-8", "replace").partition(".")
                metadata = from_json(line["metadata"].encode()) | {"collectionName": collection}
                if isinstance(metadata.get("options"), dict):
                    metadata["options"].pop("temp", None)
                line |= {"database": database, "collection": collection, "metadata": json.dumps(metadata)}
        return True

    def events(self) -> Iterator[bytes]:
        for event in self._told(EVENTS):
            if replayed := self._by_name(event):
                self._count += 1
                yield replayed

    def tell(self) -> None:
        """What is in it and what is not."""
        say(
            f"with --oplogReplay it is as of {show_instant(self._goal)}: {self._count} changes from {len(self._way)} segments"
        )
        for reason, count in sorted(self._left_out.items()):
            complain(f"left out, because mongorestore cannot replay it: {reason} ({count} times)")

    def _told(self, kind: int) -> Iterator[bytes]:
        """Events in order, of summaries those that change the catalog."""
        for segment, reached in self._way:
            chunks = chunks_of(self._repository, segment, kind)
            if kind == SUMMARY:
                chunks = (chunk.partition(b"\n")[2] for chunk in chunks)
            for event in changes_in(chunks):
                stamp = elements_of(event).get(b"ts", b"")[-8:]
                if len(stamp) != 8:
                    raise Trouble(f"{segment.name}: a change in it says no time")
                increment, seconds = struct.unpack("<II", stamp)
                if reached < (seconds << 32 | increment) <= self._goal:
                    yield event

    def _follow(self, event: bytes) -> None:
        """Keep the names as a command leaves them."""
        elements = elements_of(event)
        if text_in(elements, b"op") != b"c":
            return
        o, uuid = elements_of(elements.get(b"o", b"")[3:]), elements.get(b"ui", b"")[-16:]
        command, database = next(iter(o), b""), text_in(elements, b"ns").partition(b".")[0]
        if command == b"create":
            self._names[uuid] = database + b"." + text_in(o, b"create")
        elif command == b"drop":
            self._names.pop(uuid, None)
        elif command == b"dropDatabase":
            for dropped in [one for one, name in self._names.items() if name.startswith(database + b".")]:
                del self._names[dropped]
        elif command == b"renameCollection":
            self._names.pop(o.get(b"dropTarget", b"")[-16:], None)
            if uuid in self._names:
                self._names[uuid] = text_in(o, b"to")
            else:
                complain(f"{shown(text_in(o, b'to'))} was being made when the snapshot was taken, and is not in it")

    def _by_name(self, event: bytes) -> bytes:
        """An event under the name of its collection; nothing for what is not to be replayed."""
        elements = elements_of(event)
        namespace = text_in(elements, b"ns")
        if text_in(elements, b"op") != b"c":
            if namespace.endswith(b".system.views"):
                return self._leave_out(f"the definition of a view in {shown(namespace.partition(b'.')[0])}")
            return change_by_name(event, self._names)
        o = elements_of(elements.get(b"o", b"")[3:])
        command = next(iter(o), b"")
        if command in MEANS_NOTHING or command in NAMES_ONLY:
            return b""
        if command not in REPLAYED:
            return self._leave_out(f"the command {shown(command)} in {shown(namespace.partition(b'.')[0])}")
        name = self._names.get(elements.get(b"ui", b"")[-16:])
        if name is None:
            return b""
        database, _, collection = name.partition(b".")
        told = document_of(o | {command: text_element(command, collection)})
        return document_of(elements | {b"ns": text_element(b"ns", database + b".$cmd"), b"o": b"\x03o\0" + told})

    def _leave_out(self, what: str) -> bytes:
        self._left_out[what] = self._left_out.get(what, 0) + 1
        return b""


# ---- files: the tree of a files or config snapshot (section 12) -----------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One line of a tree."""

    path: bytes
    kind: str
    mode: int
    mtime_ns: int
    uid: int
    gid: int
    size: int
    target: bytes
    link: bytes | None
    xattrs: list[tuple[bytes, bytes]]
    extents: list[tuple[int, int]]
    pieces: list[tuple[bytes, int, int]]


def read_entry(line: dict[str, Any]) -> Entry:
    """Take a line apart; a line whose numbers cannot be true is refused as a whole."""
    size, mtime = take(line, "size", int) if "size" in line else 0, line.get("mtime")
    if not isinstance(mtime, int) or isinstance(mtime, bool) or not -(2**63) <= mtime < 2**63:
        raise Trouble("the field 'mtime' is missing or is not what it should be")
    extents = [pair_of(one, 2) for one in take(line, "extents", list)] if "extents" in line else [(0, size)]
    end = 0
    for offset, length in extents:
        if offset < end or offset + length > size:
            raise Trouble("its extents overlap or reach beyond its size")
        end = offset + length
    pieces = []
    for one in take(line, "pieces", list) if "pieces" in line else []:
        offset, length = pair_of(one[1:] if isinstance(one, list) else one, 2)
        pieces.append((from_b64(one[0], 32), offset, length))
    if sum(length for _, _, length in pieces) != sum(length for _, length in extents):
        raise Trouble("its pieces do not make up its size")
    return Entry(
        path=to_bytes(take(line, "path", str)),
        kind=take(line, "kind", str) if "kind" in line else "file",
        mode=take(line, "mode", int) & 0o7777,
        mtime_ns=mtime,
        uid=take(line, "uid", int),
        gid=take(line, "gid", int),
        size=size,
        target=to_bytes(take(line, "target", str)) if "target" in line else b"",
        link=to_bytes(take(line, "link", str)) if "link" in line else None,
        xattrs=read_xattrs(take(line, "xattrs", dict)) if "xattrs" in line else [],
        extents=extents,
        pieces=pieces,
    )


def pair_of(value: object, length: int) -> tuple[int, int]:
    """Return two numbers that stand in a list."""
    if not isinstance(value, list) or len(value) != length or not all(type(n) is int and 0 <= n < 2**63 for n in value):
        raise Trouble("an offset or a length in it is not one")
    return value[0], value[1]


def to_bytes(text: str) -> bytes:
    """Turn the text of a name into its bytes: U+DC80 to U+DCFF stand for bytes that are not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Trouble("a name in it is not one") from None


def read_xattrs(values: dict[str, object]) -> list[tuple[bytes, bytes]]:
    try:
        return [(to_bytes(name), base64.b64decode(str(value), validate=True)) for name, value in values.items()]
    except ValueError:  # also what is not ASCII
        raise Trouble("an extended attribute in it is not base64") from None


class Tree:
    """Restores one tree below OUT, reaching every name by real directories only, never through a symlink."""

    def __init__(self, out: str, root: bytes, chunks: Chunks, owners: bool) -> None:
        self._chunks, self._owners = chunks, owners
        self._base = steps_of(root.strip(b"/")) if root.strip(b"/") else []
        self._out = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
        self._open: tuple[list[bytes], int] = ([], os.dup(self._out))
        for depth in range(len(self._base)):
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._base[depth], 0o700, dir_fd=self._folder(self._base[:depth]))

    def _folder(self, steps: list[bytes]) -> int:
        """Return a descriptor of a directory below OUT; it is good until the next call."""
        held, descriptor = self._open
        if held != steps:
            start = len(held) if held == steps[: len(held)] else 0
            opened = os.dup(descriptor if start else self._out)
            for step in steps[start:]:
                try:
                    deeper = os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
                finally:
                    os.close(opened)
                opened = deeper
            os.close(descriptor)
            self._open = (steps, opened)
        return self._open[1]

    def _place(self, path: bytes) -> tuple[int, bytes]:
        """Return the directory (a descriptor) and the name in it of a path of this tree."""
        steps = self._base + steps_of(path)
        if not steps:
            return self._folder([]), b"."
        return self._folder(steps[:-1]), steps[-1]

    def create(self, entry: Entry) -> None:
        """Make what an entry says; a directory gets its attributes later, when no more is written into it."""
        folder, name = self._place(entry.path)
        if entry.kind == "directory":
            if entry.path:  # the root is there already
                os.mkdir(name, 0o700, dir_fd=folder)
            return
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            raise Trouble("something is there already: the snapshot has this name twice")
        if entry.kind == "file":
            if entry.link is None or not self._link(entry.link, folder, name):
                folder, name = self._place(entry.path)
                self._write(entry, folder, name)
        elif entry.kind == "symlink":
            os.symlink(entry.target, name, dir_fd=folder)
            os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=folder, follow_symlinks=False)
        elif entry.kind == "fifo":
            os.mkfifo(name, entry.mode & 0o777, dir_fd=folder)
        else:
            say(f"{shown(entry.path)} is a {entry.kind} and was left out")

    def _link(self, target: bytes, folder: int, name: bytes) -> bool:
        """Make a hard link; if that cannot be, the entry knows its own content."""
        here = os.dup(folder)
        try:
            there, target_name = self._place(target)
            if not stat.S_ISREG(os.stat(target_name, dir_fd=there, follow_symlinks=False).st_mode):
                return False
            os.link(target_name, name, src_dir_fd=there, dst_dir_fd=here, follow_symlinks=False)
        except (OSError, Trouble):
            return False
        finally:
            os.close(here)
        return True

    def _write(self, entry: Entry, folder: int, name: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with open(os.open(PARTIAL, flags, 0o600, dir_fd=folder), "wb") as file:
                self._fill(file, entry)
                file.truncate(entry.size)
                self._dress(file.fileno(), entry)
            os.rename(PARTIAL, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(PARTIAL, dir_fd=folder)

    def _fill(self, file: BinaryIO, entry: Entry) -> None:
        """Write the data into the extents, one after another."""
        places, left = iter(entry.extents), 0
        for chunk_id, offset, length in entry.pieces:
            plain = memoryview(self._chunks.read(chunk_id, CONTENT))[offset : offset + length]
            if len(plain) != length:
                raise Trouble("a piece of it reaches beyond its chunk")
            while plain:
                while not left:
                    at, left = next(places)
                    if at != file.tell():
                        file.seek(at)
                written = file.write(plain[:left])
                plain, left = plain[written:], left - written

    def _dress(self, descriptor: int, entry: Entry) -> None:
        """Give a file or directory its attributes; time last."""
        if self._owners:
            os.chown(descriptor, entry.uid, entry.gid)
        os.chmod(descriptor, entry.mode & (0o7777 if self._owners else 0o777))
        for name, value in entry.xattrs:
            if self._owners or name.startswith(b"user.") or name == b"system.posix_acl_access":
                try:
                    os.setxattr(descriptor, name, value)
                except (OSError, AttributeError):  # macOS and some filesystems have none
                    say(f"{shown(entry.path)}: its attribute {shown(name)} could not be set")
        os.utime(descriptor, ns=(entry.mtime_ns, entry.mtime_ns))

    def dress_directory(self, entry: Entry) -> None:
        """Give a directory its attributes."""
        self._dress(self._folder(self._base + steps_of(entry.path)), entry)

    def close(self) -> None:
        os.close(self._out)
        os.close(self._open[1])


def steps_of(path: bytes) -> list[bytes]:
    """Split a path; what could lead out of OUT is refused. The root is the empty path."""
    steps = path.split(b"/") if path else []
    if any(step in (b"", b".", b"..") or b"\0" in step for step in steps):
        raise Trouble("this path could lead elsewhere, so it is not written")
    return steps


def shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace") or "the root"


def restore_files(repository: Repository, snapshot: Snapshot, out: str, rebuild_index: bool, owners: bool) -> None:
    """Write the trees of a snapshot below OUT, each at the path it had: /srv/uploads to OUT/srv/uploads."""
    chunks, contents = open_contents(repository, snapshot, rebuild_index)
    prepare_out(out, 0)
    erased = [
        bytes.fromhex(path) for one in erasures_at(repository, snapshot.instant) for path in take(one, "files", list)
    ]
    written = left_out = 0
    for root in take(contents.details, "roots", list):
        name = take(root, "path", str)
        with reading(name):
            tree = Tree(out, to_bytes(name), chunks, owners)
            try:
                stream, base = take(root, "stream", str), to_bytes(name).rstrip(b"/") + b"/"
                gone = erased_names(erased, base, contents.lines(stream)) if erased else set()
                written += restore_tree(tree, contents.lines(stream), gone)
                left_out += len(gone)
            finally:
                tree.close()
    say(f"{written} entries written below {out}")
    if left_out:
        say(f"{left_out} names were erased on request and left out; `erasures` shows what was")


def erased_names(erased: list[bytes], base: bytes, lines: Iterator[dict[str, Any]]) -> set[bytes]:
    """Return the names of a tree that must not come back: those that were erased, and further names of the same file."""
    names, shared = list[tuple[bytes, bytes]](), set[bytes]()
    for line in lines:
        with contextlib.suppress(Trouble):  # told when it is its turn
            entry = read_entry(line)
            whole, first = base + entry.path, entry.link or entry.path
            names.append((entry.path, first))
            if entry.path and any(
                whole == one or (one[-1:] == b"/" and (whole + b"/").startswith(one)) for one in erased
            ):
                shared.add(first)
    return {path for path, first in names if path and first in shared}


def restore_tree(tree: Tree, lines: Iterator[dict[str, Any]], gone: set[bytes] = frozenset()) -> int:  # type: ignore[assignment]
    """Make every entry; a directory is finished when the walk, which goes depth first, has left it."""
    done, inside = 0, list[Entry]()
    try:
        for line in lines:
            try:
                entry = read_entry(line)
            except Trouble as trouble:
                complain(f"{line.get('path')!r}: {trouble}")
                continue
            if entry.path in gone:
                continue
            while inside and inside[-1].path and not entry.path.startswith(inside[-1].path + b"/"):
                attempt(tree.dress_directory, inside.pop())
            if attempt(tree.create, entry):
                done += 1
                if entry.kind == "directory":
                    inside.append(entry)
    finally:
        while inside:
            attempt(tree.dress_directory, inside.pop())
    return done


# ---- The ledger: who was erased (section 19) ------------------------------------------------------------------------


def open_entry(repository: Repository, name: str) -> dict[str, Any]:
    """Open an entry of the ledger that a recipient signed, or what says it again for those who are recipients now."""
    try:
        return open_this_entry(repository, name)
    except Trouble:
        for repeat in repository.names("ledger"):
            if repeat.startswith(f"{name[:-65]}-again-"):
                try:
                    return open_this_entry(repository, repeat, name[-64:])
                except Trouble:
                    continue
        raise


def open_this_entry(repository: Repository, name: str, of: str = "") -> dict[str, Any]:
    signed = from_json(repository.read(name))
    if not signers_of(b"lifeboat ledger 1", signed, repository.recipients):
        raise Trouble("no recipient of this repository signed it: somebody planted it")
    body, number, kind = take(signed, "body", dict), int(name[7:15]), name[16:-65]
    if (body.get("format"), body.get("number"), body.get("kind")) != (1, number, kind):
        raise Trouble("it is of a newer format than this script knows, or lies in the wrong place")
    if from_hex(body.get("repository"), 16) != repository.id or repository.identity is None:
        raise Trouble("it belongs to another repository")
    if body.get("of", "") != of and of:
        raise Trouble("it says another entry again")
    mine = repository.identity.fingerprint
    info = b"lifeboat ledger key 1\x00" + repository.id + number.to_bytes(8, "big") + mine
    if mine.hex() not in take(body, "keys", dict):
        raise Trouble("it was not made for your key, and nobody has said it again for you")
    key = repository.identity.unwrap(from_b64(body["keys"][mine.hex()]), info, 32)
    aad = f"lifeboat ledger 1\n{repository.id.hex()}\n{number}\n{kind}".encode("ascii")
    plain = unseal(key, bytes(12), from_b64(body.get("sealed")), aad)
    return from_json(b"".join(decompressed(plain, RECORD_LARGEST)))


def erasures_at(repository: Repository, instant: datetime | None) -> list[dict[str, Any]]:
    """Return the erasures that a copy of this instant may hold somebody of; None: all. Complains of what cannot be read."""
    found: dict[str, dict[str, Any]] = {}
    names = [name for name in repository.names("ledger") if not name[:-65].endswith("-again")]
    numbers = {int(name[7:15]) for name in names}
    if missing := [one for one in range(1, max(numbers, default=0)) if one not in numbers]:
        complain(f"entries of the ledger are missing (number {missing[0]} ...): somebody who was erased may come back")
    for name in names:
        if name[16:-65] != "erasure":
            continue
        try:
            with reading(name):
                said = open_entry(repository, name)
                act, erasure = take(said, "act", str), take(said, "id", str)
                if act == "record":
                    found[f"{erasure} {name[7:15]}" if erasure in found else erasure] = {**said, "hold": ""}
                elif act == "close":
                    before = found[erasure]["until"]
                    found[erasure]["until"] = max(before or "", take(said, "until", str), key=read_until)
                elif act in ("hold", "release"):
                    found[erasure]["hold"] = take(said, "why", str) if act == "hold" else ""
                else:
                    raise Trouble(f"this script does not know what {act!r} means")
        except (Trouble, KeyError) as trouble:
            complain(trouble)
    return [
        one
        for one in found.values()
        if instant is None
        or (not one["hold"] and (not one["until"] or instant < read_until(one["until"]) + timedelta(minutes=10)))
    ]


def read_until(text: str) -> datetime:
    return read_instant(text) if text else datetime.min.replace(tzinfo=UTC)


def erasure_words(one: dict[str, Any]) -> str:
    """One erasure in a line, without anybody's name: values are known by keyed hashes alone."""
    covers = [
        f"{each['collection']} by {each['field']}{' ' + each['shown'] if each['shown'] else ''}"
        + (f" (only {', '.join(each['unset'])})" if each["unset"] else "")
        for each in one["documents"]
    ]
    covers += [bytes.fromhex(path).decode("utf-8", "backslashreplace") for path in one["files"]]
    state = (
        f"on hold: {one['hold']}" if one["hold"] else f"copies before {one['until']}" if one["until"] else "all copies"
    )
    return f"{one['id']}  {one['request'] or '-'}  {state}: {'; '.join(covers)}"


def tell_erasures(repository: Repository, instant: datetime) -> None:
    """Say who is in a dump and must not come back: documents are matched by Lifeboat alone."""
    concerned = [one for one in erasures_at(repository, instant) if one["documents"]]
    if concerned:
        say(f"{len(concerned)} erasures are NOT replayed in this dump; delete these again before anybody uses it:")
    for one in concerned:
        say(erasure_words(one))


def attempt(act: Callable[[Entry], None], entry: Entry) -> bool:
    """Do something with an entry; one that cannot be restored is named and does not stop the others."""
    try:
        act(entry)
    except Trouble as trouble:
        complain(f"{shown(entry.path)}: {trouble}")
        return False
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        complain(f"{shown(entry.path)}: {error.strerror or error}")
        return False
    return True


# ---- check ----------------------------------------------------------------------------------------------------------


def check(repository: Repository) -> None:
    """Read every object; with the key, open it as well."""
    names, total = repository.names(), 0
    packs = {name for name in names if "/pack/" in name}
    tables: dict[bytes, bytes] = {}  # pack to the hash of its table, to compare the indexes with
    links: dict[str, list[tuple[int, bytes, str]]] = {}
    # Packs come before the indexes that repeat them.
    for name in sorted(names, key=lambda name: ("/pack/" not in name, name)):
        try:
            with reading(name), open(repository.path(name), "rb") as file:
                total += os.fstat(file.fileno()).st_size
                if hashlib.file_digest(file, "sha256").digest() != hash_in(name):
                    raise Trouble("it is damaged: its bytes do not have the hash that is its name")
                file.seek(0)
                if repository.identity is None:
                    continue
                if "/pack/" in name:
                    tables[hash_in(name)] = check_pack(PackFile(repository, name, file), repository, file)
                elif name.startswith("mongodb/oplog/"):
                    for kind in (SUMMARY, EVENTS):
                        for _ in chunks_of(repository, segment_named(name), kind):
                            pass
                elif name.startswith("ledger/"):
                    if not name[:-65].endswith("-again"):
                        open_entry(repository, name)
                elif "/grant-" in name:
                    if f"/grant-{repository.identity.fingerprint.hex()[:16]}-" in name:
                        repository.open_grant(name, name.split("/")[1])
                elif name.startswith("keys/"):
                    key = file.read(40)
                    repository.data_key(hash_in(name), repository.writer(key[24:40]), name.split("/")[1])
                elif "/index-" in name:
                    check_index(repository, name, repository.catalog_writer(name), tables)
                elif "/snapshot-" in name:
                    snapshot = repository.open_record(name)
                    folder = f"{snapshot.source}/pack/{snapshot.storage_class}/{snapshot.generation}"
                    for pack in sorted(snapshot.packs()):
                        if f"{folder}/{pack.hex()}" not in packs:
                            complain(f"snapshot {snapshot.id[:12]} needs the pack {pack.hex()}, which is missing")
                elif "/link-" in name:
                    links.setdefault(name.split("/")[1], []).append(
                        read_link(repository, name, repository.catalog_writer(name))
                    )
        except Trouble as trouble:
            complain(trouble)
    for writer_name, chain in links.items():
        check_chain(writer_name, sorted(chain))
    say(f"{len(names)} objects, {total} bytes read; problems: {complaints}")


def check_pack(pack: PackFile, repository: Repository, file: BinaryIO) -> bytes:
    """Open every chunk of a pack; return the hash of its table."""
    data_key = repository.data_key(pack.data_key_name, pack.writer, pack.generation)
    for row in ROW.iter_unpack(pack.rows):
        if row[4] > CHUNK_LARGEST + MIB:
            raise Trouble("a chunk is larger than any may be")
        open_chunk(pack.writer, data_key, row, file.read(row[4]))
    return hashlib.sha256(pack.rows).digest()


def check_index(repository: Repository, name: str, writer: Writer, tables: dict[bytes, bytes]) -> None:
    """Compare an index with the tables of its packs; packs that are gone are no damage to it."""
    hashes: dict[bytes, Any] = {}
    for _, pack, _, _, rows in read_index(repository, name, writer):
        hashes.setdefault(pack, hashlib.sha256()).update(rows)
    for pack, digest in hashes.items():
        if tables.get(pack, digest.digest()) != digest.digest():
            raise Trouble(f"it contradicts the pack {pack.hex()}")


def read_link(repository: Repository, name: str, writer: Writer) -> tuple[int, bytes, str]:
    """Return the sequence number of a link, its hash, and the hash of the one before (or nothing)."""
    signed = from_json(repository.read(name))
    if not signers_of(b"lifeboat link 1", signed, {"writer": writer.signing_key}):
        raise Trouble("its writer did not sign it")
    body = take(signed, "body", dict)
    _, writer_name, generation, file_name = name.split("/")
    said = (body.get("format"), body.get("repository"), body.get("writer"), body.get("generation"))
    if said != (1, repository.id.hex(), writer_name, generation) or take(body, "sequence", int) != int(file_name[5:13]):
        raise Trouble("it does not say what its name says")
    for record in take(body, "records", list):
        if not os.path.exists(
            repository.path(f"catalog/{writer_name}/{generation}/snapshot-{from_hex(record, 32).hex()}")
        ):
            say(
                f"{name} tells of the snapshot record {record[:16]}, which is not here: it was pruned, or it is missing"
            )
    return int(file_name[5:13]), hash_in(name), str(body.get("previous") or "")


def check_chain(writer_name: str, chain: list[tuple[int, bytes, str]]) -> None:
    for (sequence, digest, _), (next_sequence, _, previous) in itertools.pairwise(chain):
        if next_sequence == sequence:
            complain(f"writer {writer_name} has two links number {sequence}: it was cloned or rolled back")
        elif next_sequence > sequence + 1:
            say(f"writer {writer_name}: the links {sequence + 1} to {next_sequence - 1} are not here")
        elif previous != digest.hex():
            complain(f"writer {writer_name}: link {next_sequence} does not follow link {sequence}")


# ---- What you type --------------------------------------------------------------------------------------------------

COMMAND_FOR = {"mongodb": "dump", "files": "files", "config": "files"}


def find_key(key_file: str | None) -> str:
    """Get the key from where it may come from; arguments can be seen by everybody on the machine, so not from there."""
    if key_file is not None:
        with reading(key_file), open(key_file, encoding="utf-8", errors="replace") as file:
            lines = [line for line in file.read(65_536).splitlines() if line.strip() and not line.startswith("#")]
        return " ".join(lines)
    for variable in ("LIFEBOAT_KEY", "BACKUP_ENCRYPTION_KEY"):
        if os.environ.get(variable):
            return os.environ[variable]
    try:
        return getpass.getpass("Lifeboat key: ")
    except EOFError:
        raise Trouble("there is no key: set LIFEBOAT_KEY or give --key-file") from None


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="rescue.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "show the snapshots"),
        ("files", "write the tree of a files or config snapshot"),
        ("dump", "write a mongodb snapshot as a mongodump directory"),
        ("erasures", "show who was erased: nobody of them may come back"),
        ("check", "read and check every object"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("repository", metavar="REPO", help="a plain copy of a repository")
        if name in ("files", "dump"):
            command.add_argument("snapshot", metavar="SNAPSHOT", help="latest, or the first digits of an id")
            command.add_argument("out", metavar="OUT", help="an empty or new directory")
            command.add_argument("--rebuild-index", action="store_true", help="do not use the indexes")
        if name == "dump":
            command.add_argument(
                "--at", metavar="TIME", help="as of this moment: 2026-11-26T10:00:00Z, or SECONDS.INCREMENT"
            )
        if name == "files":
            command.add_argument("--owners", action="store_true", help="owners, setuid bits, all xattrs; as root only")
        if name == "check":
            command.add_argument("--without-key", action="store_true", help="compare hashes only")
        command.add_argument("--key-file", metavar="FILE", help="a file that holds the key")
        command.add_argument("--signer", metavar="FINGERPRINT", help="trust what this recipient signed, too")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> None:
    identity = None if getattr(arguments, "without_key", False) else Identity(read_seed(find_key(arguments.key_file)))
    repository = Repository(arguments.repository, identity, arguments.signer)
    if arguments.command == "list":
        list_snapshots(repository)
    elif arguments.command == "check":
        check(repository)
    elif arguments.command == "erasures":
        for one in erasures_at(repository, None):
            print(printable(erasure_words(one)))
    elif arguments.command == "dump":
        at = None if arguments.at is None else read_at(arguments.at)
        snapshot = (
            choose(repository, arguments.snapshot, ("mongodb",))
            if at is None
            else choose_base(repository, arguments.snapshot, at)
        )
        dump(repository, snapshot, arguments.out, arguments.rebuild_index, at)
    else:
        snapshot = choose(repository, arguments.snapshot, ("files", "config"))
        restore_files(repository, snapshot, arguments.out, arguments.rebuild_index, arguments.owners)


def main() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        run(read_arguments())
    except Trouble as trouble:
        complain(trouble)
    except OSError as error:
        complain(f"{error.filename or 'the system'}: {error.strerror or error}")
    except (MemoryError, RecursionError):
        complain("this needs more memory than there is")
    except KeyboardInterrupt:
        complain("stopped by you")
    except Exception as error:
        # Nobody in distress is helped by a traceback. Python 3.11's -X dev and pdb still show one.
        complain(f"this script met something it does not understand ({type(error).__name__}: {error})")
    return 2 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
