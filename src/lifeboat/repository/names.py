"""Where every object of a repository lies (docs/format.md, section 1)."""

import hashlib
import re
from collections.abc import Sequence
from enum import StrEnum

CONFIG = "config/"
PROBES = "config/probe/"
"""Scratch objects of `doctor`; they stay where it may not delete, and are no part of the repository."""
CATALOG = "catalog/"
KEYS = "keys/"
SEGMENTS = "mongodb/oplog/"
LEDGER = "ledger/"

_HASH = re.compile(r"(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_LABEL = re.compile(r"\w[\w. -]{0,63}")
_GENERATION = re.compile(r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])(?:\.[0-9]+)?\Z")


At = tuple[str, bytes]
"""A stored pack: the place where it lies (``packs_prefix``) and its name. Carried forward, one name lies in two places."""


class Source(StrEnum):
    """What a snapshot is of; also the first segment of its packs' names."""

    MONGODB = "mongodb"
    FILES = "files"
    CONFIG = "config"


def typed(source: str) -> str:
    """The source as people type it: ``db`` for ``mongodb``."""
    return "db" if source == Source.MONGODB else source


class Class(StrEnum):
    """How long a snapshot is meant to live; packs of two classes never mix."""

    SHORT = "short"
    LONG = "long"


def digest(content: bytes | Sequence[bytes | bytearray | memoryview]) -> str:
    """Hex SHA-256 of an object's bytes: what its name must carry."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    state = hashlib.sha256()
    for part in content:
        state.update(part)
    return state.hexdigest()


def stated_digest(name: str) -> str | None:
    """The hash that an object's name carries, or None for a name that is not ours."""
    found = _HASH.findall(name.rsplit("/", 1)[-1])
    return found[-1] if found else None


def is_generation(text: str) -> bool:
    """Whether it names a month that there is, perhaps with ``.2`` behind it."""
    return _GENERATION.match(text) is not None


def is_label(text: str) -> bool:
    """Whether an installation can be called so: what people can type and every terminal shows."""
    return _LABEL.fullmatch(text) is not None and text.isprintable() and not text.endswith(" ")


def description_name(sha256: str) -> str:
    return f"config/repository-{sha256}.json"


def registration_name(writer: str, sha256: str) -> str:
    return f"config/writer-{writer}-{sha256}.json"


def rescue_name(sha256: str) -> str:
    return f"config/rescue-{sha256}.py"


def readme_name(sha256: str) -> str:
    return f"config/README-{sha256}.txt"


def key_name(generation: str, sha256: str) -> str:
    return f"keys/{generation}/{sha256}"


def grant_name(generation: str, recipient: str, sha256: str) -> str:
    """Args: recipient: the first 16 hex digits of the fingerprint, so that nobody reads what is for others."""
    return f"keys/{generation}/grant-{recipient}-{sha256}"


def packs_prefix(source: Source, class_: Class, generation: str) -> str:
    return f"{source}/pack/{class_}/{generation}/"


def pack_name(source: Source, class_: Class, generation: str, sha256: str) -> str:
    return packs_prefix(source, class_, generation) + sha256


def month_in(name: str) -> str:
    """The generation in a pack's name, or in the place where packs lie."""
    return name.split("/")[3]


def segment_name(generation: str, data_key: str, after: str, through: str, chain: str, writer: str, sha256: str) -> str:
    """A listing alone tells what each segment covers, which continue each other, and which data keys are in use."""
    return f"{SEGMENTS}{generation}/{data_key}/{after}-{through}-{chain}-{writer}-{sha256}"


def catalog_prefix(writer: str, generation: str = "") -> str:
    return f"catalog/{writer}/{generation}/" if generation else f"catalog/{writer}/"


def index_name(writer: str, generation: str, sha256: str) -> str:
    return f"catalog/{writer}/{generation}/index-{sha256}"


def snapshot_name(writer: str, generation: str, sha256: str) -> str:
    return f"catalog/{writer}/{generation}/snapshot-{sha256}"


def link_name(writer: str, generation: str, sequence: int, sha256: str) -> str:
    return f"catalog/{writer}/{generation}/link-{sequence:08d}-{sha256}"


def anchor_name(writer: str, generation: str, number: int, log: str, first: int, last: int, sha256: str) -> str:
    """A listing alone shows which entries of which log are anchored, and that no anchor between two others is gone."""
    return f"catalog/{writer}/{generation}/audit-{number:08d}-{log}-{first:08d}-{last:08d}-{sha256}"


def carry_name(writer: str, generation: str, sha256: str) -> str:
    return f"catalog/{writer}/{generation}/carry-{sha256}"


def ledger_name(number: int, kind: str, sha256: str) -> str:
    """A listing alone shows how many entries there are of which kind, and that none between two others is gone."""
    return f"{LEDGER}{number:08d}-{kind}-{sha256}"


def statement_name(verb: str, writer: str, generation: str, sha256: str) -> str:
    return f"catalog/{writer}/{generation}/{verb}-{sha256}"
