"""A drill's report as files."""

import json
from pathlib import Path

from lifeboat.foundation.errors import TargetRefused
from lifeboat.foundation.replace_file import replace_file
from lifeboat.operations.drill.content import to_content
from lifeboat.operations.drill.report import DrillReport


def write_report(report: DrillReport, folder: Path) -> list[Path]:
    """Write ``drill-ID.json`` and ``drill-ID.html`` into a folder, which is made; returns the paths."""
    from lifeboat.evidence.paper.page import to_html
    from lifeboat.operations.drill.paper import paper_of

    contents = {
        f"drill-{report.drill}.json": json.dumps(to_content(report), indent=1, ensure_ascii=False) + "\n",
        f"drill-{report.drill}.html": to_html(paper_of(report)),
    }
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_file(folder / name, content.encode())
            written.append(folder / name)
    except OSError as error:
        raise TargetRefused(
            f"the report cannot be written to {folder}: {(error.strerror or str(error)).lower()}",
            "name another folder with --out",
        ) from error
    return written
