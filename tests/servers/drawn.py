"""Seeds of what is drawn: new each time, so that every run tries something else; on CI the same ones, so that a red run is about the change."""

import os
import random

ON_CI = 8


def drawn_seed() -> int:
    """Printed, so that a failure can be made again."""
    seed = ON_CI if os.environ.get("CI") == "true" else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}")
    return seed
