"""The decision tree: "what happened?" as a picture and as lines. Pure."""

from collections.abc import Sequence
from html import escape
from textwrap import wrap

from lifeboat.evidence.plan.procedures.procedure import Procedure

_QUESTION_WIDTH, _ANSWER_LEFT, _ANSWER_WIDTH = 430, 500, 220
_LINE, _PADDING, _GAP = 17, 8, 20
_QUESTION_LETTERS, _ANSWER_LETTERS = 62, 25
_STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;fill:#1b2430}"
    ".b{fill:none;stroke:#1b2430}.a{fill:none;stroke:#1b2430;stroke-width:2}.w{stroke:#1b2430;fill:none}.s{font-size:12px}.l{font-weight:700}"
)


def in_words(procedures: Sequence[Procedure]) -> tuple[str, ...]:
    """One line for each question, in order."""
    return tuple(f"{one.question} Yes: procedure {one.letter}, {one.title}. No: go on." for one in procedures)


def picture(procedures: Sequence[Procedure]) -> str:
    """An SVG that needs nothing from outside and prints in black."""
    top, parts = 8, [f"<style>{_STYLE}</style>"]
    for number, one in enumerate(procedures):
        question = wrap(f"{number + 1}. {one.question}", _QUESTION_LETTERS)
        answer = wrap(one.title, _ANSWER_LETTERS)
        height = max(len(question), len(answer)) * _LINE + 2 * _PADDING
        middle = top + height / 2
        parts.append(_box("b", 8, top, _QUESTION_WIDTH, height))
        parts += _lines(question, 18, middle)
        parts.append(_arrow(8 + _QUESTION_WIDTH, middle, _ANSWER_LEFT, middle))
        parts.append(f'<text class="s" x="{8 + _QUESTION_WIDTH + 14}" y="{middle - 5:.0f}">yes</text>')
        parts.append(_box("a", _ANSWER_LEFT, top, _ANSWER_WIDTH, height))
        parts.append(f'<text class="l" x="{_ANSWER_LEFT + 12}" y="{middle + 5:.0f}">{escape(one.letter)}</text>')
        parts += _lines(answer, _ANSWER_LEFT + 36, middle)
        top += height + _GAP
        if number + 1 < len(procedures):
            parts.append(_arrow(60, top - _GAP, 60, top))
            parts.append(f'<text class="s" x="68" y="{top - 5}">no</text>')
    width = _ANSWER_LEFT + _ANSWER_WIDTH + 8
    bottom = top - _GAP + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" width="{width}" height="{bottom}">'
        + "".join(parts)
        + "</svg>"
    )


def _box(kind: str, left: float, top: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="4"/>'


def _lines(lines: Sequence[str], left: float, middle: float) -> list[str]:
    first = middle - (len(lines) - 1) * _LINE / 2 + 5
    return [f'<text x="{left}" y="{first + n * _LINE:.0f}">{escape(line)}</text>' for n, line in enumerate(lines)]


def _arrow(left: float, top: float, right: float, bottom: float) -> str:
    if top == bottom:
        head = f"M{right - 7} {top - 4}L{right} {top}L{right - 7} {top + 4}"
    else:
        head = f"M{left - 4} {bottom - 7}L{left} {bottom}L{left + 4} {bottom - 7}"
    return f'<path class="w" d="M{left} {top}L{right} {bottom}{head}"/>'
