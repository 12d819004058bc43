"""Tables and text for people, drawn into a string: colour on a terminal, none in a pipe.

Invariant: a name that somebody else chose (a file, a collection) is shown with its control characters spelled out, and
is never read as markup.
"""

import io
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

USUAL_COLUMNS = 80
FOLDED_AT_LEAST = 12
LINE_WITHOUT_END = 10_000

GOOD, DOUBTFUL, BAD, FAINT, STRONG = "green", "yellow", "bold red", "dim", "bold"


def render(drawn: Iterable[RenderableType], to_terminal: bool, width: int, environment: Mapping[str, str]) -> str:
    """Draw everything one below the other; an empty line begins with the empty text."""
    console = Console(
        file=io.StringIO(),
        force_terminal=to_terminal,
        width=width,
        no_color=bool(environment.get("NO_COLOR")),
        color_system="auto" if to_terminal else None,
        highlight=False,
        markup=False,
        emoji=False,
        _environ=environment,
    )
    for one in drawn:
        if isinstance(one, Text) and one.no_wrap:
            console.print(one, no_wrap=True, overflow="ignore", crop=False)
        else:
            console.print(one)
    written = console.file
    assert isinstance(written, io.StringIO)
    return "\n".join(line.rstrip() for line in written.getvalue().split("\n"))


def safe(text: str) -> str:
    """Spell out what would move the cursor or change the terminal."""
    return text if text.isprintable() else "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def text(words: str, style: str = "") -> Text:
    return Text(safe(words), style=style)


def line(*parts: str | tuple[str, str]) -> Text:
    """A line out of plain words and (words, style) pairs."""
    whole = Text()
    for part in parts:
        words, style = part if isinstance(part, tuple) else (part, "")
        whole.append(safe(words), style=style)
    return whole


def facts(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """Names on the left, what they are on the right."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style=FAINT, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value if isinstance(value, Text) else text(value))
    return table


class Grid:
    """A table that becomes a list of records where the terminal is too narrow for it: nothing is cut off.

    Args:
        right: Headings of columns that hold numbers.
        fold: Headings of columns that may take several lines.
    """

    def __init__(self, headings: Sequence[str], right: Sequence[str], fold: Sequence[str]) -> None:
        self._headings = headings
        self._right = right
        self._fold = fold
        self._rows: list[tuple[str | Text, ...]] = []

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._as_table()
        roomy = options.update(max_width=LINE_WITHOUT_END)
        if table.__rich_measure__(console, roomy).minimum <= options.max_width:
            yield table
            return
        for row in self._rows:
            first, *rest = row
            yield Text.assemble(first, style=STRONG)
            named = [pair for pair in zip(self._headings[1:], rest, strict=True) if str(pair[1])]
            yield indented(facts(named), 2)

    def _as_table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style=FAINT)
        for number, heading in enumerate(self._headings):
            folds = heading in self._fold
            widest = max(cell_len(str(cell)) for cell in (heading, *(row[number] for row in self._rows)))
            table.add_column(
                heading,
                justify="right" if heading in self._right else "left",
                no_wrap=not folds,
                overflow="fold" if folds else "ellipsis",
                # Without it, Rich takes a cell of several words to be as narrow as the longest of them, and cuts it.
                min_width=FOLDED_AT_LEAST if folds else widest,
            )
        for row in self._rows:
            table.add_row(*row)
        return table


def columns(*headings: str, right: Sequence[str] = (), fold: Sequence[str] = ()) -> Grid:
    """An empty table with these headings."""
    return Grid(headings, right, fold)


def indented(what: RenderableType, spaces: int) -> Padding:
    return Padding(what, (0, 0, 0, spaces), expand=False)


def unbroken(words: str, style: str = "") -> Text:
    """A path or a command in one piece, however narrow the terminal: it will be copied."""
    return Text(safe(words), style=style, no_wrap=True, overflow="ignore")


def next_steps(*steps: tuple[str, str]) -> list[RenderableType]:
    """What to type next, and why."""
    column = max(len(typed) for typed, _ in steps) + 2
    drawn: list[RenderableType] = ["", text("next", FAINT)]
    for typed, why in steps:
        if 2 + column + max(len(one) for _, one in steps) <= USUAL_COLUMNS:
            both = unbroken(f"  {typed.ljust(column)}", STRONG)
            drawn.append(both.append(safe(why), style=FAINT))
        else:
            drawn += [unbroken(f"  {typed}", STRONG), indented(text(why, FAINT), 6)]
    return drawn
