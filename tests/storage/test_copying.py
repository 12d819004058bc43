"""A second object of one that is stored: by every kind of store, and through this machine where a store cannot."""

import hashlib
from datetime import timedelta

import pytest

from lifeboat.storage.copying import copy_within
from lifeboat.storage.errors import ObjectExists, ObjectMissing
from lifeboat.storage.faults import Passing, RepliesLostFor
from lifeboat.storage.local import LocalStore
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.retrying import RetryingStore

BYTES = bytes(range(256)) * 9_000
HASH = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(params=["memory", "folder", "retried", "server"])
def store(request, tmp_path, clock):
    if request.param == "server":
        return request.getfixturevalue("s3_store")
    if request.param == "folder":
        return LocalStore(tmp_path, clock)
    memory = MemoryStore(clock)
    return RetryingStore(memory, clock) if request.param == "retried" else memory


def test_a_copy_has_the_same_bytes_and_its_hash_is_told(store):
    store.write("a/one", BYTES)
    assert copy_within(store, "a/one", "b/c/two") == HASH
    assert store.read("b/c/two") == BYTES == store.read("a/one")
    assert [one.size_bytes for one in store.list_under("b/")] == [len(BYTES)]


def test_what_is_not_there_cannot_be_copied(store):
    with pytest.raises(ObjectMissing):
        copy_within(store, "a/one", "b/two")
    assert list(store.list_under("")) == []


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_a_copy_is_as_old_as_the_copying_and_replaces_nothing(kind, tmp_path, clock):
    store = LocalStore(tmp_path, clock) if kind == "folder" else MemoryStore(clock)
    store.write("a/one", BYTES)
    store.write("a/taken", b"another")
    began = clock.now()
    clock.sleep(timedelta(days=31).total_seconds())
    copy_within(store, "a/one", "b/two")
    assert {one.name: one.modified for one in store.list_under("")}["b/two"] == clock.now() > began
    with pytest.raises(ObjectExists):
        copy_within(store, "a/one", "a/taken")
    assert store.read("a/taken") == b"another"


def test_damage_to_one_is_none_to_the_other_in_a_folder(tmp_path, clock):
    store = LocalStore(tmp_path, clock)
    store.write("a/one", BYTES)
    copy_within(store, "a/one", "b/two")
    (tmp_path / "a/one").write_bytes(b"flipped")
    assert store.read("b/two") == BYTES


class CannotCopy:
    """A store with the calls of ``ObjectStore`` alone."""

    def __init__(self, inner):
        for name in ("write", "read", "list_under", "delete", "time_there", "describe"):
            setattr(self, name, getattr(inner, name))


def test_a_store_that_cannot_is_helped(clock):
    store = Passing(CannotCopy(MemoryStore(clock)))
    store.write("a/one", BYTES)
    assert copy_within(store, "a/one", "b/two") == HASH
    assert store.read("b/two") == BYTES


def test_a_lost_reply_leaves_the_copy_and_says_that_the_name_is_taken(clock):
    memory = MemoryStore(clock)
    memory.write("a/one", BYTES)
    with pytest.raises(ObjectExists):
        copy_within(RetryingStore(RepliesLostFor(memory, 1), clock), "a/one", "b/two")
    assert memory.read("b/two") == BYTES
