"""``python -m lifeboat``: the same as the command ``lifeboat``."""

from lifeboat.cli.main import main

main()
