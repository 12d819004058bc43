"""The suite that judges stores, judged: it finds each misbehaviour and lets the obedient pass."""

import pytest
from misbehaving_stores import FOUND_BY, LooksBeforeItWrites, Obedient, OverwritesSilently

from lifeboat.foundation.clock import SystemClock
from lifeboat.foundation.finding import Level
from lifeboat.storage.conformance.suite import check_conformance, find_abilities
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.memory import MemoryStore
from lifeboat.storage.retrying import RetryingStore

CLOCK = SystemClock()
SCRATCH = "config/probe/"
NEEDS_THOROUGH = {"store-lists-thousands", "store-keeps-large", "store-creates-large-once"}


def findings_by_code(store, thorough):
    return {finding.code: finding for finding in check_conformance(store, SCRATCH, clock=CLOCK, thorough=thorough)}


@pytest.mark.parametrize("kind", FOUND_BY, ids=lambda kind: kind.__name__)
def test_each_misbehaviour_is_found_and_explained(kind):
    expected = FOUND_BY[kind]
    findings = findings_by_code(kind(), thorough=expected <= NEEDS_THOROUGH)
    for code in expected & set(findings):
        assert findings[code].level is not Level.OK
        assert findings[code].hint and findings[code].message[0].islower() and not findings[code].message.endswith(".")
    assert expected & set(findings)


def test_an_obedient_store_passes_every_probe_and_is_left_as_it_was():
    store = Obedient()
    store.write("config/description", b"mine")
    findings = check_conformance(store, SCRATCH, clock=CLOCK, thorough=True)
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert len(findings) == 14
    assert [row.name for row in store.list_under("")] == ["config/description"]


def test_abilities_are_found_by_trying_and_through_wrappers():
    assert find_abilities(RetryingStore(Obedient(), CLOCK), SCRATCH, clock=CLOCK).create_once
    assert find_abilities(RetryingStore(Obedient(), CLOCK), SCRATCH, clock=CLOCK).checks_hash
    assert not find_abilities(OverwritesSilently(), SCRATCH, clock=CLOCK).create_once
    assert not find_abilities(LooksBeforeItWrites(), SCRATCH, clock=CLOCK).create_once


def test_what_the_credentials_do_not_allow_is_reported_as_untried_and_not_as_broken():
    class MayOnlyWrite(MemoryStore):
        def read(self, name, span=None):
            raise StorageDenied("the right s3:GetObject is missing")

    findings = findings_by_code(MayOnlyWrite(CLOCK), thorough=False)
    assert findings["store-keeps-bytes"].level is Level.WARNING
    assert "could not be tried" in findings["store-keeps-bytes"].message


def test_scratch_objects_that_cannot_be_removed_are_mentioned():
    class MayNotDelete(MemoryStore):
        def delete(self, name):
            raise StorageDenied("the right s3:DeleteObject is missing")

    assert findings_by_code(MayNotDelete(CLOCK), thorough=False)["store-scratch-left"].level is Level.WARNING
