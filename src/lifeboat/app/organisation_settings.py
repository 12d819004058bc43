"""Who answers for the backups and who is called: for the recovery plan, reports to auditors, and whoever sits there at night."""

from lifeboat.foundation.value import Value


class Contact(Value):
    """Somebody who is called, in the order of the settings."""

    name: str
    role: str = ""
    phone: str = ""
    email: str = ""
    duties: tuple[str, ...] = ()
    key_holder: bool = False
    """Holds a key that opens the backups."""


class OrganisationSettings(Value):
    """Sections ``[organisation]`` and ``[[contact]]``."""

    name: str = ""
    application: str = ""
    """What is protected, as its users call it."""
    systems: tuple[str, ...] = ()
    contacts: tuple[Contact, ...] = ()
