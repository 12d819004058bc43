"""A document as one HTML file: no script, nothing loaded from anywhere, readable on a telephone, made to be printed.

Invariant: what came from outside (names of collections, of files, what people wrote) is escaped; the only markup is ours.
"""

import re
from functools import cache
from html import escape
from importlib.resources import files
from textwrap import wrap

from markdown_it import MarkdownIt

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
    visible,
)

_CODE = re.compile(r"`([^`]*)`")
_SIGNS = {"good": "✓", "doubtful": "!", "bad": "✗"}
_WORDS = {"good": "in order", "doubtful": "doubtful", "bad": "not in order"}
_LONG_WORD = re.compile(r"[^\s`]{25,}")
_BREAK = "\u2060"
"""Stands for ``<wbr>``, which is not copied with the text; ``one_line`` leaves none of these in it."""
BREAK_EVERY = 12
CONTENTS_FROM = 6
"""Chapters; a shorter document needs no list of them."""


def to_html(document: Document) -> str:
    chapters = [one for one in document.blocks if isinstance(one, Heading) and one.level == 2]
    contents = ""
    if len(chapters) >= CONTENTS_FROM:
        items = "".join(f'<li><a href="#c{n}">{_text(one.text)}</a></li>' for n, one in enumerate(chapters, 1))
        contents = f'<nav aria-label="Contents"><ol>{items}</ol></nav>'
    body = "\n".join(_numbered(document.blocks, contents))
    before = "" if NewPage() in document.blocks else contents
    footer = f"<footer>{_text(document.footer)}</footer>" if document.footer else ""
    return f"""<!DOCTYPE html>
<html lang="{escape(document.language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{escape(one_line(document.title))}</title>
<style>
{_style()}
</style>
</head>
<body>
<header><h1>{_text(document.title)}</h1><p>{_text(document.subtitle)}</p></header>
{before}
<main>
{body}
</main>
{footer}
</body>
</html>
"""


def _numbered(blocks: tuple[Block, ...], contents: str) -> list[str]:
    written, chapter = [], 0
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            chapter += 1
            written.append(f'<h2 id="c{chapter}">{_text(block.text)}</h2>')
        elif isinstance(block, NewPage):
            written.append(f'<div class="new-page"></div>{contents}')
            contents = ""
        else:
            written.append(_block(block))
    return written


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_text(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_text(block.text)}</p>"
    if isinstance(block, Notice):
        return f'<p class="notice {block.mood}">{_sign(block.mood)}{_text(block.text)}</p>'
    if isinstance(block, Facts):
        pairs = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in block.pairs)
        return f"<dl>{pairs}</dl>"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Bullets):
        items = "".join(f"<li>{_text(item)}</li>" for item in block.items)
        return f"<ol>{items}</ol>" if block.numbered else f"<ul>{items}</ul>"
    if isinstance(block, Commands):
        return "<pre>" + escape("\n".join(map(visible, block.lines))) + "</pre>"
    if isinstance(block, Picture):
        words = one_line(" ".join([block.words, *block.lines]))
        return f'<figure role="img" aria-label="{escape(words)}">{block.svg}</figure>'
    assert isinstance(block, Yours)  # a new page is written above
    return _yours(block)


def _yours(block: Yours) -> str:
    if not block.markdown.strip():
        return f'<p class="prompt">To be written here: {_text(block.prompt)}</p>'
    # A heading of theirs stays below ours.
    tokens = _reader().parse(visible(block.markdown))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    return f'<section class="yours">{_reader().renderer.render(tokens, _reader().options, {})}</section>'


def _table(table: Table) -> str:
    if not table.rows:
        return f'<p class="prompt">({_text(table.if_empty)})</p>'
    right = dict.fromkeys(table.right, ' class="right"')
    head = "".join(f"<th{right.get(n, '')}>{_text(one)}</th>" for n, one in enumerate(table.columns))
    moods = table.moods or ("plain",) * len(table.rows)
    rows = []
    for row, mood in zip(table.rows, moods, strict=True):
        cells = [f"<td{right.get(n, '')}>{_cell(one)}</td>" for n, one in enumerate(row)]
        if mood != "plain":
            cells[0] = cells[0].replace(">", f">{_sign(mood)}", 1)
        rows.append(f'<tr class="{mood}">{"".join(cells)}</tr>')
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _sign(mood: str) -> str:
    return f'<span class="sign" aria-label="{_WORDS[mood]}">{_SIGNS[mood]}</span>&nbsp;' if mood in _SIGNS else ""


def _cell(text: str) -> str:
    """Long words with places where a line may end: a digest must not push the other columns off the paper."""
    parted = _LONG_WORD.sub(
        lambda found: _BREAK.join(wrap(found[0], BREAK_EVERY, break_on_hyphens=False)), one_line(text)
    )
    return _inline(parted).replace(_BREAK, "<wbr>")


def _text(text: str) -> str:
    return _inline(one_line(text))


def _inline(plain: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(plain))


@cache
def _reader() -> MarkdownIt:
    """Markdown of people: no HTML of theirs, no pictures from elsewhere."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])


@cache
def _style() -> str:
    return (files("lifeboat.evidence.paper") / "page.css").read_text(encoding="utf-8").strip()
