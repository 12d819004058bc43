"""What Lifeboat is made of: known holes in it (``audit``), a list of it (``sbom``), a wheel that comes out the same every time (``wheel``).

Looks at the lock file, so at what everybody installs. Its own tools live in an environment apart (``.venv/audit``): they are no part of it.

Limits: a database of holes is asked over the network; where none answers, that is said, and is no failure unless LIFEBOAT_AUDIT=must.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
TOOLS = ROOT / ".venv" / "audit" / "bin"
SECONDS = 120


def locked(lock: Path = LOCK) -> dict[str, str]:
    """Each pinned distribution, by its normalised name, with all lines that belong to it."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.read_text().splitlines():
        if pinned := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", line):
            name = normal(pinned[1])
            found[name] = ""
        if name and not line.startswith("#"):
            found[name] += line + "\n"
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(root: str = "lifeboat", extras: frozenset[str] = frozenset({"srv"})) -> set[str]:
    """Names of all distributions that running needs, as the installed ones say it themselves."""
    found: set[str] = set()
    waiting = [(root, extras)]
    while waiting:
        name, wanted = waiting.pop()
        try:
            requires = metadata.distribution(name).requires or []
        except metadata.PackageNotFoundError:
            continue
        for one in requires:
            text, _, condition = one.partition(";")
            parts = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", text)
            if parts is None or not _holds(condition, wanted):
                continue
            more = frozenset(each.strip() for each in (parts[2] or "").split(",") if each.strip())
            if normal(parts[1]) not in found:
                found.add(normal(parts[1]))
                waiting.append((parts[1], more))
    return {one for one in found if _is_installed(one)}


def _holds(condition: str, extras: frozenset[str]) -> bool:
    """Whether a requirement's condition holds here; what it says about extras alone is looked at, the rest is seen by what is installed."""
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", condition)
    return extra is None or extra[1] in extras


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def runtime_lock(to: Path) -> Path:
    """The lock file without what only tests and builds need."""
    pinned = locked()
    to.write_text("".join(pinned[one] for one in sorted(needed()) if one in pinned))
    return to


def audit(lock: Path, osv: str | None = None) -> int:
    """Look for known holes in everything that is pinned; returns the exit status."""
    services = [["-s", "osv", "--osv-url", osv]] if osv else [["-s", "osv"], ["-s", "pypi"]]
    total = len(locked(lock))
    for service in services:
        answer = _asked(lock, service)
        if answer is None:
            continue
        looked = [one for one in answer if "skip_reason" not in one]
        holes = [one for one in looked if one.get("vulns")]
        for one in holes:
            for hole in one["vulns"]:
                fixed = ", ".join(hole.get("fix_versions") or []) or "no version yet"
                print(f"{one['name']} {one['version']}: {hole['id']} ({fixed} mends it)")
        if holes:
            return 1
        if len(looked) == total:
            print(f"audited: no known hole in {total} distributions")
            return 0
    print(f"not audited: no database of known holes answers from here ({total} distributions are pinned)")
    return 1 if os.environ.get("LIFEBOAT_AUDIT") == "must" else 0


def _asked(lock: Path, service: list[str]) -> list[dict[str, object]] | None:
    """What one database says of each distribution; None: it does not answer."""
    typed = [TOOLS / "pip-audit", "-r", lock, "--disable-pip", "--no-deps", "-f", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            [*map(str, typed), *service, "--timeout", "10"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        found = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError):
        return None
    return list(found)


def sbom(out: Path) -> int:
    """Write what running needs as CycloneDX, the same bytes for the same lock file."""
    with tempfile.TemporaryDirectory() as folder:
        lock = runtime_lock(Path(folder) / "requirements.lock")
        out.parent.mkdir(parents=True, exist_ok=True)
        typed = [TOOLS / "cyclonedx-py", "requirements", lock, "--pyproject", ROOT / "pyproject.toml"]
        subprocess.run([*map(str, typed), "--output-reproducible", "-o", str(out)], check=True, timeout=SECONDS)
    print(f"{out}: {len(json.loads(out.read_text())['components'])} components")
    return 0


def wheel(out: Path, source: Path = ROOT) -> Path:
    """Build a wheel from the files that are in version control, with the time of the last commit; the same bytes every time."""
    epoch = _output("git", "log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "lifeboat"
        for name in _tracked():
            to = copy / name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, to)
            to.chmod(0o644)
        typed = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
        subprocess.run(
            [*typed, "--no-build-isolation", "--wheel-dir", folder, str(copy)],
            env={**os.environ, "SOURCE_DATE_EPOCH": epoch, "PYTHONHASHSEED": "0"},
            umask=0o022,
            check=True,
            timeout=SECONDS,
        )
        built = next(Path(folder).glob("*.whl"))
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(built, out / built.name))


def _tracked() -> Iterator[str]:
    """What the wheel is made of: the package, and the files that say how."""
    for name in _output("git", "ls-files", "-z", "src", "pyproject.toml", "README.md").split("\0"):
        if name:
            yield name


def _output(*typed: str) -> str:
    return subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["audit", "sbom", "wheel"])
    what = parser.parse_args().what
    if what == "audit":
        return audit(LOCK)
    if what == "sbom":
        return sbom(ROOT / "dist" / "lifeboat.cdx.json")
    print(wheel(ROOT / "dist"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
