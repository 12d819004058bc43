"""The table of examples is the manual: what each pattern takes out, and what it leaves."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.errors import PatternInvalid
from lifeboat.sources.files.patterns import Patterns
from lifeboat.sources.files.walk import walk

EXAMPLES = [
    ("*.tmp", ["x.tmp", "a/b/x.tmp", ".tmp", "dir.tmp/"], ["x.tmp2", "xtmp"]),
    ("cache/", ["cache/", "a/cache/"], ["cache", "my-cache/", "cache2/"]),
    ("/only-at-root", ["only-at-root", "only-at-root/"], ["a/only-at-root"]),
    ("logs/*.gz", ["logs/1.gz"], ["a/logs/1.gz", "logs/a/1.gz"]),
    ("**/node_modules/", ["node_modules/", "a/node_modules/", "a/b/node_modules/"], ["node_modules"]),
    ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "x/a/b"]),
    ("uploads/**", ["uploads/x", "uploads/x/y"], ["uploads/", "uploads2/x"]),
    ("file?.txt", ["file1.txt", "fileä.txt"], ["file.txt", "file12.txt", "file/.txt"]),
    ("[a-c]x", ["ax", "d/bx"], ["dx", "Ax"]),
    ("[!a-c]x", ["dx"], ["ax", "x"]),
    ("[]-]", ["]", "-"], ["["]),
    (r"\*", ["*"], ["x"]),
    (r"\!important", ["!important"], ["important"]),
    (r"\#note", ["#note"], ["note"]),
    ("a.b+c(d)", ["a.b+c(d)"], ["aXb+c(d)", "a.bbc(d)"]),
    ("with space ", ["with space "], ["with space"]),
    ("*a*a*a*a*a*a*b", ["aaaaaaaab"], ["a" * 200]),
    ("", [], ["x"]),
    ("# a remark", [], ["# a remark", "x"]),
]


@pytest.mark.parametrize(("pattern", "taken_out", "left"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_an_exclude_takes_out_what_the_table_says(pattern: str, taken_out: list[str], left: list[str]) -> None:
    patterns = Patterns(exclude=[pattern])
    for name in taken_out:
        assert patterns.excludes(name.rstrip("/").encode(), name.endswith("/")), name
    for name in left:
        assert not patterns.excludes(name.rstrip("/").encode(), name.endswith("/")), name


def test_the_last_pattern_that_matches_counts() -> None:
    patterns = Patterns(exclude=["*.log", "!keep.log", "/top/keep.log"])
    assert patterns.excludes(b"a.log", False)
    assert not patterns.excludes(b"x/keep.log", False)
    assert patterns.excludes(b"top/keep.log", False)


def test_a_name_that_is_not_utf_8_can_be_matched() -> None:
    assert Patterns(exclude=["*.tmp"]).excludes(b"\xff\xfe.tmp", False)
    assert Patterns(exclude=["?.x"]).excludes(b"\xff.x", False)
    assert Patterns(exclude=["a*"]).excludes(b"a\nb", False)


@pytest.mark.parametrize("bad", ["[abc", "/", "!", "a//b", "../x", "./x", "a\\", "[z-a]", "a\0b", "!/"])
def test_a_pattern_that_cannot_match_is_refused_with_a_hint(bad: str) -> None:
    with pytest.raises(PatternInvalid) as caught:
        Patterns(exclude=[bad])
    assert repr(bad) in caught.value.message
    assert caught.value.hint
    assert caught.value.code == "pattern-invalid"


def names(*paths: str) -> list[Entry]:
    return [
        Entry(path.rstrip("/").encode(), "directory" if path.endswith("/") or not path else "file", 0o644, 0, 0, 0)
        for path in paths
    ]


def test_with_includes_only_they_and_the_way_to_them_are_taken() -> None:
    tree = names("", "a/", "a/x.jpg", "a/y.txt", "b/", "b/deep/", "b/deep/z.txt", "c/", "c/img/", "c/img/any", "d.jpg")
    chosen = Patterns(include=["*.jpg", "img/"]).select(tree, lambda entry: entry)
    assert [entry.path.decode() for entry in chosen] == ["", "a", "a/x.jpg", "c", "c/img", "c/img/any", "d.jpg"]


def test_selecting_from_a_manifest_leaves_out_what_is_below_an_excluded_directory() -> None:
    tree = names("", "a/", "a/cache/", "a/cache/x", "a/cache-not", "b/", "b/x")
    chosen = Patterns(exclude=["cache/"]).select(tree, lambda entry: entry)
    assert [entry.path.decode() for entry in chosen] == ["", "a", "a/cache-not", "b", "b/x"]
    both = Patterns(exclude=["cache/"], include=["/a/"]).select(tree, lambda entry: entry)
    assert [entry.path.decode() for entry in both] == ["", "a", "a/cache-not"]


GLOBS = st.lists(st.sampled_from(["a", "b", "*", "?", "**/", "/", "[ab]", "[!a]", ".x"]), min_size=1, max_size=5)
PATHS = ["a", "b", "ab", "a.x", "b/a", "b/ab", "b/b/a.x", "a/b/ab", "a/a/a/b"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), GLOBS), min_size=1, max_size=3))
def test_git_takes_out_the_same_names(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[tuple[bool, list[str]]]
) -> None:
    lines = [("!" if back else "") + "".join(parts) for back, parts in wanted]
    # After anything but a slash, two stars are one; git before 2.41 took that, now and then, from how its memory lay.
    assume(not any(re.search(r"[^/!]\*\*|[^/]!\*\*", line) for line in lines))
    try:
        patterns = Patterns(exclude=lines)
    except PatternInvalid:
        return
    repository = tmp_path_factory.getbasetemp() / "git"
    if not repository.exists():
        subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / ".git" / "info" / "exclude").write_text("\n".join(lines) + "\n")
    asked = "\0".join(PATHS)
    answer = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository,
        input=asked,
        capture_output=True,
        text=True,
    )
    by_git = set(filter(None, answer.stdout.split("\0")))
    by_us = {path for path in PATHS if _excluded_with_parents(patterns, path)}
    assert by_us == by_git, lines


def _excluded_with_parents(patterns: Patterns, path: str) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    return any(patterns.excludes(way.encode(), True) for way in above) or patterns.excludes(path.encode(), False)


def test_a_walk_never_opens_an_excluded_directory(tmp_path: Path) -> None:
    (tmp_path / "node_modules" / "x").mkdir(parents=True)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.tmp").touch()
    (tmp_path / "src" / "a.py").touch()
    found = [entry.path for entry in walk(tmp_path, Patterns(["node_modules/", "*.tmp"]), on_trouble=pytest.fail)]
    assert found == [b"", b"src", b"src/a.py"]
