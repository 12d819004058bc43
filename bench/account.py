"""Start one command and write what it took: ``account.py REPORT COMMAND ...``; ends with the command's own status.

Imports next to nothing: until it executes, a child counts its parent's memory as its own, and keeps that as its peak.
"""

import os
import sys
import time

started = time.monotonic()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, waited, usage = os.wait4(child, 0)
seconds = time.monotonic() - started
with open(sys.argv[1], "w") as report:
    report.write(f"{seconds} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
sys.exit(max(0, os.waitstatus_to_exitcode(waited)) or (waited != 0) * 99)
