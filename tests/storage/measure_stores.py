"""How fast stores take and give packs, and in how much memory.

``python tests/storage/measure_stores.py local DIRECTORY | s3 [THREADS]``: writes and reads 32 packs of 32 MiB, each as
32 buffers; S3 is versitygw on loopback. Prints MiB/s and the peak memory of this process.
"""

import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "servers"))

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.secret import Secret

PACKS = 32
MIB = 1024 * 1024


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(label, store, threads):
    buffers = [os.urandom(MIB) for _ in range(32)]
    before = peak_mib()
    names = [f"pack/{number:03d}" for number in range(PACKS)]
    for verb, act in (("write", lambda name: store.write(name, buffers)), ("read", lambda name: len(store.read(name)))):
        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(act, names))
        rate = PACKS * 32 / (time.perf_counter() - begun)
        print(f"{label}, {threads} threads: {verb} {rate:.0f} MiB/s, peak {peak_mib():.0f} MiB ({before:.0f} before)")
    for name in names:
        store.delete(name)


def main(kind, *rest):
    if kind == "local":
        from lifeboat.storage.local import LocalStore

        with tempfile.TemporaryDirectory(dir=rest[0]) as folder:
            for threads in (1, 2):
                measure("local", LocalStore(Path(folder), SystemClock()), threads)
        return
    from versitygw import running_versitygw

    from lifeboat.storage.s3 import S3Settings, S3Store

    with running_versitygw() as server:
        server.make_bucket("speed")
        keys = Secret(server.access_key_id), Secret(server.secret_access_key)
        settings = S3Settings("speed", "", server.region, server.endpoint_url, *keys)
        measure("s3", S3Store(settings, SystemClock()), int(rest[0]) if rest else 2)


main(*sys.argv[1:])
