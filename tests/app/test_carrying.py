"""Carry-forward as the command does it: settings in, a report out, and a rescue script in the repository that opens what was carried."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from lifeboat.app.carrying import Carrying
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.read_settings import read_settings
from lifeboat.cloud.prices.load import load_prices
from lifeboat.crypto.identity import Identity
from lifeboat.foundation.sizes import GIB, MIB
from lifeboat.operations.carry.facts import Lot
from lifeboat.operations.carry.home import HomePack
from lifeboat.operations.carry.plan import Choice
from lifeboat.operations.carry.saving import saving_of
from lifeboat.repository.carrying import Lane
from lifeboat.repository.names import Class, Source
from lifeboat.rescue import rescue_script
from lifeboat.retention.rules import Rules
from lifeboat.storage.errors import StorageDenied
from lifeboat.storage.faults import Passing
from lifeboat.storage.object_store import Content


class Moved:
    """A clock that stands where it was put."""

    def __init__(self) -> None:
        self.moment = datetime(2027, 1, 30, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


@pytest.fixture
def clock() -> Moved:
    return Moved()


@pytest.fixture
def lifeboat(tmp_path: Path, clock: Moved) -> Lifeboat:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    (uploads / "video").write_bytes(b"".join(bytes([n % 251]) * 97 + n.to_bytes(4, "big") * 25 for n in range(100_000)))
    environment = {
        "LIFEBOAT_REPOSITORY": str(tmp_path / "repository"),
        "LIFEBOAT_STATE": str(tmp_path / "state"),
        "UPLOADS_DIR": str(uploads),
        "BACKUP_ENCRYPTION_KEY": Identity.generate().to_text().reveal(),
    }
    made = Lifeboat(read_settings(None, environment, tmp_path), clock=clock)
    made.initialise(guarded=False, new_key=None)
    return made


def test_little_is_left_alone_and_says_so(lifeboat: Lifeboat, clock: Moved) -> None:
    lifeboat.backup("files")
    clock.moment = datetime(2027, 2, 1, 0, 1, tzinfo=UTC)
    report = lifeboat.carry_forward(dry_run=True)
    assert {(row.snapshot_class, row.packs, row.why) for row in report.rows} == {
        ("long", 0, "too little to be worth it"),
        ("short", 0, "too little to be worth it"),
    }
    assert report.prices == "" and {row.dollars_saved for row in report.rows} == {None}


def test_an_older_rescue_script_is_joined_by_the_present_one(lifeboat: Lifeboat, clock: Moved, tmp_path: Path) -> None:
    (kept,) = (tmp_path / "repository/config").glob("rescue-*")
    kept.unlink()
    lifeboat.backup("files")
    clock.moment = datetime(2027, 2, 1, 0, 1, tzinfo=UTC)
    lifeboat.carry_forward(dry_run=True)
    assert not list((tmp_path / "repository/config").glob("rescue-*")), "a dry run changes nothing"
    lifeboat.carry_forward(dry_run=False)
    assert kept.read_text() == rescue_script()


def test_who_may_not_store_the_script_carries_nothing_and_hears_why(
    lifeboat: Lifeboat, clock: Moved, tmp_path: Path
) -> None:
    next((tmp_path / "repository/config").glob("rescue-*")).unlink()

    class NoConfig(Passing):
        def write(self, name: str, content: Content) -> None:
            if name.startswith("config/"):
                raise StorageDenied("the right s3:PutObject is missing")
            super().write(name, content)

    repository = lifeboat._open()
    repository.store = NoConfig(repository.store)
    with pytest.raises(StorageDenied, match="rescue script in the repository is older") as refused:
        Carrying(lifeboat._settings, repository, lifeboat._progress).run(dry_run=False)
    assert "lifeboat doctor" in refused.value.hint


def choice(class_: Class, storage_class: str = "STANDARD") -> Choice:
    """A hundred packs of 25 MiB under two keys, of which 20 MiB each are needed, at 10 MiB a second."""
    lane = Lane("w" * 32, Source.FILES, class_, "2027-02", Class.SHORT, "2027-01")
    packs = tuple(
        HomePack(bytes([n]) * 32, 25 * MIB, 20 * MIB, bytes([n % 2]) * 32, storage_class=storage_class)
        for n in range(100)
    )
    lot = Lot(lane, "host", None, packs, True, False, False, {}, frozenset(), 10.0 * MIB)  # type: ignore[arg-type]
    return Choice(lot, packs, {}, "")


def test_what_it_saves_is_what_a_hand_computes() -> None:
    prices = load_prices("us-east-1")
    saved = saving_of(choice(Class.SHORT), Rules(), prices)
    assert saved.seconds == 200.0
    assert saved.dollars_saved == pytest.approx(84 * 0.005 / 1000)  # 2,000 MiB in packs of 24
    assert saved.dollars_copying == pytest.approx(102 * 0.005 / 1000)
    dead_gb = 500 * MIB / GIB
    assert saved.dollars_dead == pytest.approx(dead_gb * 0.023 * 2.4)
    for_years = saving_of(choice(Class.LONG), Rules(monthly=84), prices)
    assert for_years.dollars_dead == pytest.approx(dead_gb * (0.023 + 11 * 0.0125 + 72 * 0.0036))
    cooler = saving_of(choice(Class.SHORT, "STANDARD_IA"), Rules(), prices)
    assert cooler.dollars_copying == pytest.approx(102 * 0.005 / 1000 + 2500 * MIB / GIB * 0.01)
    assert saving_of(choice(Class.SHORT), Rules(), None).dollars_saved is None
