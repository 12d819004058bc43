"""A document as Markdown (CommonMark with tables), and the parts that people wrote read back from one.

A part of theirs stands between two comments, ``<!-- yours: NAME -->`` and ``<!-- end: NAME -->``; everything outside is made anew.
What is to be written there stands in a line with a hash of itself: as long as that fits, nobody has written into it.
"""

import hashlib
import re
from collections.abc import Iterator

from lifeboat.evidence.paper.document import (
    Block,
    Bullets,
    Commands,
    Document,
    Facts,
    Heading,
    NewPage,
    Notice,
    Paragraph,
    Picture,
    Table,
    Yours,
    one_line,
)

_YOURS = re.compile(
    r"^<!-- yours: ([a-z][a-z0-9-]*) -->[ \t]*\n(.*?)^<!-- end: \1 -->[ \t]*$", re.DOTALL | re.MULTILINE
)
_SPECIAL = re.compile(r"([\\*_\[\]<>#|~!&])")
_CODE = re.compile(r"(`[^`]*`)")
_SIGNS = {"good": "✓ ", "doubtful": "! ", "bad": "✗ ", "plain": ""}
PROMPT = "> *To be written here:* "
_PROMPT_MARK = re.compile(r" <!-- prompt ([0-9a-f]{8}) -->")


def to_markdown(document: Document) -> str:
    parts = [f"# {_text(document.title)}", _text(document.subtitle)]
    parts += [_block(block) for block in document.blocks]
    if document.footer:
        parts += ["---", _text(document.footer)]
    return "\n\n".join(part for part in parts if part) + "\n"


def yours_in(markdown: str) -> dict[str, str]:
    """What people wrote, by the name of the part; a part that still holds only its prompt is empty.

    What they wrote above, below or into the line of the prompt is theirs.
    """
    found = {}
    for match in _YOURS.finditer(markdown.replace("\r\n", "\n")):
        lines = [line for line in match.group(2).split("\n") if not _is_untouched_prompt(line)]
        written = "\n".join(_PROMPT_MARK.sub("", line) for line in lines)
        found[match.group(1)] = written.strip("\n") if written.strip() else ""
    return found


def _is_untouched_prompt(line: str) -> bool:
    mark = _PROMPT_MARK.search(line)
    return (
        mark is not None
        and line.startswith(PROMPT)
        and not line[mark.end() :].strip()
        and mark[1] == _short_hash(line[: mark.start()])
    )


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_text(block.text)}"
    if isinstance(block, Paragraph):
        return _text(block.text)
    if isinstance(block, Notice):
        return f"> {_SIGNS[block.mood]}**{_text(block.text)}**"
    if isinstance(block, Facts):
        return "\n".join(f"- **{_text(name)}**: {_text(value)}" for name, value in block.pairs)
    if isinstance(block, Table):
        return "\n".join(_table(block)) if block.rows else f"({_text(block.if_empty)})"
    if isinstance(block, Bullets):
        return "\n".join(
            f"{f'{number}.' if block.numbered else '-'} {_text(item)}" for number, item in enumerate(block.items, 1)
        )
    if isinstance(block, Commands):
        return "\n".join(["```", *(line.replace("```", "` ` `") for line in block.lines), "```"])
    if isinstance(block, Picture):
        return _block(Bullets(block.lines, numbered=True)) if block.lines else f"*({_text(block.words)})*"
    if isinstance(block, NewPage):
        return ""
    return _yours(block)


def _yours(block: Yours) -> str:
    prompt = f"{PROMPT}{_text(block.prompt)}"
    written = block.markdown.strip("\n") or f"{prompt} <!-- prompt {_short_hash(prompt)} -->"
    return f"<!-- yours: {block.name} -->\n{written}\n<!-- end: {block.name} -->"


def _table(table: Table) -> Iterator[str]:
    moods = table.moods or ("plain",) * len(table.rows)
    yield f"| {' | '.join(_text(one) for one in table.columns)} |"
    yield "|" + "|".join("---:" if n in table.right else "---" for n in range(len(table.columns))) + "|"
    for row, mood in zip(table.rows, moods, strict=True):
        first, *rest = (_text(one) or " " for one in row)
        yield f"| {_SIGNS[mood]}{' | '.join([first, *rest])} |"


def _text(text: str) -> str:
    """Plain text that Markdown leaves as it is, but for `code`."""
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") and len(part) > 1 else _SPECIAL.sub(r"\\\1", part)
        for part in _CODE.split(one_line(text))
    )
