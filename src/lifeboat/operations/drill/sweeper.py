"""A small process that drops a drill's databases on a given server when the drill has died without doing so.

Limits: it dies with the machine; what is left then is found by the next drill, which refuses a server that is not empty and names what
lies there. The address goes to it by a pipe, never as an argument.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence

from lifeboat.foundation.secret import Secret
from lifeboat.sources.mongodb.connect import connect
from lifeboat.sources.mongodb.meaning import in_our_words

_SWEEP = """
import json, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
said = json.loads(sys.stdin.readline())
print(flush=True)
if sys.stdin.readline().strip() != "done":  # returns when whoever restores says so, or dies
    from lifeboat.foundation.secret import Secret
    from lifeboat.operations.drill.sweeper import drop_databases
    drop_databases(Secret(said["uri"]), said["databases"])
"""


class Sweeper:
    """Waits from now on until ``end`` is called or we die."""

    def __init__(self, uri: Secret, databases: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SWEEP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is for us, not for it
            text=True,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"uri": uri.reveal(), "databases": list(databases)}) + "\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def end(self) -> None:
        """There is nothing to drop any more."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write("done\n")
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def drop_databases(uri: Secret, databases: Sequence[str]) -> list[str]:
    """Drop these, also in the moment in which a restore that was killed may still write; returns which are there afterwards."""
    with connect(uri, wait_seconds=30) as client, in_our_words("dropping the drill's databases"):
        for _ in range(3):
            for name in databases:
                client.drop_database(name)
            left = [name for name in client.list_database_names() if name in databases]
            if not left:
                break
        return left
