"""How much faster several processes verify where the network is what takes time: a store that gives each connection so many bytes a second.

As a script: ``python tests/end_to_end/measure_shards.py [MEGABYTES [MEGABYTES_A_SECOND]]``; prints a line for one process, and one for each
number of shards.

Limits: on one machine its processors are shared as well, and packs are few: the fullest shard has more than its part.
"""

import json
import socket
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

PIECE_BYTES = 64 * 1024


def slow_door(port: int, bytes_a_second: float) -> int:
    """A port that leads to the other one; what comes back over each connection is held to this rate."""
    door = socket.create_server(("127.0.0.1", 0))

    def carry(come: socket.socket, go: socket.socket, rate: float | None) -> None:
        due = time.monotonic()
        try:
            while piece := come.recv(PIECE_BYTES):
                if rate is not None:
                    due = max(due, time.monotonic()) + len(piece) / rate
                    time.sleep(max(0.0, due - time.monotonic()))
                go.sendall(piece)
        except OSError:
            pass
        finally:
            for one in (come, go):
                one.close()

    def serve() -> None:
        while True:
            here, _ = door.accept()
            there = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=carry, args=(here, there, None), daemon=True).start()
            threading.Thread(target=carry, args=(there, here, bytes_a_second), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return int(door.getsockname()[1])


def main(megabytes: int, rate: float) -> None:
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "servers")]
    from test_show_shards import a_host
    from versitygw import running_versitygw

    with running_versitygw() as s3, tempfile.TemporaryDirectory() as folder:
        machine = a_host(Path(folder) / "host", s3, "measured", megabytes)
        port = slow_door(int(s3.endpoint_url.rpartition(":")[2]), rate * 1_000_000)
        machine = replace(machine, variables={**machine.variables, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        began = time.monotonic()
        machine.json("verify", "--level", "full")
        alone = time.monotonic() - began
        print(f"{megabytes} MB, {rate:.0f} MB/s for each connection: one process {alone:.1f} s")
        for of in (2, 4, 8):
            began = time.monotonic()
            words = ("verify", "--level", "full", "--shard-run", f"of{of}", "--json")
            shards = [machine.start(*words, "--shard", f"{number}/{of}") for number in range(of)]
            outs = [shard.communicate()[0] for shard in shards]
            took = time.monotonic() - began
            checked = json.loads(outs[-1])["rotation"]["checked_packs"]
            print(f"{of} shards {took:.1f} s, {alone / took:.1f} times as fast; {checked} packs, all of them looked at")


if __name__ == "__main__":
    said = [float(one) for one in sys.argv[1:]]
    main(int(said[0]) if said else 800, said[1] if len(said) > 1 else 5)
