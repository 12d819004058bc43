"""Writing, renewing, checking and approving a plan, on a real repository in a folder."""

import io
import json
import re
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lifeboat.app.compliance_facts import ComplianceFacts
from lifeboat.app.read_settings import read_settings
from lifeboat.cli.main import carry_out
from lifeboat.cli.run import Run
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.clock import SystemClock
from lifeboat.repository.ledger import Kind, Ledger

KEY = Identity.generate().to_text().reveal()
CONTACTS = """
[organisation]
name = "Al-Rashid Legal Services"

[[contact]]
name = "Noura Al-Harbi"
role = "incident lead"
phone = "+966 50 000 0000"
key_holder = true
"""
SAFE = "In the safe on the second floor."


class Later(SystemClock):
    """A clock that can be set ahead; the repository's own is that of its folder."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Shop:
    """A folder in which commands are typed."""

    folder: Path
    variables: dict[str, str]
    clock: Later = field(default_factory=Later)

    def ends(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        run = Run(self.variables, self.folder, self.clock, streams=(io.StringIO(), out, err))
        status = carry_out(run, arguments)
        return int(status), out.getvalue(), err.getvalue()

    def json(self, *arguments: str, code: int = 0) -> Any:
        status, out, err = self.ends(*arguments, "--json")
        assert status == code, f"{arguments}: {status}\n{out}{err}"
        return json.loads(out)

    def refused(self, *arguments: str) -> tuple[str, int]:
        status, out, _ = self.ends(*arguments, "--json")
        return json.loads(out)["error"]["code"], status

    @property
    def plan(self) -> Path:
        return self.folder / "recovery-plan.md"

    def says(self, settings: str) -> None:
        (self.folder / "lifeboat.toml").write_text(settings)

    def writes(self, name: str, text: str) -> None:
        """As somebody does in an editor."""
        said = self.plan.read_text()
        changed = re.sub(rf"(<!-- yours: {name} -->\n).*?(<!-- end)", rf"\g<1>{text}\n\g<2>", said, flags=re.S)
        assert changed != said
        self.plan.write_text(changed)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository in which uploads are stored, to be copied for each test."""
    base = tmp_path_factory.mktemp("stored")
    made = make(base)
    (made.folder / "uploads").mkdir()
    (made.folder / "uploads" / "contract.pdf").write_bytes(b"x" * 5000)
    assert made.ends("init", "--yes")[0] in (0, 3)
    assert made.ends("backup", "all")[0] == 0
    return base


def make(base: Path, **more: str) -> Shop:
    folder = base / "shop"
    folder.mkdir(exist_ok=True)
    shop = Shop(
        folder,
        {
            "HOME": str(base),
            "LIFEBOAT_STATE": str(base / "state"),
            "LIFEBOAT_LABEL": "shop-1",
            "LIFEBOAT_REPOSITORY": "../repository",
            "UPLOADS_DIR": "uploads",
            "BACKUP_ENCRYPTION_KEY": KEY,
            **more,
        },
    )
    shop.says(CONTACTS)
    return shop


@pytest.fixture
def shop(stored: Path, tmp_path: Path) -> Shop:
    """A shop of its own with a plan."""
    shutil.copytree(stored, tmp_path / "base")
    made = make(tmp_path / "base")
    written = made.json("report", "plan")
    assert (written["version"], written["version_before"], written["in_ledger"]) == (1, None, True)
    assert "stop-writes" in written["to_write"]
    return made


def test_what_people_wrote_stays_and_the_version_rises_with_what_changes_alone(shop: Shop) -> None:
    shop.writes("envelopes", SAFE)
    assert shop.json("report", "plan")["version"] == 1
    assert shop.json("report", "plan", "--check")["changed"] == []
    shop.says(CONTACTS.replace("000 0000", "111 1111"))
    stale = shop.json("report", "plan", "--check", code=3)
    assert [one["what"] for one in stale["changed"]] == ["the contacts, Noura Al-Harbi, phone"]
    assert "plan-stale" in shop.ends("status")[1] and "111 1111" not in shop.ends("status")[1]
    assert "plan-stale" in shop.ends("doctor")[1]
    assert shop.refused("report", "plan", "--approve", "Noura Al-Harbi, incident lead") == ("plan-stale", 10)
    renewed = shop.json("report", "plan")
    assert renewed["version"] == 2 and len(renewed["changed"]) == 1
    assert SAFE in shop.plan.read_text() and "111 1111" in shop.plan.read_text()
    assert "plan-stale" not in shop.ends("status")[1]
    assert "version 2 is still true" in shop.ends("doctor")[1]


def test_an_approval_is_of_the_document_as_it_lay_there(shop: Shop) -> None:
    shop.writes("envelopes", SAFE)
    shop.json("report", "plan")
    before = shop.plan.read_text()
    approved = shop.json("report", "plan", "--approve", "Noura Al-Harbi, incident lead")
    [said] = approved["facts"]["approvals"]
    assert said["version"] == 1 and "approved by Noura Al-Harbi, incident lead" in shop.plan.read_text()
    [entry] = [one for one in entries(shop) if one["what"] == "approval"]
    assert entry["document"] == before and entry["document_sha256"] == said["document_sha256"]
    shop.json("report", "plan", "--check")
    shop.writes("envelopes", "Nobody knows.")
    assert "changed since it was approved: envelopes" in shop.json("report", "plan", "--check", code=3)["approval"]
    shop.writes("envelopes", SAFE)
    shop.says(CONTACTS.replace("000 0000", "222 2222"))
    shop.json("report", "plan")
    assert "version 1 was approved" in shop.json("report", "plan", "--check", code=3)["approval"]
    assert (
        "[plan-not-approved]" in shop.ends("doctor")[1]
        and "true, and not approved" in shop.ends("report", "plan", "--check")[1]
    )
    assert "Version 2 is not approved: the approvals above are of other versions" in shop.plan.read_text()
    again = shop.json("report", "plan", "--approve", "Noura Al-Harbi, incident lead")
    assert [one["version"] for one in again["facts"]["approvals"]] == [1, 2]
    shop.json("report", "plan", "--check")


def entries(shop: Shop) -> list[Any]:
    from lifeboat.app.build import build_repository

    settings = read_settings(None, shop.variables, shop.folder)
    return [dict(one.content) for one in Ledger(build_repository(settings, shop.clock)).read(Kind.PLAN)]


def test_evidence_for_auditors_knows_who_approved_it_and_whether_it_is_true(shop: Shop) -> None:
    def approved() -> tuple[bool | None, str]:
        settings = read_settings(None, shop.variables, shop.folder)
        facts = ComplianceFacts(settings, shop.clock, shop.clock.now() - timedelta(days=90)).gather()
        return next((one.holds, one.said) for one in facts if one.name == "plan-approved")

    assert approved()[0] is False
    shop.json("report", "plan", "--approve", "Noura Al-Harbi, incident lead")
    assert approved()[0] is True and "Noura" in approved()[1]
    shop.says(CONTACTS.replace("000 0000", "333 3333"))
    assert approved()[0] is False and "333 3333" in approved()[1]


def test_the_ledger_takes_what_changes_and_nothing_else(shop: Shop) -> None:
    for _ in range(3):
        shop.json("report", "plan")
    assert len(entries(shop)) == 1
    shop.writes("envelopes", SAFE)
    shop.json("report", "plan")
    assert [one["yours"] for one in entries(shop)] == [{}, {"envelopes": SAFE}]


def test_a_file_that_is_not_certain_is_left_alone_and_an_edited_one_is_put_aside(shop: Shop) -> None:
    whole = shop.plan.read_text()
    shop.plan.write_text(whole[: len(whole) // 2])
    assert shop.refused("report", "plan") == ("plan-file-doubtful", 10)
    assert shop.plan.read_text() == whole[: len(whole) // 2]
    for number, words in enumerate(("Ask Fatima first.", "Ask Omar."), 1):
        shop.plan.write_text(whole.replace("## Whom to call", f"{words}\n\n## Whom to call"))
        assert shop.json("report", "plan", "--check", code=3)["reasons"]
        backup = shop.json("report", "plan")["backup"]
        assert words in Path(backup).read_text() and words not in shop.plan.read_text()
        assert len(list(shop.folder.glob("recovery-plan.md.bak*"))) == number  # no earlier one is replaced


def test_a_plan_whose_file_is_gone_comes_back_from_the_ledger(shop: Shop) -> None:
    shop.writes("envelopes", SAFE)
    shop.json("report", "plan")
    shop.plan.unlink()
    assert "ledger" in " ".join(shop.json("report", "plan")["said"])
    assert SAFE in shop.plan.read_text()
    other = make(shop.folder.parent, LIFEBOAT_LABEL="another", LIFEBOAT_STATE=str(shop.folder / "state-of-another"))
    other.plan.unlink()
    goes_on = other.json("report", "plan")
    assert goes_on["version"] == 2 and "this installation, label" in [one["what"] for one in goes_on["changed"]]
    assert SAFE in other.plan.read_text()


def test_with_the_store_away_the_plan_is_printed_all_the_same(shop: Shop) -> None:
    shop.writes("envelopes", SAFE)
    shop.json("report", "plan")
    shop.variables["LIFEBOAT_REPOSITORY"] = str(shop.folder.parent / "repository")
    (shop.folder.parent / "repository").rename(shop.folder.parent / "unplugged")
    said = shop.json("report", "plan")
    assert "could not be looked at" in " ".join(said["said"]) and said["version"] == 1 and said["in_ledger"] is None
    text = shop.plan.read_text()
    assert SAFE in text and "lifeboat restore files latest" in text and "+966 50 000 0000" in text
    assert shop.json("report", "plan", "--check")["not_looked_at"]
    offline = shop.json("report", "plan", "--offline", "--out", "printed")
    assert offline["files"][0] == str(shop.folder / "printed" / "recovery-plan.md")
    (shop.folder.parent / "unplugged").rename(shop.folder.parent / "repository")
    assert shop.json("report", "plan")["version"] == 1  # it knows again what it knew


def test_without_the_key_it_says_what_it_cannot_know(shop: Shop) -> None:
    del shop.variables["BACKUP_ENCRYPTION_KEY"]
    said = shop.json("report", "plan")
    text = shop.plan.read_text()
    assert said["in_ledger"] is None
    assert "has no key and can restore nothing" in text and "drills were not looked at" in text
    assert shop.refused("report", "plan", "--approve", "Somebody") == ("key-missing", 11)


def test_a_year_later_and_with_drills_overdue_it_is_stale(shop: Shop) -> None:
    shop.clock.ahead = timedelta(days=10)
    assert [
        one for one in shop.json("report", "plan", "--check", code=3)["reasons"] if "restore to staging: overdue" in one
    ]
    shop.clock.ahead = timedelta(days=366)
    assert [one for one in shop.json("report", "plan", "--check", code=3)["reasons"] if "older than a year" in one]


def test_an_emergency_tells_how_writes_are_stopped_here(shop: Shop) -> None:
    asked = ("emergency", "--what", "files-gone", "--print-only")
    assert not [one for one in shop.json(*asked)["stop"] if "recovery plan" in one]
    shop.writes("stop-writes", "1. systemctl stop portal\n2. look at the page")
    assert shop.json(*asked)["stop"][0] == "as your recovery plan says: 1. systemctl stop portal 2. look at the page"
    assert "recovery plan" not in str(shop.json("emergency", "--what", "intruder", "--print-only", code=3)["stop"])
    shop.plan.write_text("damaged")
    assert shop.json(*asked)["stop"]


def test_what_is_open_after_a_drill_is_a_known_gap(shop: Shop) -> None:
    status, out, err = shop.ends(
        "drill", "follow-up", "add", "--text", "print the plan", "--owner", "Omar", "--due", "2026-01-31"
    )
    assert status == 0, out + err
    shop.json("report", "plan")
    assert "print the plan" in shop.plan.read_text() and "Omar, by 2026-01-31" in shop.plan.read_text()


def test_a_secret_that_somebody_wrote_into_it_is_told(shop: Shop) -> None:
    shop.writes("envelopes", f"The key is {KEY}")
    said = shop.json("report", "plan")["said"]
    assert "envelopes holds a secret" in " ".join(said) and KEY not in " ".join(said)


@pytest.mark.parametrize(
    ("out", "file"),
    [
        ("papers", "papers/recovery-plan.md"),
        ("papers/plan.md", "papers/plan.md"),
        ("papers/plan.html", "papers/plan.md"),
    ],
)
def test_it_is_written_where_somebody_wants_it(shop: Shop, out: str, file: str) -> None:
    files = shop.json("report", "plan", "--out", out)["files"]
    assert files == [str(shop.folder / file), str((shop.folder / file).with_suffix(".html"))]
    assert all(Path(one).stat().st_mode & 0o077 == 0 for one in files)
    shop.json("report", "plan", file, "--check")
    assert shop.json("report", "plan", "--check")["file"] == str(shop.plan)
    shop.plan.unlink()
    assert shop.json("report", "plan", "--check")["file"] == files[0]  # the one it wrote last


def test_a_plan_that_others_may_read_stays_so(shop: Shop) -> None:
    shop.plan.chmod(0o640)
    shop.json("report", "plan")
    assert shop.plan.stat().st_mode & 0o777 == 0o640


def test_a_link_to_where_the_papers_are_kept_stays_one(shop: Shop) -> None:
    kept = shop.folder.parent / "papers.md"
    shop.plan.rename(kept)
    shop.plan.symlink_to(kept)
    shop.writes("envelopes", SAFE)
    shop.json("report", "plan")
    assert shop.plan.is_symlink() and SAFE in kept.read_text()


def test_where_nothing_can_be_written_nothing_is_lost(shop: Shop) -> None:
    before = shop.plan.read_bytes()
    (shop.folder / "taken").write_text("a file")
    assert shop.refused("report", "plan", "--out", "taken/plan.md") == ("plan-not-written", 10)
    assert shop.plan.read_bytes() == before and not list(shop.folder.glob(".recovery*"))


@pytest.mark.parametrize(
    "words",
    [
        ("--check", "--approve", "x"),
        ("x.md",),
        ("--out", "y", "--check"),
        ("--approve", " "),
        ("--approve", "a\nb"),
        ("--approve", "a", "--offline"),
    ],
)
def test_wrong_words_are_refused(stored: Path, words: tuple[str, ...]) -> None:
    assert make(stored).ends("report", "plan", *words)[0] == 2


def test_without_a_plan_there_is_nothing_to_check_and_doctor_says_so(stored: Path, tmp_path: Path) -> None:
    shutil.copytree(stored, tmp_path / "base")
    made = make(tmp_path / "base")
    assert made.refused("report", "plan", "--check") == ("plan-missing", 10)
    assert "[no-plan]" in made.ends("doctor")[1] and "recovery plan" not in made.ends("status")[1]
    assert made.ends("report")[0] == 2 and made.ends("report", "plans")[0] == 2


def test_what_is_shown_at_a_terminal_says_what_to_do_next(shop: Shop) -> None:
    shown = shop.ends("report", "plan")[1]
    assert "to be written by people" in shown and 'lifeboat report plan --approve "Name, role"' in shown
    assert "still true" in shop.ends("report", "plan", "--check")[1]
    shop.says(CONTACTS + '\n[[contact]]\nname = "Omar"\n')
    status, shown, _ = shop.ends("report", "plan", "--check")
    assert status == 3 and "stale: 1 reason" in shown and "the contacts, Omar" in shown
