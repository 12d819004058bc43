"""A repository in memory with one object of each kind, and the means to seal and sign what is to replace it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from unittest.mock import patch

from fuzz_runs import SAME_SEED
from repository_kit import CONTENT, back_up, make

from lifeboat.crypto.identity import Identity, to_base64
from lifeboat.crypto.signed import canonical_json, to_be_signed
from lifeboat.repository import catalog_format
from lifeboat.repository.custodians import add_custodian

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Forbidden(AssertionError):
    """Something got through that nobody wrote."""


class Scene:
    """A repository in memory with one object of each kind, made by the package's own writers."""

    def __init__(self, folder: Path) -> None:
        with patch("os.urandom", Random(SAME_SEED).randbytes):  # so that one input means the same in every run
            self._make(folder)

    def _make(self, folder: Path) -> None:
        self.owner, self.custodian = Identity.generate(), Identity.generate()
        self.repository, self.store, self.clock = make(folder, identities=[self.owner])
        self.record = back_up(self.repository, self.clock, CONTENT)
        add_custodian(self.repository, "custodian", self.custodian.recipient)
        self.secret = self.repository.secrets[self.record.writer]
        self.description = self.repository.description
        self.generation = self.record.generation
        self.registered = self.repository.registrations[self.record.writer].signing_key

    def names(self, begin: str, has: str = "") -> list[str]:
        return [one.name for one in self.store.list_under(begin) if has in one.name]

    def read(self, name: str) -> bytes:
        return self.store.read(name)

    def sealed(self, magic: bytes, plain: bytes) -> bytes:
        secret = self.secret
        return catalog_format._seal(
            magic, plain, secret.writer, secret.catalog_key, self.repository.id, self.generation
        )

    def plain(self, magic: bytes, name: str) -> bytes:
        secret = self.secret
        return catalog_format._open(
            magic, self.read(name), secret.writer, secret.catalog_key, self.repository.id, self.generation, name
        )

    @property
    def seal(self) -> dict[str, object]:
        """What an object of the catalog is opened with."""
        secret = self.secret
        return {
            "writer": secret.writer,
            "catalog_key": secret.catalog_key,
            "repository": self.repository.id,
            "generation": self.generation,
        }


def body_of(raw: bytes) -> bytes:
    return canonical_json(json.loads(raw)["body"])


def signed(label: str, raw_body: bytes, sign: Callable[[bytes], bytes], who: str) -> bytes:
    """An envelope around a body, whatever it says, with a signature that holds where there can be one."""
    try:
        body = json.loads(raw_body)
        signature = to_base64(sign(to_be_signed(label, body)))
    except (ValueError, TypeError, RecursionError):
        signature = "AA"
    return b'{"body":' + raw_body + b',"signatures":{"' + who.encode() + b'":"' + signature.encode() + b'"}}'


def of_place(raw: bytes, name_of: Callable[[dict[str, object]], str]) -> str:
    """The name that a body says it lies under, so that more than its name is looked at."""
    try:
        return name_of(json.loads(raw))
    except Exception:
        return "catalog/x-" + "a" * 64
