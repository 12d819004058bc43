"""The plan's commands are held against the command line by what also does so for the documents."""

import sys
from pathlib import Path

for folder in ("docs", "web"):
    sys.path.append(str(Path(__file__).parents[1] / folder))
