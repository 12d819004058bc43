"""Whatever is done to the lines of an audit log is found, and the entry is named; nothing is found where nothing was done."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_kit import (
    HARMS,
    changed_with_hash,
    codes,
    content,
    examined,
    fill,
    lines_of,
    named,
    put,
    rewritten_from,
    state_in,
)

from lifeboat.crypto.signed import canonical_json
from lifeboat.evidence.entry import hash_of, parse_entry
from lifeboat.evidence.log import AuditLog
from lifeboat.repository.writers import WriterSecret

SECRET = WriterSecret(b"w" * 16, bytes(range(96)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    folder = tmp_path_factory.mktemp("log")
    return folder, fill(state_in(folder), 12, SECRET)


def test_nothing_is_found_in_a_log_that_nobody_touched(whole: tuple[Path, list[bytes]]) -> None:
    folder, lines = whole
    put(state_in(folder), lines)
    assert examined(state_in(folder), SECRET) == [] and examined(state_in(folder)) == []


@pytest.mark.parametrize("harm", HARMS)
@given(seed=st.integers(0, 2**32))
def test_any_single_harm_is_found_and_named(whole: tuple[Path, list[bytes]], harm: str, seed: int) -> None:
    folder, lines = whole
    spoilt, about = HARMS[harm](lines, random.Random(seed))
    put(state_in(folder), spoilt)
    found = examined(state_in(folder), SECRET)
    assert named(found) & about, (harm, found)
    assert examined(state_in(folder)), "also without the secret something is found"


def test_without_a_secret_a_single_changed_entry_is_named_whatever_was_changed(whole: tuple[Path, list[bytes]]) -> None:
    folder, lines = whole
    for at in range(len(lines)):
        put(state_in(folder), [*lines[:at], lines[at].replace(b"anna", b"eve!"), *lines[at + 1 :]])
        assert {at + 1} == named(examined(state_in(folder)))


def test_who_makes_the_hash_anew_is_given_away_by_the_mac_and_by_the_next_entry(
    whole: tuple[Path, list[bytes]],
) -> None:
    folder, lines = whole
    put(state_in(folder), [*lines[:4], changed_with_hash(lines[4], act="status"), *lines[5:]])
    assert named(examined(state_in(folder), SECRET)) == {5}
    without = examined(state_in(folder))
    assert codes(without) == {"audit-chain-broken"} and named(without) == {6}, "entry 6 does not go on from 5"


def test_a_whole_rest_that_was_made_anew_needs_the_secret(whole: tuple[Path, list[bytes]]) -> None:
    folder, lines = whole
    put(state_in(folder), rewritten_from(lines, 4, act="status"))
    assert named(examined(state_in(folder), SECRET)) == set(range(5, 13))
    assert named(examined(state_in(folder))) == {12}, "this machine remembers another last entry"
    # Whoever changes that too is given away by the secret and by the anchors, and by nothing else.
    assert examined(state_in(folder), with_head=False) == []


def test_who_takes_all_macs_away_is_found_with_the_secret_of_the_machine(whole: tuple[Path, list[bytes]]) -> None:
    folder, lines = whole
    bare = [json.loads(line) for line in lines]
    for one in bare[6:]:
        del one["mac"]
        one["hash"] = hash_of(one)
    put(state_in(folder), [canonical_json(one) for one in bare])
    assert named(examined(state_in(folder), SECRET)) >= {7}


def test_entries_from_before_the_machine_was_a_writer_need_no_mac(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    fill(state, 3, None)
    fill(state, 3, SECRET, begin=4)
    assert examined(state, SECRET) == []


def test_a_new_writer_goes_on_in_the_same_log(tmp_path: Path) -> None:
    state, other = state_in(tmp_path), WriterSecret(b"x" * 16, bytes(96))
    fill(state, 3, SECRET)
    fill(state, 3, other, begin=4)
    assert examined(state, SECRET, other) == []


def test_a_line_of_another_log_is_named(tmp_path: Path) -> None:
    mine, other = state_in(tmp_path / "mine"), state_in(tmp_path / "other")
    lines, strange = fill(mine, 5, SECRET), fill(other, 5, SECRET)
    put(mine, [*lines[:2], strange[2], *lines[3:]])
    found = examined(mine, SECRET)
    assert codes(found) >= {"audit-entry-inserted", "audit-entry-removed"} and named(found) == {3}


def test_the_log_goes_on_behind_a_last_line_that_was_spoilt_and_that_line_is_named(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    lines = fill(state, 5, SECRET)
    put(state, [*lines[:4], b"nothing to see here"])
    AuditLog(state).append(content(6), SECRET)
    found = examined(state, SECRET)
    assert named(found) == {5} and len(lines_of(state)) == 6
    assert parse_entry(lines_of(state)[-1]).seq == 6


def test_a_log_that_is_gone_is_missed(tmp_path: Path) -> None:
    state = state_in(tmp_path)
    fill(state, 5, SECRET)
    AuditLog(state).path.unlink()
    assert codes(examined(state)) == {"audit-log-gone"}
