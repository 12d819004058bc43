"""Kits of the repository's and the operations' own tests."""

import sys
from pathlib import Path

for folder in ("operations", "repository", "storage", "mongodb"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
