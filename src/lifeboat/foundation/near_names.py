"""Somebody mistyped a name: which one was meant?"""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to put in front of a hint, with a space behind it; empty where nothing is near."""
    from difflib import get_close_matches  # no command that is written right waits for its loading

    names = list(known)
    near = get_close_matches(name, names, 1) or [one for one in names if one.lower() == name.lower()]
    return f"did you mean {near[0]}? " if near else ""
