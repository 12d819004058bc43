"""Who opens the repository: recipients listed, added, taken away, replaced; and how other machines are told.

Each machine pins the recipients that it seals for (decision 0060), so each has to be told of a change by somebody who knows of it:
``accept`` takes the fingerprints that this person has in hand, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import replace

from lifeboat.app.build import build_repository, build_store
from lifeboat.app.settings import Settings
from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.progress import Progress
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.value import Value
from lifeboat.repository.description import Description, NamedRecipient, read_description
from lifeboat.repository.errors import RecipientMissing, RecipientsChanged
from lifeboat.repository.granting import list_keys, not_opened_by
from lifeboat.repository.local_state import LocalState
from lifeboat.repository.names import is_label
from lifeboat.repository.open_repository import Repository
from lifeboat.repository.recipients import Opened, add_recipient, open_to_all, remove_recipient


class RecipientRow(Value):
    """A recipient. Args: keys_closed: data keys that it does not open; None: not looked at. here: its key is the one in use here."""

    name: str
    fingerprint: str
    here: bool
    keys_closed: int | None = None


class RecipientsReport(Value):
    """Who opens the repository. Args: pinned: whether this machine seals for exactly these."""

    repository: str
    revision: int
    recipients: tuple[RecipientRow, ...]
    pinned: bool = True


class RecipientChanged(Value):
    """What was done.

    Args:
        act: ``added``, ``removed``, ``replaced``, ``opened``.
        recipients: Who opens the repository now.
        stolen: The key that was taken away is in wrong hands.
    """

    act: str
    name: str
    fingerprint: str
    repository: str
    recipients: tuple[RecipientRow, ...]
    opened: Opened
    stolen: bool = False
    writers: tuple[str, ...] = ()
    """Names of the writers whose secrets the one who went has known."""


class KeyLife:
    """For one set of settings."""

    def __init__(self, settings: Settings, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._clock = clock
        self._progress = progress

    def rows(self, *, look: bool = False) -> RecipientsReport:
        """Who there is. Args: look: also how many data keys each of them does not open: reads every wrapped key."""
        repository = build_repository(self._settings, self._clock)
        named = repository.description.recipients
        closed: dict[Recipient, int] = dict.fromkeys((one.recipient for one in named), 0)
        for month in list_keys(repository.store) if look else ():
            found = not_opened_by(repository.store, month, repository.description, list(closed))
            for one, names in found.items():
                closed[one] += len(names)
        rows = tuple(
            replace(one, keys_closed=closed[each.recipient] if look else None) for one, each in _rows(repository)
        )
        return RecipientsReport(repository.store.describe(), repository.description.revision, rows)

    def add(self, name: str, text: str) -> RecipientChanged:
        """Args: text: a recipient's line, as ``keygen --recipient`` prints it. Raises ``KeyMalformed``, ``RecipientExists``."""
        if not is_label(name):
            raise SettingsError("that is no name", "at most 64 letters, digits, dots, dashes and spaces, such as safe")
        repository, recipient = build_repository(self._settings, self._clock), Recipient.from_text(text)
        opened = add_recipient(repository, name, recipient, self._progress)
        return _changed("added", repository, NamedRecipient(name, recipient), opened)

    def open(self) -> RecipientChanged:
        """Open to everybody what somebody does not open yet."""
        repository = build_repository(self._settings, self._clock)
        opened = open_to_all(repository, repository.description, self._progress)
        own = repository.need_identity().recipient
        return _changed("opened", repository, NamedRecipient("", own), opened)

    def who(self, name: str) -> RecipientRow:
        """The recipient of this name or fingerprint; raises ``RecipientMissing``."""
        repository = build_repository(self._settings, self._clock)
        meant = _meant(repository.description, name)
        return next(one for one, each in _rows(repository) if each == meant)

    def remove(self, name: str, *, stolen: bool) -> RecipientChanged:
        """Seal no longer for the recipient of this name or fingerprint; raises ``RecipientMissing``, ``LastRecipient``."""
        repository = build_repository(self._settings, self._clock)
        leaving = _meant(repository.description, name)
        opened = remove_recipient(repository, leaving.recipient, self._progress, stolen=stolen)
        return _changed("removed", repository, leaving, opened, stolen)

    def replace(self, name: str, by: Secret, new_name: str, *, stolen: bool) -> RecipientChanged:
        """Put a new key in the place of an old one, which must be the one at hand. Killed anywhere, it is typed again.

        Args:
            by: The new key.
            new_name: What its holder is called.
        """
        new = Identity.from_text(by.reveal())
        before = build_repository(self._settings, self._clock)
        leaving = before.description.named(name)
        opened = Opened()
        if leaving is not None and leaving.recipient != new.recipient:
            opened = add_recipient(before, new_name, new.recipient, self._progress)
        elif not before.description.holds(new.recipient):
            raise _missing(before.description, name)
        after = build_repository(replace(self._settings, key=by), self._clock)
        if leaving is not None and leaving.recipient != new.recipient:
            gone = remove_recipient(after, leaving.recipient, self._progress, stolen=stolen)
            opened = replace(
                opened, statements=gone.statements, unsaid=gone.unsaid, entries=opened.entries + gone.entries
            )
        return _changed("replaced", after, NamedRecipient(new_name, new.recipient), opened, stolen)

    def to_accept(self) -> tuple[RecipientsReport, tuple[str, ...]]:
        """Who the repository is sealed for, as far as a recipient whom this machine knows has signed it; and who was pinned until now."""
        description, state, place = self._followed()
        pinned = state.pinned_recipients() or []
        rows = tuple(RecipientRow(one.name, one.recipient.fingerprint.hex(), False) for one in description.recipients)
        report = RecipientsReport(place, description.revision, rows, set(pinned) == set(description.fingerprints()))
        return report, tuple(pinned)

    def accept(self, fingerprints: Sequence[str]) -> RecipientsReport:
        """Seal for exactly these from now on.

        Args:
            fingerprints: Of all recipients, 16 hex digits or more each, as somebody who knows said them.

        Raises:
            RecipientsChanged: The repository names others.
        """
        description, state, place = self._followed()
        said = [one.lower() for one in fingerprints]
        for one in said:
            if len(one) < 16 or not set(one) <= set("0123456789abcdef"):
                raise SettingsError(
                    f"{one!r} is no fingerprint", "16 hex digits, as `lifeboat recipient list` shows them"
                )
        theirs = description.fingerprints()
        matched = {full for full in theirs for one in said if full.startswith(one)}
        if matched != set(theirs) or len(set(said)) != len(theirs):
            shown = " ".join(one[:16] for one in theirs)
            raise RecipientsChanged(
                f"the repository at {place} is sealed for {shown}, and that is not what was typed",
                "somebody else is among them, or somebody is missing: ask who changed them before you go on",
            )
        state.pin(description.repository, theirs, description.revision)
        return self.to_accept()[0]

    def _followed(self) -> tuple[Description, LocalState, str]:
        store = build_store(self._settings, self._clock)
        state = LocalState(self._settings.state, store.describe())
        identity = None if self._settings.key is None else Identity.from_text(self._settings.key.reveal())
        own = None if identity is None else identity.recipient
        description = read_description(store, own=own, pinned=state.pinned_recipients())
        pinned = state.pinned_repository()
        if pinned is not None and pinned != description.repository.hex():
            state.check_pins(
                description.repository, description.fingerprints()
            )  # another repository: no matter of recipients
        return description, state, store.describe()


def _rows(repository: Repository) -> list[tuple[RecipientRow, NamedRecipient]]:
    own = repository.identity.recipient if repository.identity is not None else None
    return [
        (RecipientRow(one.name, one.recipient.fingerprint.hex(), one.recipient == own), one)
        for one in repository.description.recipients
    ]


def _meant(description: Description, name: str) -> NamedRecipient:
    found = description.named(name)
    if found is None:
        raise _missing(description, name)
    return found


def _missing(description: Description, name: str) -> RecipientMissing:
    known = ", ".join(f"{one.name} ({one.recipient.fingerprint_short})" for one in description.recipients)
    return RecipientMissing(f"no recipient is called {name}", f"recipients: {known}")


def _changed(
    act: str, repository: Repository, who: NamedRecipient, opened: Opened, stolen: bool = False
) -> RecipientChanged:
    return RecipientChanged(
        act,
        who.name,
        who.recipient.fingerprint.hex(),
        repository.store.describe(),
        tuple(one for one, _ in _rows(repository)),
        opened,
        stolen,
        tuple(sorted({one.label for one in repository.registrations.values()})),
    )
