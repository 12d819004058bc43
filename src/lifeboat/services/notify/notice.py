"""A notice: what happened, what it means for a recovery, what to type. Written for somebody woken at night.

Invariant: plain text without control characters, without secrets: what comes from elsewhere was scrubbed before it got here.
"""

from datetime import datetime
from enum import StrEnum

from lifeboat.foundation.value import Value


class Kind(StrEnum):
    FAILED = "failed"
    WORKS_AGAIN = "works again"
    SILENT = "silent"
    TEST = "test"
    DRILL = "drill"


_HEADINGS = ("What happened", "What it means", "What to do")


class Notice(Value):
    """Args: about: The application and machine, ``"shop on app-1"``. title: What, in a few words: ``"backup db failed"``."""

    kind: Kind
    about: str
    title: str
    happened: str
    means: str
    to_do: str
    at: datetime

    @property
    def subject(self) -> str:
        """One line."""
        return _one_line(f"[lifeboat] {self.about}: {self.title}")[:200]

    @property
    def text(self) -> str:
        """The whole of it."""
        parts = zip(_HEADINGS, (self.happened, self.means, self.to_do), strict=True)
        said = [f"{heading}\n{_indented(words)}\n" for heading, words in parts if words]
        return "\n".join([*said, f"Lifeboat, {self.about}, {self.at:%Y-%m-%d %H:%M:%S} UTC"])


def _indented(words: str) -> str:
    return "\n".join(f"  {_one_line(line)}" for line in words.splitlines())


def _one_line(words: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in words)
