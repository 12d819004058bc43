"""Prose broken between words, for a terminal, which would break it inside of them.

Invariant: only spaces become line ends. A key, a path or a command without spaces stays in one piece, so that it can be copied.
"""

import textwrap


def fold(message: str, columns: int) -> str:
    """Break each line that is wider, and begin what follows under its first word."""
    return "\n".join(_fold_line(line, columns) for line in message.split("\n"))


def _fold_line(line: str, columns: int) -> str:
    if len(line) <= columns:
        return line
    indent = " " * (len(line) - len(line.lstrip(" ")))
    # A space at the end is where an answer is typed.
    end = line[len(line.rstrip(" ")) :]
    broken = textwrap.wrap(
        line.strip(" "),
        columns,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(broken) + end
