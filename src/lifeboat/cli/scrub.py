"""Take secrets out of text that nobody wrote for people: tracebacks and the words of other programs.

Invariant: no text leaves through here with a value of a secret setting, a password of a connection string, or a key of
ours in it. It is the last net, not the first: messages of our own carry no secret to begin with.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

SECRET_VARIABLES = (
    "MONGODB_URI",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "BACKUP_ENCRYPTION_KEY",
    "LIFEBOAT_SMTP_PASSWORD",
    "LIFEBOAT_NOTIFY_WEBHOOK",
)
SHORTEST = 4
"""A shorter text would be found inside ordinary words; a secret this short is none."""
REPLACED_BY = "[secret]"
EXAMPLE = "://user:password@"
"""What hints write where user and password go."""

_USER_AND_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@'\"]*:[^\s'\"]*@", re.IGNORECASE)
_IDENTITY = re.compile(r"LIFEBOAT1(?:[- ]?[A-Z2-7]){20,}", re.IGNORECASE)


def scrub(text: str, hidden: Iterable[str]) -> str:
    """Replace every hidden text, every ``user:password@`` and every key of ours."""
    for secret in sorted(set(_with_spellings(hidden)), key=len, reverse=True):
        text = text.replace(secret, REPLACED_BY)
    text = _USER_AND_PASSWORD.sub(
        lambda one: one[0] if one[0].endswith(EXAMPLE) else f"{one['scheme']}{REPLACED_BY}@", text
    )
    return _IDENTITY.sub(REPLACED_BY, text)


def hidden_around(environment: Mapping[str, str], folder: Path, arguments: Iterable[str]) -> set[str]:
    """What may have to be hidden when the settings could not even be read: found without any of our checks."""
    found = {environment[name] for name in SECRET_VARIABLES if environment.get(name)}
    found |= {one for one in arguments if "://" in one and "@" in one}
    try:
        lines = (folder / ".env").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, separator, value = line.removeprefix("export ").partition("=")
        if separator and name.strip() in SECRET_VARIABLES:
            found.add(value.strip().strip("'\""))
    from lifeboat.app.settings import passwords_in_uri

    for uri in [one for one in found if "://" in one]:
        found.update(passwords_in_uri(uri))
    return {one for one in found if one}


def _with_spellings(hidden: Iterable[str]) -> Iterable[str]:
    """Also as it looks inside ``repr``, in a URI, and without the dashes of a key."""
    for secret in hidden:
        for spelled in (secret, repr(secret)[1:-1], quote(secret, safe=""), quote_plus(secret), secret.strip()):
            if len(spelled) >= SHORTEST:
                yield spelled
