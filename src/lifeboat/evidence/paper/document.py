"""What a document is made of: blocks, in order. Plans, drill reports and compliance reports are such documents.

Texts are plain, but for `code` between backticks; nothing in them is taken for Markdown or HTML, whoever wrote it. Only ``Yours`` holds
Markdown, because people wrote it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from lifeboat.foundation.value import Value

Mood = Literal["good", "doubtful", "bad", "plain"]
"""How something stands; shown by a word and a sign as well as by a colour, because documents are printed in black."""


class Heading(Value):
    """Args: level: 2 for a chapter, 3 below it; the title of the document is the only 1."""

    text: str
    level: int = 2


class Paragraph(Value):
    text: str


class Notice(Value):
    """A sentence that must not be missed."""

    text: str
    mood: Mood = "plain"


class Facts(Value):
    """Names and what stands behind them."""

    pairs: tuple[tuple[str, str], ...]


class Table(Value):
    """Args: moods: One for each row, or none; right: numbers of the columns that hold figures."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    moods: tuple[Mood, ...] = ()
    right: tuple[int, ...] = ()
    if_empty: str = "none"


class Bullets(Value):
    items: tuple[str, ...]
    numbered: bool = False


class Commands(Value):
    """Lines to type, as they stand."""

    lines: tuple[str, ...]


class Picture(Value):
    """Args: svg: complete, made by us (nothing in it is escaped any more); words: what it shows, for whoever cannot see it;
    lines: the same line by line, which Markdown has in its place.
    """

    svg: str
    words: str
    lines: tuple[str, ...] = ()


class Yours(Value):
    """A part that people write: kept when the document is made anew.

    Args:
        name: Permanent, of small letters and dashes.
        prompt: What to write here, shown while nothing is written.
        markdown: What was written.
    """

    name: str
    prompt: str
    markdown: str = ""


class NewPage(Value):
    """What follows begins a page of its own in print; behind the first one stands the list of contents."""


Block = Heading | Paragraph | Notice | Facts | Table | Bullets | Commands | Picture | Yours | NewPage


class Document(Value):
    """Args: subtitle: e.g. of which installation and when made; footer: on every page of the HTML's print."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    footer: str = ""
    language: str = "en"


@dataclass
class Writing:
    """Collects blocks, so that a chapter is a function that adds to it."""

    blocks: list[Block] = field(default_factory=list)

    def add(self, *blocks: Block) -> None:
        self.blocks += blocks

    def chapter(self, title: str) -> None:
        self.blocks.append(Heading(title))

    def section(self, title: str) -> None:
        self.blocks.append(Heading(title, 3))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], **more: object) -> None:
        self.blocks.append(Table(tuple(columns), tuple(tuple(row) for row in rows), **more))  # type: ignore[arg-type]


_BLANKS = re.compile(r"\s+")


def one_line(text: str) -> str:
    """Text with every run of blanks and control characters as one blank: nothing in it begins a line of its own."""
    return _BLANKS.sub(" ", "".join(one if one.isprintable() else " " for one in text)).strip()


def visible(text: str) -> str:
    """Text of several lines, without characters that would be acted on instead of shown."""
    return "".join(one if one.isprintable() or one in "\n\t" else " " for one in text)
