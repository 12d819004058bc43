"""What every process that a test starts gets of this machine's environment, and nothing else: where programs are, and whose sources run."""

import os

BARE = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
