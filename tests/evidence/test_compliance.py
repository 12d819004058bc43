"""What is not known, or does not hold, supports nothing; no article is without a gap; no bundle is changed unseen; it gives no verdict."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeboat.app.compliance_facts import ComplianceFacts
from lifeboat.app.complying import BundleUnreadable, Complying
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import FilesSettings, ReplicaSettings, RepositorySettings, S3Location, Settings
from lifeboat.crypto.identity import Identity
from lifeboat.evidence.compliance.articles import ARTICLES, needed_facts
from lifeboat.evidence.compliance.document import report_of
from lifeboat.evidence.compliance.facts import Declared, Fact
from lifeboat.evidence.compliance.matrix import hold
from lifeboat.evidence.paper.page import to_html
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.ledger import Kind, Ledger

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def fact(name: str, holds: bool | None) -> Fact:
    return Fact(name, f"{name} was looked at", NOW, "a test", holds)


EVERY = sorted(needed_facts())


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("holds", [False, None])
def test_a_fact_that_does_not_hold_is_a_gap_wherever_it_is_needed(name: str, holds: bool | None) -> None:
    rows = hold([fact(one, True) if one != name else fact(name, holds) for one in EVERY])
    concerned = [row for row in rows if any(need.fact == name for need in row.article.needs)]
    assert concerned
    for row in rows:
        assert (row in concerned) == bool(row.gaps)
        assert name not in [one.name for one in row.evidence]


def test_what_was_not_looked_at_at_all_is_a_gap() -> None:
    assert all(not row.evidence and len(row.gaps) == len(row.article.needs) for row in hold([]))


@given(st.dictionaries(st.sampled_from(EVERY), st.none() | st.booleans()))
def test_whatever_was_found_each_article_says_what_cannot_be_seen(found: dict[str, bool | None]) -> None:
    facts = [fact(name, holds) for name, holds in found.items()]
    rows = hold(facts)
    assert [row.article for row in rows] == list(ARTICLES)
    for row in rows:
        assert row.beyond and len(row.evidence) + len(row.gaps) == len(row.article.needs)
    page = to_html(
        report_of(rows, facts, Declared(), [("a", "b")], about="x", since=NOW - timedelta(90), until=NOW, made_by="y")
    )
    assert "compliant" not in page.lower()


def test_the_articles_of_the_mission_are_there_with_both_numberings() -> None:
    numbers = " ".join(one.number for one in ARTICLES)
    for wanted in ("PDPL 18", "PDPL 19", "PDPL 20", "PDPL 22", "PDPL 29", "PDPL 31", "GDPR 17", "GDPR 30", "GDPR 33"):
        assert wanted in numbers
    for wanted in ("32(1)(a)", "32(1)(d)", "8.13 (2013: A.12.3.1)", "8.14", "5.29 (2013: A.17.1.2)", "5.30"):
        assert wanted in numbers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "a.txt").write_text("a")
    made = Settings(
        state=tmp_path / "state",
        repository=RepositorySettings(location=tmp_path / "repository"),
        files=FilesSettings((tmp_path / "uploads",)),
        key=Identity.generate().to_text(),
        folder=tmp_path,
    )
    Lifeboat(made).initialise(guarded=False, new_key=None)
    Lifeboat(made).backup("files")
    return made


def repacked(file: Path, change: dict[str, bytes | None]) -> Path:
    """The same bundle with files changed, added (new names) or removed (None)."""
    with zipfile.ZipFile(file) as bundle:
        contents: dict[str, bytes | None] = {name: bundle.read(name) for name in bundle.namelist()}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as bundle:
        for name, content in {**contents, **change}.items():
            if content is not None:
                bundle.writestr(name, content)
    other = file.with_name("changed.zip")
    other.write_bytes(written.getvalue())
    return other


def test_a_bundle_that_was_changed_is_told(settings: Settings, tmp_path: Path) -> None:
    complying = Complying(settings, SystemClock())
    report = complying.write(tmp_path / "audit.zip", timedelta(days=90))
    file = Path(report.file)
    assert complying.check(file).findings == () and complying.check(file).signed_by == report.signed_by
    changes: dict[str, tuple[dict[str, bytes | None], str]] = {
        "changed": ({"report.html": b"all in order"}, "bundle-file-changed"),
        "added": ({"drills/00009-abc.json": b"{}"}, "bundle-file-added"),
        "removed": ({"evidence/rto-met.json": None}, "bundle-file-missing"),
        "unsigned": ({"SIGNATURE.json": None}, "bundle-not-signed"),
        "other sums": ({"SHA256SUMS": b"", "report.md": None}, "bundle-signature-wrong"),
    }
    for change, code in changes.values():
        assert code in [one.code for one in complying.check(repacked(file, change)).findings]
    thief = Identity.generate()
    signature = f'{{"fingerprint": "{thief.recipient.fingerprint.hex()}", "signature": ""}}'.encode()
    forged = complying.check(repacked(file, {"SIGNATURE.json": signature}))
    assert [one.code for one in forged.findings] == ["bundle-signer-unknown"]
    cut = tmp_path / "cut.zip"
    cut.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(BundleUnreadable):
        complying.check(cut)


def test_a_bundle_holds_no_key_and_no_verdict(settings: Settings, tmp_path: Path) -> None:
    report = Complying(settings, SystemClock()).write(tmp_path, timedelta(days=90))
    assert settings.key is not None
    with zipfile.ZipFile(report.file) as bundle:
        for name in bundle.namelist():
            content = bundle.read(name)
            assert settings.key.reveal().encode() not in content
            assert b"compliant" not in content.lower()
    gaps = {gap for one in report.articles for gap in one.gaps}
    assert any("no drill has passed" in one for one in gaps) and any("second copy" in one for one in gaps)


def test_without_a_key_it_is_made_all_the_same_and_says_that_it_is_not_signed(
    settings: Settings, tmp_path: Path
) -> None:
    report = Complying(replace(settings, key=None), SystemClock()).write(tmp_path / "b.zip", timedelta(days=90))
    assert report.signed_by is None and "bundle-not-signed" in [one.code for one in report.findings]


def facts_of(settings: Settings) -> dict[str, Fact]:
    found = ComplianceFacts(settings, SystemClock(), datetime.now(UTC) - timedelta(days=90)).gather()
    return {one.name: one for one in found}


def put_down_drill(settings: Settings, days_ago: float, outcome: str, seconds: float | None) -> None:
    repository = Lifeboat(settings).repository()
    ended = datetime.now(UTC) - timedelta(days=days_ago)
    content = {
        "drill": f"{int(days_ago * 100):08x}",
        "scenario": "server-loss",
        "outcome": outcome,
        "ended": ended.isoformat(),
        "measures": {"rto_seconds": seconds, "technical_seconds": seconds},
        "restored_bytes": 1000,
    }
    Ledger(repository).append(Kind.DRILL, content, repository.store.time_there())


def test_every_fact_that_an_article_needs_is_looked_for(settings: Settings) -> None:
    assert needed_facts() <= set(facts_of(settings))


def test_of_an_empty_installation_little_is_evidence(settings: Settings) -> None:
    """Nothing was drilled, erased, anchored, replicated or told: none of it supports anything."""
    found = facts_of(settings)
    nothing = {
        *("drill-passed", "full-drill-passed", "exercise-held", "rto-met", "follow-ups-closed", "second-copy"),
        *("second-copy-current", "audit-whole", "alerts-reach", "plan-approved", "contacts", "erasures-known"),
        *("region-known", "stays-inside", "guarded", "two-keys", "key-elsewhere", "retention-done", "jobs-succeed"),
    }
    assert [name for name in nothing if found[name].holds] == []


def test_a_drill_that_took_too_long_is_no_evidence_however_good_an_older_one_was(settings: Settings) -> None:
    put_down_drill(settings, 20, "passed", 60)
    found = facts_of(settings)
    assert found["rto-met"].holds and found["full-drill-passed"].holds
    assert found["rto-met"].at.date() == (datetime.now(UTC) - timedelta(days=20)).date(), (
        "of the drill, not of the look"
    )
    put_down_drill(settings, 1, "failed", 25 * 3600)
    found = facts_of(settings)
    assert not found["rto-met"].holds and not found["full-drill-passed"].holds and not found["drill-passed"].holds
    assert not found["follow-ups-closed"].holds, "it failed, and nobody put down what is to be done"


def test_a_good_drill_of_long_ago_is_no_evidence(settings: Settings) -> None:
    put_down_drill(settings, 700, "passed", 60)
    found = facts_of(settings)
    assert not found["rto-met"].holds and not found["full-drill-passed"].holds


def test_a_second_copy_that_was_never_made_and_storage_abroad_are_gaps(settings: Settings, tmp_path: Path) -> None:
    place = RepositorySettings(location=S3Location("copies"), region="eu-central-1")
    planned = replace(settings, replicas=(ReplicaSettings("far", place),))
    found = facts_of(planned)
    assert not found["second-copy"].holds and not found["second-copy-current"].holds
    assert not found["stays-inside"].holds and not found["region-known"].holds
    assert "eu-central-1" in found["stays-inside"].said


def test_a_look_that_the_disk_refuses_costs_that_one_fact(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: ComplianceFacts) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ComplianceFacts, "_contacts", broken)
    found = facts_of(settings)
    assert found["contacts"].holds is None and "input/output error" in found["contacts"].said
    assert found["encrypted"].holds


def test_a_spoilt_bundle_is_refused_in_words(settings: Settings, tmp_path: Path) -> None:
    complying = Complying(settings, SystemClock())
    file = Path(complying.write(tmp_path / "audit.zip", timedelta(days=90)).file)
    with zipfile.ZipFile(file) as bundle:
        told = bundle.getinfo("report.html")
        begin = told.header_offset + 200
    raw = bytearray(file.read_bytes())
    raw[begin : begin + 400] = bytes(400)
    file.write_bytes(raw)
    with pytest.raises(BundleUnreadable):
        complying.check(file)
