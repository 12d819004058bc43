"""The file by which a machine becomes a writer without ever seeing a key: made on the keeper, taken in on the host, destroyed.

It holds the writer's secret and the fingerprints to pin, nothing that opens content (docs/format.md, section 14).
"""

import json
from dataclasses import dataclass, field
from typing import Any

from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.foundation.secret import Secret
from lifeboat.repository.description import read_config, read_description
from lifeboat.repository.errors import EnrolmentRefused, RecipientsChanged
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.writers import SECRET_BYTES, WriterSecret, read_registrations
from lifeboat.storage.object_store import ObjectStore

FORMAT = 1


@dataclass(frozen=True)
class Enrolment:
    """What is carried from the keeper to a new writer."""

    repository: bytes
    recipients: tuple[str, ...]
    """Fingerprints (hex): the new machine pins these, and believes no others."""
    label: str
    secret: WriterSecret = field(repr=False)
    location: str = ""
    """Where the repository lies, as settings say it; a hint, and no secret."""
    region: str = ""
    endpoint: str = ""

    def to_text(self) -> Secret:
        body: dict[str, Any] = {
            "lifeboat_enrolment": FORMAT,
            "repository": self.repository.hex(),
            "recipients": list(self.recipients),
            "label": self.label,
            "writer": self.secret.writer.hex(),
            "secret": to_base64(self.secret.raw),
            "location": self.location,
            "region": self.region,
            "endpoint": self.endpoint,
        }
        return Secret(json.dumps(body, indent=1))


def enrolment_from_text(text: Secret, where: str) -> Enrolment:
    """Read what ``to_text`` made; raises ``EnrolmentRefused``. Nothing that was read stands in the message."""
    try:
        body = json.loads(text.reveal())
        if not isinstance(body, dict) or "lifeboat_enrolment" not in body:
            raise ValueError("another file")
        if body["lifeboat_enrolment"] > FORMAT:
            raise EnrolmentRefused(
                f"{where} was made by a newer Lifeboat", "install the newest Lifeboat on this machine"
            )
        found = Enrolment(
            repository=bytes.fromhex(body["repository"]),
            recipients=tuple(str(one) for one in body["recipients"]),
            label=str(body["label"]),
            secret=WriterSecret(bytes.fromhex(body["writer"]), from_base64(body["secret"])),
            location=str(body.get("location", "")),
            region=str(body.get("region", "")),
            endpoint=str(body.get("endpoint", "")),
        )
        if len(found.secret.raw) != SECRET_BYTES or len(found.secret.writer) != 16 or not found.recipients:
            raise ValueError("cut")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # From None: the cause would repeat what was in the file.
        raise EnrolmentRefused(
            f"{where} is not a writer's file, or was cut when it was copied",
            "make it on the machine with the key: `lifeboat writer add NAME --to FILE`",
        ) from None
    return found


def enrol(store: ObjectStore, state: LocalState, enrolment: Enrolment) -> str:
    """Make this machine the writer that the file says, if the repository there is the one that it says.

    Returns:
        Id of the writer that this machine was before, hex; empty when it was none or the same.

    Raises:
        RecipientsChanged: Another repository lies there, or one that is sealed for others.
        EnrolmentRefused: The repository does not know this writer.
    """
    known = state.pinned_repository()
    if known is not None and known != enrolment.repository.hex():
        raise RecipientsChanged(
            f"this machine knows repository {known[:8]} at this place; the file is for {enrolment.repository.hex()[:8]}",
            f"if the repository was replaced on purpose, remove {state.directory} and try again",
        )
    config = read_config(store)
    description = read_description(store, config=config, pinned=enrolment.recipients)
    if description.repository != enrolment.repository or set(description.fingerprints()) != set(enrolment.recipients):
        raise RecipientsChanged(
            f"what lies at {store.describe()} is not the repository that the file was made for, or is sealed for other recipients",
            "does LIFEBOAT_REPOSITORY name the right place? If so ask the keeper before anything is stored there",
        )
    registered, _ = read_registrations(config, description)
    mine = next((one for one in registered if one.writer == enrolment.secret.writer), None)
    if mine is None or mine.signing_key != enrolment.secret.signing_key().public_key().public_bytes_raw():
        raise EnrolmentRefused(
            f"the repository at {store.describe()} does not know the writer that the file makes of this machine",
            "make the file anew on the machine with the key: `lifeboat writer add NAME --to FILE`",
        )
    before = state.load_writer()
    state.check_pins(description.repository, description.fingerprints(), description.revision)
    state.save_writer(enrolment.secret)
    return before.writer.hex() if before is not None and before.writer != enrolment.secret.writer else ""
