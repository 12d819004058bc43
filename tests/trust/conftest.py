"""Kits of other folders that these tests build their scenes with."""

import sys
from pathlib import Path

sys.path += [
    str(Path(__file__).parents[1] / folder)
    for folder in (
        "repository",
        "operations",
        "rescue",
        "storage",
        "interruption",
        "end_to_end",
        "files",
        "mongodb",
        "golden",
        "web",
    )
]
sys.path.append(str(Path(__file__).parents[2] / "supply"))
