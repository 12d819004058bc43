"""Makes the golden repository of the present format, once: ``python tests/golden/make_golden.py v2`` when there is a version 2.

Never run for a version that is there: what lies there was written by the Lifeboat of its time, and has to be read for ever.
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from golden_kit import KEY, expected_of

HERE = Path(__file__).parent


def main(version: str) -> None:
    out = HERE / f"{version}.tar.gz"
    if out.exists():
        raise SystemExit(f"{out} is there, and is never made again")
    sys.path[:0] = [str(HERE.parent / one) for one in ("servers", "interruption", "trust", "rescue", "repository")]
    from kill_points import StoreAhead
    from mongod import private_server
    from office import Office
    from pymongo import MongoClient
    from rich_repository import make_rich

    import lifeboat.app.build as build

    with (
        tempfile.TemporaryDirectory() as folder,
        private_server(parameters={"periodicNoopIntervalSecs": "1"}) as server,
    ):
        with MongoClient[dict[str, Any]](server.uri) as client:
            office = Office(Path(folder), server.uri_for(None, None, "office"), client)
            real = build.open_store
            build.open_store = lambda *said, **named: StoreAhead(real(*said, **named), office.ahead)  # type: ignore[assignment]
            rich = make_rich(office, Path(folder), video_bytes=20_000)
            build.open_store = real
        repository = Path(folder) / "golden"
        for name, content in rich.objects.items():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            (repository / name).write_bytes(content)
        expected = expected_of(repository, Path(folder) / "work")
        expected |= {
            "key": KEY,
            "second_key": base64.b16encode(b"\xa7" * 32).decode().lower(),
            "segments": {name: hashlib.sha256(b"".join(blocks)).hexdigest() for name, blocks in rich.archived.items()},
            "erased": "case 7",
            "made": f"{datetime.now(UTC):%Y-%m-%d}",
        }
        (HERE / f"{version}.json").write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")
        with tarfile.open(out, "w:gz", compresslevel=9) as archive:
            for name in sorted(rich.objects):
                entry = tarfile.TarInfo(name)
                entry.size = len(rich.objects[name])
                archive.addfile(entry, io.BytesIO(rich.objects[name]))
    print(f"{out}: {out.stat().st_size:,} bytes, {len(rich.objects)} objects")


if __name__ == "__main__":
    main(sys.argv[1])
