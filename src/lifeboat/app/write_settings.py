"""Add answers to ``lifeboat.toml`` without disturbing what somebody wrote there.

Invariant: lines are only added; the file is replaced in one step, and only if the result still reads well and says
what was meant.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from lifeboat.app.settings_file import SettingsFileInvalid, read_settings_file

Answers = Mapping[tuple[str, str], str | list[str] | int]
"""(table, name) to value: ``{("repository", "location"): "s3://bucket"}``. Never a secret."""

HEADING = """\
# Settings of Lifeboat. It holds no secret, only where one is: "env:NAME" or "file:/path".
"""


def add_to_settings_file(path: Path, answers: Answers) -> None:
    """Write the answers, creating the file if there is none.

    Raises:
        SettingsFileInvalid: The file cannot be written, or already says something about one of the names.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else HEADING
    lines = before.splitlines()
    for (table, name), value in answers.items():
        # JSON's texts and lists of texts are TOML's as well.
        setting = f"{name} = {json.dumps(value)}"
        heading = f"[{table}]"
        places = [at for at, line in enumerate(lines) if line.split("#")[0].strip() == heading]
        if places:
            lines.insert(places[0] + 1, setting)
        else:
            lines += ["", heading, setting]
    beside = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        read_settings_file(beside)
        beside.replace(path)
    except OSError as error:
        raise SettingsFileInvalid(
            f"{path} cannot be written: {(error.strerror or 'no reason given').lower()}", "is the folder yours?"
        ) from None
    finally:
        beside.unlink(missing_ok=True)
