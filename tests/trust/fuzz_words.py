"""What people and machines write as text: settings, times, keys, patterns, schedules, requests, names."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fuzz_kit import Target
from fuzz_mutate import json_mutated, text_bytes_mutated

from lifeboat.app.dotenv import read_dotenv
from lifeboat.app.read_notify import read_notify
from lifeboat.app.read_settings import read_settings
from lifeboat.app.variables import NAMES
from lifeboat.cli.restore_documents import read_numbers
from lifeboat.cloud.bucket.statements import (
    accounts_let_in,
    asks_for_tls,
    canonical,
    merge,
    missing,
    name_of,
    opens_to_all,
    statements_in,
)
from lifeboat.cloud.lifecycle.presets import PRESETS, preset
from lifeboat.cloud.lifecycle.rules import read_lifecycle, write_lifecycle
from lifeboat.cloud.lifecycle.validate import read_json, validate
from lifeboat.cloud.prices.load import load_prices
from lifeboat.crypto.identity import Identity, Recipient
from lifeboat.evidence.paper.document import Document, Heading, Paragraph, Yours
from lifeboat.evidence.paper.markdown import to_markdown
from lifeboat.evidence.plan.kept import read_kept, write_kept
from lifeboat.foundation.cluster_time import read_hex, read_words
from lifeboat.foundation.errors import LifeboatError
from lifeboat.foundation.secret import Secret
from lifeboat.foundation.sizes import read_bytes
from lifeboat.operations.erasing.request import TYPES, read_file, read_id, read_value
from lifeboat.operations.moments import pinned, read_moment, read_operation, writer_in
from lifeboat.repository.enrolment import Enrolment, enrolment_from_text
from lifeboat.repository.locking import LockPeriods, generation_in
from lifeboat.repository.names import is_generation, is_label, stated_digest
from lifeboat.repository.writers import WriterSecret
from lifeboat.retention.periods import begin_of, closes, end_of, generation_before
from lifeboat.retention.rules import Rules
from lifeboat.services.schedule.cron import without_block
from lifeboat.services.schedule.slots import Slots, zone_named
from lifeboat.sources.files.entry import Entry
from lifeboat.sources.files.manifest import decode, encode
from lifeboat.sources.files.patterns import Patterns
from lifeboat.storage.names import check_name, check_prefix

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
Parse = Callable[[str], object]


def words_targets(folder: Path) -> list[Target]:
    return [*_settings(folder), *_times(), *_keys(), *_names(), *_requests(), *_policies(), *_papers(folder)]


def text(
    name: str,
    parse: Parse,
    *seeds: str,
    refuses: type[Exception] = LifeboatError,
    share: float = 1.0,
    also: Sequence[str] = (),
) -> Target:
    """Bytes that are no UTF-8 come as arguments and variables of a process bring them: as lone surrogates."""
    raw = [seed.encode("utf-8", "surrogateescape") for seed in seeds]
    said = (LifeboatError, refuses) if refuses is not LifeboatError else (LifeboatError,)
    return Target(
        name,
        lambda raw: parse(raw.decode("utf-8", "surrogateescape")),
        raw,
        text_bytes_mutated,
        said,
        share,
        [one.encode() for one in also],
    )


SETTINGS = """
[repository]
location = "s3://backups/production"
label = "shop-1"
recipients = ["lifeboat-recipient-1:AAAA"]
[mongodb]
uri = "mongodb://db.example.com/shop"
databases = ["shop"]
[files]
paths = ["uploads", "/srv/more"]
include = ["*.jpg", "/a/**"]
exclude = ["cache/", "!keep"]
[objectives]
db = "1h"
files = "1d 12h"
[limits]
threads = 4
[stream]
every = 30
outage_hours = 12.5
[serve]
listen = "127.0.0.1:8765"
timezone = "Asia/Riyadh"
hosts = ["backup.example.com"]
[serve.jobs]
db = "0 2 * * *"
scrub = "every 15m"
[retention]
daily = 35
[notify]
email = ["ops@example.com"]
[alerts]
newest = "90 min"
quiet_from = "22:00"
[aws]
account = "123456789012"
tags = { app = "shop" }
[[replica]]
name = "riyadh"
location = "s3://copies/production"
[[contact]]
name = "Anna"
duties = ["restore"]
[drills]
restore_every = "30d"
[[drills.check]]
kind = "http"
name = "answers"
url = "http://127.0.0.1:3000/health"
expect_json = { ok = true, number = 1.5 }
[[drills.check]]
kind = "query"
name = "orders"
collection = "shop.orders"
at_least = 1
"""
DOTENV = """# the application's own
MONGODB_URI="mongodb://db.example.com/shop"
export S3_BACKUP_BUCKET=backups
LIFEBOAT_LABEL='shop 1'
UPLOADS_DIR=/srv/uploads # here
PASSWORD="a\\nb$c"
"""
VARIABLES = {
    "LIFEBOAT_REPOSITORY": "s3://backups/production",
    "AWS_ENDPOINT_URL": "https://s3.example.com:9000",
    "UPLOADS_DIR": "/srv/uploads",
    "LIFEBOAT_LABEL": "shop",
    "LIFEBOAT_STATE": "/tmp/lifeboat-fuzz-state",
    "LIFEBOAT_NOTIFY_EMAIL": "ops@example.com, dev@example.com",
    "LIFEBOAT_SMTP_PORT": "587",
    "MONGODB_URI": "mongodb://anna:secret@db.example.com/shop?replicaSet=rs0",
}


def _settings(folder: Path) -> Iterable[Target]:
    place = folder / "settings"
    place.mkdir()

    def settings_file(raw: bytes) -> None:
        (place / "lifeboat.toml").write_bytes(raw)
        try:
            read_notify(None, {}, place)
            read_settings(None, {}, place)
        finally:
            (place / "lifeboat.toml").unlink()

    parts = [part for part in SETTINGS.split("\n[") if part]
    seeds = [SETTINGS.encode(), *(f"[{part}".replace("[\n", "\n").encode() for part in parts[:1])]
    yield Target("settings file", settings_file, seeds, text_bytes_mutated, share=0.5)

    def table(raw: bytes) -> None:
        """One table alone, so that more of the inputs are TOML and reach the checks."""
        settings_file(raw)

    tables = [f"[{part.lstrip('[')}" for part in SETTINGS.split("\n[")[1:]]
    yield Target(
        "settings table",
        table,
        [one.replace("[[", "[").encode() for one in tables if "[" not in one[1:5]][:12],
        text_bytes_mutated,
    )
    yield text("dotenv", lambda said: read_dotenv(said, NAMES), DOTENV)

    other = folder / "dotenv"
    other.mkdir()

    def dotenv_file(raw: bytes) -> None:
        (other / ".env").write_bytes(raw)
        try:
            read_notify(None, {}, other)
            read_settings(None, {}, other)
        finally:
            (other / ".env").unlink()

    yield Target("dotenv file", dotenv_file, [DOTENV.encode()], text_bytes_mutated, share=0.5)

    def variables(raw: bytes) -> None:
        try:
            said = {str(name): str(value).replace("\0", "") for name, value in json.loads(raw).items()}
        except (ValueError, AttributeError, RecursionError):
            raise LifeboatError("no variables") from None
        read_notify(None, said, other)
        read_settings(None, said, other)

    yield Target("variables", variables, [json.dumps(VARIABLES).encode()], json_mutated)


def _times() -> Iterable[Target]:
    def moment(said: str) -> None:
        writer_in(said)
        pinned(said, NOW)
        read_moment(said, NOW)

    times = ("2026-11-26T09:03:27+03:00", "10 minutes ago@db1", "newest", "1764123456.3", "1.5 days ago")
    without_zone = ("2026-11-26", "0001-01-01", "9999-12-31T23:59:59", "1900-01-01T00:00:00")
    yield text("moment", moment, *times, share=2, also=without_zone)
    yield text("operation", read_operation, "1764123456.3@db1")
    yield text("cluster time", lambda said: (read_words(said), read_hex(said)), "00000000ffffffff", refuses=ValueError)
    yield text("size", read_bytes, "10GB", "1.5 GiB", "500m", "4096", refuses=ValueError)
    yield text("numbers", read_numbers, "1 3 4-6, 9")

    def schedule(said: str) -> None:
        slots = Slots(said, zone_named("Europe/Berlin"))
        following = slots.first_after(NOW)
        slots.last_until(NOW), slots.step_after(following)

    yield text(
        "schedule", schedule, "0 2 * * *", "*/15 1-5,22 1,15 jan-mar mon-fri", "every 15m", "30 2 29 2 *", share=0.5
    )
    yield text("time zone", zone_named, "Asia/Riyadh", "Europe/Berlin", "UTC")
    crontab = "MAILTO=x\n# lifeboat begin /srv/app\n0 2 * * * cd /srv\n# lifeboat end /srv/app\n5 5 * * * y\n"
    yield text("crontab", lambda said: without_block(said, Path("/srv/app")), crontab)

    def generation(said: str) -> None:
        if is_generation(said):
            begin_of(said), end_of(said), closes(said), generation_before(said)
            Rules(locked=True, lock_days=3650).may_go(said)

    yield text("generation", generation, "2026-11", "2026-11.2", "9999-12", "0001-02", refuses=ValueError)


def _keys() -> Iterable[Target]:
    identity = Identity(b"\x5e" * 32)
    yield text("key", Identity.from_text, identity.to_text().reveal(), "5e" * 32)

    def recipient(said: str) -> None:
        found = Recipient.from_text(said)
        _ = found.fingerprint, found.sealing_key
        found.has_signed(b"x", b"y" * 64)

    yield text("recipient", recipient, identity.recipient.to_text())
    enrolment = Enrolment(
        b"r" * 16,
        (identity.recipient.fingerprint.hex(),),
        "shop",
        WriterSecret(b"w" * 16, b"s" * 96),
        "s3://b",
        "eu",
        "https://x",
    )
    yield Target(
        "enrolment",
        lambda raw: enrolment_from_text(Secret(raw.decode("utf-8", "surrogateescape")), "the file"),
        [enrolment.to_text().reveal().encode()],
        json_mutated,
    )


def _names() -> Iterable[Target]:
    def name(said: str) -> None:
        stated_digest(said), is_label(said), is_generation(said), generation_in(said)
        LockPeriods().until(said, lambda: NOW)
        check_prefix(said.rpartition("/")[0] + "/")
        check_name(said)

    seeds = [
        f"catalog/{'ab' * 16}/2026-11/index-{'cd' * 32}",
        f"files/pack/short/2026-11/{'cd' * 32}",
        f"keys/2026-11.2/{'cd' * 32}",
        f"ledger/00000001-erasure-{'cd' * 32}",
    ]
    yield text("object name", name, *seeds)

    def patterns(said: str) -> None:
        """Lines of patterns, the last line a path that they are tried on."""
        *lines, path = said.split("\n")
        made = Patterns(lines, [one for one in lines if not one.startswith("!")][:2])
        for raw in (path.encode("utf-8", "surrogateescape"), b"a" * 200 + b"/" + b"a" * 200 + b"!"):
            made.excludes(raw, False), made.excludes(raw, True), made.includes(raw, False)

    globs = "*.tmp\n/only-at-root\ncache/\n**/*a*a*a*b\nlogs/[a-z]?[!0-9]/**\n!keep.\\*\na/b/cache/keep.tmp"
    yield text("patterns", patterns, globs, "*a*a*a*a*a*a*a*b\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", share=0.5)

    entries = [
        Entry(
            b"a/b.txt",
            "file",
            0o644,
            1000,
            1000,
            1_700_000_000_000_000_001,
            10,
            "anna",
            "staff",
            ((b"user.a", b"\0x"),),
        ),
        Entry(b"a", "directory", 0o755, 0, 0, -1),
        Entry(b"link", "symlink", 0o777, 0, 0, 0, target=b"../\xff"),
        Entry(b"hole", "file", 0o600, 1, 1, 0, 10_000, extents=((0, 4096), (8192, 100))),
        Entry(b"tty", "character-device", 0o600, 1, 1, 0, device=(5, 1)),
    ]
    lines = [encode(one, [(b"c" * 32, 0, 10)] if one.size == 10 else ()) for one in entries]

    def manifest(raw: bytes) -> None:
        entry, pieces = decode(raw)
        assert decode(encode(entry, pieces)) == (entry, pieces), (
            "a line that says something else when it is written again"
        )

    yield Target("manifest line", manifest, lines, json_mutated, share=2)


def _requests() -> Iterable[Target]:
    said = {
        "request": "R-7",
        "note": "",
        "erase": [{"collection": "shop.users", "field": "email", "value": "a@b", "ignore_case": True}],
    }
    said["erase"] += [{"collection": "shop.users", "id": {"$oid": "65f0c0ffee65f0c0ffee0001"}}, {"file": "/srv/a"}]  # type: ignore[operator]
    toml = '[[erase]]\ncollection = "shop.orders"\nfield = "a.b"\nvalue = 7\nunset = ["a"]\n[[erase]]\nfile = "/srv/uploads/1"\n'
    as_text: Callable[[bytes], str] = lambda raw: raw.decode("utf-8", "surrogateescape")  # noqa: E731
    yield Target("erasure in JSON", lambda raw: read_file(as_text(raw)), [json.dumps(said).encode()], json_mutated)
    yield text("erasure in TOML", read_file, toml)
    values = {"number": "12.5", "date": "2026-11-26T09:00:00Z", "json": '{"$numberDecimal": "1.50"}', "bool": "true"}
    values |= {"objectid": "65f0c0ffee65f0c0ffee0001", "uuid": "00112233-4455-6677-8899-aabbccddeeff", "text": "anna"}

    def value(raw: str) -> None:
        kind, _, typed = raw.partition("\n")
        if kind in TYPES:
            read_value(typed, kind)

    yield text("value to be erased", value, *(f"{kind}\n{one}" for kind, one in values.items()), share=2)
    yield text(
        "id to be erased", read_id, "65f0c0ffee65f0c0ffee0001", "7", '"text"', '{"$oid": "65f0c0ffee65f0c0ffee0001"}'
    )


def _policies() -> Iterable[Target]:
    statement = {
        "Sid": "a",
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]},
        "Action": "s3:GetObject",
    }
    statement |= {"Resource": ["arn:aws:s3:::b/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # type: ignore[dict-item]
    everybody = {"Effect": "Allow", "Principal": "*", "Action": ["s3:*"], "Resource": "arn:aws:s3:::b"}
    wanted = [{**statement, "Sid": "ours", "Effect": "Deny"}]

    def policy(raw: bytes) -> None:
        now = statements_in(raw.decode("utf-8", "surrogateescape"))
        for one in now:
            opens_to_all(one), accounts_let_in(one, "123456789012"), asks_for_tls(one), name_of(one), canonical(one)
        merge(now, wanted), missing(now, wanted)

    yield Target(
        "bucket policy",
        policy,
        [json.dumps({"Version": "2012-10-17", "Statement": [statement, everybody]}).encode()],
        json_mutated,
    )


def _papers(folder: Path) -> Iterable[Target]:
    rules = [write_lifecycle(preset(one, "production", Rules(), 35)) for one in PRESETS]

    def lifecycle(raw: bytes) -> None:
        try:
            said = read_json(raw.decode("utf-8", "surrogateescape"))
        except ValueError:
            raise LifeboatError("no JSON") from None
        validate(said)
        if isinstance(said, dict):
            read_lifecycle(said)

    dated = {
        "Rules": [
            {"ID": "x", "Status": "Enabled", "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}}
        ]
    }
    dated["Rules"][0]["Expiration"] = {"Date": "2027-01-01T00:00:00Z"}
    seeds = [json.dumps(one, default=str).encode() for one in (*rules, dated)]
    yield Target("age rules", lifecycle, seeds, json_mutated)

    prices = folder / "prices.toml"

    def price_file(raw: bytes) -> None:
        prices.write_bytes(raw)
        load_prices("us-east-1", prices)

    own = "[class.STANDARD]\ngb_month = [{ up_to_gb = 51200, price = 0.023 }, { price = 0.021 }]\nputs = 0.005\n"
    own += "[class.GLACIER.restore.bulk]\ngb = 0.0\nrequests = 0.025\nminutes = [300, 720]\n[transfer]\nout_gb = 0.09\n"
    yield Target(
        "prices", price_file, [own.encode(), b"dated = 2026-05-31\n" + own.encode()], text_bytes_mutated, share=0.5
    )

    blocks = (Heading("Plan", 1), Paragraph("What we do."), Yours("people", "Who is called?", "Anna, then Boris"))
    kept = write_kept(to_markdown(Document("Plan", "for the shop", blocks, "")), 3, NOW, {"a": {"b": "c"}})
    yield Target("plan file", lambda raw: read_kept(raw, "plan.md"), [kept.encode()], text_bytes_mutated)
    shutil.rmtree(folder / "never", ignore_errors=True)
