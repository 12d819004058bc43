"""What is said beside the result, for a log collector: one JSON object a line; and the closing line of a run (decision 0143).

Only where somebody asked for it (``LIFEBOAT_LOG``, ``[log] form``); JSON only where standard error is no terminal.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

JSON, CONSOLE = "json", "console"
FORMS = (JSON, CONSOLE)
_LEVELS = {"error": "error", "warning": "warning", "hint": "info", "stopped": "warning"}
_RESULTS = {0: "done", 3: "findings", 4: "incomplete", 130: "stopped"}


def said_as_json(message: str, now: datetime) -> str:
    """A line for what was said to people."""
    label, separator, rest = message.partition(": ")
    level = _LEVELS.get(label) if separator else None
    return _line(now, level or "info", rest if level else message, {} if level != "info" else {"kind": label})


def closing_facts(
    job: str, began: datetime, now: datetime, status: int, error: str | None, report: object
) -> dict[str, Any]:
    """What every run has at its end; what is not known is left out."""
    rows = getattr(report, "snapshots", None)
    rows = [one for one in rows if hasattr(one, "snapshot")] if isinstance(rows, list | tuple) else []
    facts: dict[str, Any] = {
        "job": job,
        "result": _RESULTS.get(status, "failed"),
        "status": status,
        "error": error,
        "seconds": round((now - began).total_seconds(), 3),
    }
    if rows:
        facts["snapshots"] = [one.snapshot for one in rows]
        for name in ("bytes", "new_bytes", "stored_bytes"):
            sizes = [getattr(one, name) for one in rows if hasattr(one, name)]
            if sizes:
                facts[name] = sum(sizes)
    return facts


def closing_line(form: str, facts: Mapping[str, Any], now: datetime) -> str:
    """The last line of a run."""
    if form == JSON:
        return _line(now, "info" if facts["status"] == 0 else "error", "run ended", facts)
    words = " ".join(f"{name}={_shown(value)}" for name, value in facts.items() if value is not None)
    return f"run ended: {words}"


def _line(now: datetime, level: str, event: str, facts: Mapping[str, Any]) -> str:
    return json.dumps({"time": now.isoformat(timespec="milliseconds"), "level": level, "event": event, **facts})


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
