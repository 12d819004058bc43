"""What comes with Lifeboat is few, pinned, as it was published, and known; the wheel is the same bytes wherever it is built."""

import ast
import base64
import hashlib
import json
import os
import re
import sys
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path

import pytest
import supply_check as check

ROOT = Path(__file__).parents[2]
NOT_IMPORTED = {"dnspython"}
"""Needed by a driver for what people may type (``mongodb+srv``)."""
HAS_TOOLS = (check.TOOLS / "pip-audit").exists()
needs_tools = pytest.mark.skipif(
    not HAS_TOOLS and os.environ.get("CI") != "true", reason="`make audit` makes its tools"
)


def declared() -> set[str]:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    every = [*said["dependencies"], *said["optional-dependencies"]["srv"]]
    return {check.normal(re.match(r"[A-Za-z0-9._-]+", one)[0]) for one in every}  # type: ignore[index]


def imported(folder: Path) -> set[str]:
    """First words of everything that is imported anywhere in it, within functions too."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {one.name.split(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


def test_everything_that_is_installed_is_pinned_by_hash_and_has_the_version_of_the_lock_file() -> None:
    pinned, needed = check.locked(), check.needed()
    assert len(needed) > 20
    for name in needed:
        assert name in pinned, f"{name} is needed and not pinned"
        assert f"=={metadata.version(name)}" in pinned[name].splitlines()[0], name
    for path in ROOT.glob("requirements*.lock"):
        for name, lines in check.locked(path).items():
            assert "--hash=sha256:" in lines, f"{path.name}: {name} has no hash"
        assert not re.search(r"https?://|--index-url|--extra-index", path.read_text()), path.name


def test_only_what_is_declared_is_imported_and_all_that_is_declared_is_said_why() -> None:
    theirs = imported(ROOT / "src") - set(sys.stdlib_module_names) - {"lifeboat", "types_boto3_s3"}
    modules = {normal: set(names) for normal, names in _modules().items()}
    by_module = {module: name for name in declared() for module in modules.get(name, {name.replace("-", "_")})}
    extra = {one for one in theirs if one not in by_module}
    assert extra <= {"botocore"}, f"imported, and comes along by chance: {sorted(extra)}"
    used = {by_module[one] for one in theirs if one in by_module}
    assert declared() - used <= NOT_IMPORTED, f"declared and never imported: {sorted(declared() - used)}"
    told = set(re.findall(r"^\| `([a-z0-9-]+)` \|", (ROOT / "docs/dependencies.md").read_text(), re.M))
    assert told == declared(), "docs/dependencies.md says why each is there"


def _modules() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            found.setdefault(check.normal(name), []).append(module)
    return found


def test_what_is_installed_is_byte_for_byte_what_was_published() -> None:
    compared = 0
    for name in check.needed():
        differing, looked = altered(metadata.distribution(name))
        assert differing == [], f"{name} was changed after it was installed"
        compared += looked
    assert compared > 1000


def altered(distribution: metadata.Distribution) -> tuple[list[str], int]:
    """Files whose bytes are not those that the distribution's own list states, and how many were compared."""
    found, looked = [], 0
    for file in distribution.files or []:
        if file.hash is None or file.hash.mode != "sha256" or str(file).startswith(".."):
            continue  # scripts are made anew for each environment
        looked += 1
        digest = hashlib.sha256(Path(str(file.locate())).read_bytes()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            found.append(str(file))
    return found, looked


def test_the_comparison_notices_a_changed_file(tmp_path: Path) -> None:
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    (tmp_path / "thing.py").write_bytes(b"good")
    good = base64.urlsafe_b64encode(hashlib.sha256(b"good").digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"thing.py,sha256={good},4\nthing-1.0.dist-info/METADATA,,\n")
    assert altered(metadata.Distribution.at(info)) == ([], 1)
    (tmp_path / "thing.py").write_bytes(b"evil")
    assert altered(metadata.Distribution.at(info)) == (["thing.py"], 1)


def test_the_wheel_is_the_same_bytes_wherever_and_whenever_it_is_built(tmp_path: Path) -> None:
    first = check.wheel(tmp_path / "one")
    # Elsewhere: another folder, another umask, other times of the files.
    copy = tmp_path / "a copy with another name"
    for name in check._tracked():
        to = copy / name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((ROOT / name).read_bytes())
        os.utime(to, (1_000_000_000, 1_000_000_000))
    before = os.umask(0o077)
    try:
        second = check.wheel(tmp_path / "two", copy)
    finally:
        os.umask(before)
    assert hashlib.sha256(first.read_bytes()).hexdigest() == hashlib.sha256(second.read_bytes()).hexdigest()
    names = {one for one in zipfile.ZipFile(first).namelist() if ".dist-info/" not in one}
    package = {one.removeprefix("src/") for one in check._tracked() if one.startswith("src/lifeboat/")}
    assert names == package, "exactly the package: nothing is missing, no test, cache or setting has slipped in"


@needs_tools
def test_the_list_of_what_it_is_made_of_has_every_part_with_its_hash(tmp_path: Path) -> None:
    check.sbom(tmp_path / "a.json")
    check.sbom(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    made = json.loads((tmp_path / "a.json").read_text())
    parts = {check.normal(one["name"]): one for one in made["components"]}
    assert set(parts) == check.needed()
    assert {name: one["version"] for name, one in parts.items()} == {name: metadata.version(name) for name in parts}
    hashed = [one for one in parts.values() if any(ref.get("hashes") for ref in one.get("externalReferences", []))]
    assert len(hashed) == len(parts)


class _Holes(BaseHTTPRequestHandler):
    """A database of holes that knows one, in jinja2."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        hole = {"id": "PYSEC-2026-1", "details": "planted", "affected": [{"package": asked["package"], "ranges": []}]}
        hole["affected"][0]["package"]["ecosystem"] = "PyPI"  # type: ignore[index]
        body = json.dumps({"vulns": [hole]} if asked["package"]["name"] == "jinja2" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def database_of_holes() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Holes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


@needs_tools
def test_a_known_hole_fails_the_audit_and_silence_is_told_from_safety(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = check.locked()
    lock = tmp_path / "requirements.lock"
    with database_of_holes() as address:
        lock.write_text(pinned["jinja2"] + pinned["click"])
        assert check.audit(lock, address) == 1
        assert "jinja2" in capsys.readouterr().out
        lock.write_text(pinned["click"] + pinned["markupsafe"])
        assert check.audit(lock, address) == 0
        assert "no known hole in 2" in capsys.readouterr().out
    assert check.audit(lock, address) == 0
    assert "not audited" in capsys.readouterr().out
    monkeypatch.setenv("LIFEBOAT_AUDIT", "must")
    assert check.audit(lock, address) == 1
