"""Write ``docs/errors.md`` out of the code: every permanent code, its exit status, its meaning, what to do.

``python -m lifeboat.cli.errors_page > docs/errors.md``; a test keeps the page true. The hints are read from the lines
that raise, so the page says what the program says.

Limits: a hint that is put together elsewhere (a table of foreign errors) is not seen; the family's advice stands then.
"""

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

import lifeboat
from lifeboat.cli.exit_status import FAMILIES, MEANINGS, ExitStatus, status_of
from lifeboat.foundation.errors import LifeboatError

HINTS_AT_MOST = 3
WORDS_AT_LEAST = 2
GENERAL_ADVICE = {
    ExitStatus.SETTINGS: "look at the file, line or variable that the message names",
    ExitStatus.KEY: "find the key that this repository was made with; `lifeboat keygen --recipient` tells keys apart",
    ExitStatus.STORAGE: "`lifeboat doctor` tries the store; a run that was cut off is simply run again",
    ExitStatus.SOURCE: "`lifeboat doctor` tries the database and the rights",
    ExitStatus.DAMAGED: "`lifeboat verify --level full` names all that is hurt; other snapshots still restore",
    ExitStatus.TARGET: "`--dry-run` shows what would be done; nothing live was changed",
}
HEAD = """\
# Errors and exit statuses

Generated from the code by `python -m lifeboat.cli.errors_page`; do not edit.

Every explained failure prints one sentence with its code, and a hint; anything else is a bug of Lifeboat and prints a
traceback with all secrets taken out. Codes and numbers are permanent.

With `--json` standard output carries one object: the result, or

```json
{"error": {"code": "key-missing", "message": "...", "hint": "...", "exit_status": 11}}
```

A check that found something (status 3) and a backup that lacks something (status 4) give their usual report.

## Exit statuses

| status | meaning |
|---|---|
"""


def make_page() -> str:
    """The whole page; the same code always gives the same text."""
    modules = sorted(_all_modules(), key=lambda one: one.__name__)
    hints = _hints_where_raised(modules)
    kinds: dict[str, type[LifeboatError]] = {}
    for kind in sorted(_kinds_below(LifeboatError), key=lambda one: (one.code, len(one.__mro__), one.__module__)):
        if kind.__module__.startswith("lifeboat."):
            kinds.setdefault(kind.code, kind)
    page = HEAD + "".join(f"| {int(status)} | {meaning} |\n" for status, meaning in MEANINGS.items())
    page += (
        "\nOn the command line itself (status 2): `usage`, `cannot-ask`. Status 130: `interrupted`. Status 1: `bug`.\n"
    )
    for _, status in FAMILIES:
        page += f"\n## Status {int(status)}: {MEANINGS[status]}\n\n"
        page += f"In general: {GENERAL_ADVICE[status]}.\n\n| code | meaning | what to do |\n|---|---|---|\n"
        for code, kind in kinds.items():
            if status_of(kind) is status:
                page += f"| `{code}` | {_meaning(kind)} | {_advice(kind, hints)} |\n"
    return page


def _all_modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(lifeboat.__path__, "lifeboat."):
        # The rescue script stands alone and is no part of the running package.
        if not found.name.endswith("__main__") and not found.name.startswith("lifeboat.rescue."):
            yield importlib.import_module(found.name)


def _kinds_below(kind: type[LifeboatError]) -> Iterator[type[LifeboatError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds_below(below)


def _meaning(kind: type[LifeboatError]) -> str:
    sentence = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
    return _cell(sentence).replace("``", "`") + (" (tried again by itself)" if kind.worth_retrying else "")


def _advice(kind: type[LifeboatError], hints: dict[str, list[str]]) -> str:
    return "<br>".join(_cell(hint) for hint in hints[kind.__name__][:HINTS_AT_MOST])


def _cell(words: str) -> str:
    return re.sub(r"\s+", " ", words).replace("|", "\\|").strip()


def _hints_where_raised(modules: list[ModuleType]) -> dict[str, list[str]]:
    """Class name to the hints its raisers give, in the order of the source."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        try:
            tree = ast.parse(inspect.getsource(module))
        except OSError:  # An empty file has no source.
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (hint := _hint_of(node)):
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if hint not in found[name]:
                    found[name].append(hint)
    return found


def _hint_of(call: ast.Call) -> str:
    given = [one.value for one in call.keywords if one.arg == "hint"] + call.args[1:2]
    words = _words(given[0]) if given else ""
    # A hint that is mostly put together from values says nothing here.
    return words if len(re.findall(r"[a-z]{2,}", words.lower())) >= WORDS_AT_LEAST else ""


def _words(node: ast.expr) -> str:
    """The text of a literal, with an ellipsis where a value is put in; empty if it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(one) or "…" for one in node.values)
    return ""


if __name__ == "__main__":
    sys.stdout.write(make_page())
