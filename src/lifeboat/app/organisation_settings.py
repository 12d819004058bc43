"""Who answers for the backups and who is called: for the recovery plan, reports to auditors, and whoever sits there at night."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is called, in the order of the settings."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    duties: tuple[str, ...] = ()
    key_holder: bool = False
    """Holds a key that opens the backups."""


@dataclass(frozen=True, slots=True)
class OrganisationSettings:
    """Sections ``[organisation]`` and ``[[contact]]``."""

    name: str = ""
    application: str = ""
    """What is protected, as its users call it."""
    systems: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
