"""``lifeboat report compliance``: the matrix, and a bundle of it with everything it rests on, hashed and signed.

Invariant: the bundle is a function of what was found: the same facts make the same bytes. Nothing secret is in it: facts have no field for it, and
what is exported comes scrubbed.
"""

import csv
import hashlib
import io
import json
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lifeboat import __version__
from lifeboat.app.build import build_identity
from lifeboat.app.compliance_facts import ComplianceFacts
from lifeboat.app.lifeboat import Lifeboat
from lifeboat.app.settings import Settings
from lifeboat.crypto.identity import from_base64, to_base64
from lifeboat.crypto.signed import canonical_json
from lifeboat.evidence.compliance.document import report_of
from lifeboat.evidence.compliance.facts import Declared, Fact
from lifeboat.evidence.compliance.matrix import Row, hold
from lifeboat.evidence.paper.document import Document
from lifeboat.evidence.paper.markdown import to_markdown
from lifeboat.evidence.paper.page import to_html
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError, TargetRefused
from lifeboat.foundation.finding import Finding, Level
from lifeboat.foundation.replace_file import replace_file
from lifeboat.foundation.value import Value
from lifeboat.repository.ledger import Kind, Ledger

SUMS, SIGNATURE, LABEL = "SHA256SUMS", "SIGNATURE.json", b"lifeboat compliance bundle 1\n"
FILE_AT_MOST = 256 * 1024 * 1024
FILES_AT_MOST = 10_000


class ArticleRow(Value):
    """An article for people and programs. Args: evidence, gaps, beyond: Sentences."""

    article: str
    title: str
    evidence: tuple[str, ...]
    gaps: tuple[str, ...]
    beyond: tuple[str, ...]


class ComplianceReport(Value):
    """What was written. Args: signed_by: Fingerprint of the key; None: no key was at hand, and it is not signed."""

    file: str
    since: datetime
    until: datetime
    articles: tuple[ArticleRow, ...]
    files: int
    sha256: str
    signed_by: str | None
    findings: tuple[Finding, ...] = ()


class BundleCheck(Value):
    """What became of a bundle since it was made."""

    file: str
    files: int
    signed_by: str | None
    findings: tuple[Finding, ...]


class BundleUnreadable(SettingsError):
    """The file is no bundle of a compliance report, or was cut."""

    code = "bundle-unreadable"


class Complying:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def write(self, out: Path, period: timedelta) -> ComplianceReport:
        """Look at everything, and write the bundle.

        Args:
            out: The file, or a folder in which it gets a name with the day.
        """
        until = self._clock.now().astimezone(UTC).replace(microsecond=0)
        since = until - period
        gathering = ComplianceFacts(self._settings, self._clock, since)
        facts = gathering.gather()
        rows = hold(facts)
        path = out / f"compliance-{until:%Y-%m-%d}.zip" if out.is_dir() or not out.suffix else out
        contents, findings = self._contents(rows, facts, since, until)
        raw, signed_by = self._bundle(contents, until)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, raw)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise TargetRefused(f"{path} cannot be written: {why}", "name another file with --out") from error
        if signed_by is None:
            message = "the bundle is not signed: no key that opens the copies is at hand"
            findings.append(
                Finding(Level.WARNING, "bundle-not-signed", str(path), message, "make it on the keeper's machine")
            )
        return ComplianceReport(
            str(path),
            since,
            until,
            tuple(
                ArticleRow(
                    row.article.number,
                    row.article.title,
                    tuple(one.said for one in row.evidence),
                    tuple(one.missing for one in row.gaps),
                    row.beyond,
                )
                for row in rows
            ),
            len(contents) + 2,
            hashlib.sha256(raw).hexdigest(),
            signed_by,
            tuple(findings),
        )

    def check(self, file: Path) -> BundleCheck:
        """Whether a bundle is as it was made, and by whom it was signed; raises ``BundleUnreadable``."""
        contents = _read(file)
        findings = list(_differing(contents))
        signed_by = None
        signature = contents.get(SIGNATURE)
        if signature is None:
            findings.append(_problem("bundle-not-signed", SIGNATURE, "the bundle is not signed"))
        else:
            signed_by, trouble = self._signer(signature, contents.get(SUMS, b""))
            findings += [trouble] if trouble else []
        return BundleCheck(str(file), len(contents), signed_by, tuple(findings))

    def _signer(self, signature: bytes, sums: bytes) -> tuple[str | None, Finding | None]:
        try:
            said = json.loads(signature)
            fingerprint, made = str(said["fingerprint"]), from_base64(said["signature"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None, _problem("bundle-signature-wrong", SIGNATURE, "the signature cannot be read")
        recipients = Lifeboat(self._settings, clock=self._clock).repository().description.recipients
        known = next((one.recipient for one in recipients if one.recipient.fingerprint.hex() == fingerprint), None)
        if known is None:
            return None, _problem(
                "bundle-signer-unknown",
                SIGNATURE,
                f"{fingerprint[:16]} signed it, who is no recipient of this repository",
            )
        if not known.has_signed(LABEL + sums, made):
            return None, _problem("bundle-signature-wrong", SIGNATURE, "the signature is not of these files")
        return known.fingerprint_short, None

    def _contents(
        self, rows: Sequence[Row], facts: Sequence[Fact], since: datetime, until: datetime
    ) -> tuple[dict[str, bytes], list[Finding]]:
        said, organisation = self._settings.compliance, self._settings.organisation
        declared = Declared(
            said.controller or organisation.name,
            said.data_protection_officer,
            said.purposes,
            said.data_categories,
            said.data_subjects,
            said.recipients,
            said.transfers,
            said.legal_basis,
            said.impact_assessment,
            said.retention_reason,
        )
        records = _records(declared, {one.name: one for one in facts})
        about = organisation.application or organisation.name or self._settings.folder.name or "this installation"
        identity = build_identity(self._settings)
        document = report_of(
            rows,
            facts,
            declared,
            records,
            about=about,
            since=since,
            until=until,
            made_by=f"Lifeboat {__version__}",
            signed_by=None if identity is None else identity.recipient.fingerprint_short,
        )
        contents = {
            "index.html": to_html(_index(document, about)).encode(),
            "report.html": to_html(document).encode(),
            "report.md": to_markdown(document).encode(),
            "report.json": _json(
                {
                    "since": since.isoformat(),
                    "until": until.isoformat(),
                    "made_by": f"Lifeboat {__version__}",
                    "articles": [
                        {
                            "article": row.article.number,
                            "asks": row.article.asks,
                            "evidence": [one.name for one in row.evidence],
                            "gaps": [one.missing for one in row.gaps],
                            "beyond": list(row.beyond),
                        }
                        for row in rows
                    ],
                }
            ),
            "records-of-processing.csv": _csv(records),
            "records-of-processing.json": _json(dict(records)),
            "VERIFY.txt": _VERIFY.encode(),
            **{f"evidence/{one.name}.json": _json({**asdict(one), "at": one.at.isoformat()}) for one in facts},
        }
        more, findings = self._from_elsewhere()
        return {**contents, **more}, findings

    def _from_elsewhere(self) -> tuple[dict[str, bytes], list[Finding]]:
        """The record of acts, and the drills: what cannot be had is said."""
        found: dict[str, bytes] = {}
        findings: list[Finding] = []
        lifeboat = Lifeboat(self._settings, clock=self._clock)
        try:
            with tempfile.TemporaryDirectory(prefix="lifeboat-report-") as folder:
                path = Path(folder) / "audit.jsonl"
                lifeboat.export_audit(str(path))
                found["audit.jsonl"] = path.read_bytes()
        except (LifeboatError, OSError) as error:
            findings.append(_left_out("audit.jsonl", error))
        try:
            for entry in Ledger(lifeboat.repository()).read(Kind.DRILL):
                found[f"drills/{entry.number:05d}.json"] = _json(dict(entry.content))
        except LifeboatError as error:
            findings.append(_left_out("drills", error))
        return found, findings

    def _bundle(self, contents: Mapping[str, bytes], until: datetime) -> tuple[bytes, str | None]:
        sums = "".join(
            f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(contents.items())
        ).encode()
        every = {**contents, SUMS: sums}
        identity = build_identity(self._settings)
        if identity is not None:
            every[SIGNATURE] = canonical_json(
                {
                    "fingerprint": identity.recipient.fingerprint.hex(),
                    "of": SUMS,
                    "signature": to_base64(identity.sign(LABEL + sums)),
                }
            )
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name in sorted(every):
                # The same facts make the same bytes: the time of every file is that of the report.
                told = zipfile.ZipInfo(name, until.timetuple()[:6])
                told.external_attr = 0o644 << 16
                bundle.writestr(told, every[name], zipfile.ZIP_DEFLATED)
        return written.getvalue(), None if identity is None else identity.recipient.fingerprint_short


def _read(file: Path) -> dict[str, bytes]:
    """Every file of a bundle; refuses what is larger, or more, than any."""
    try:
        with zipfile.ZipFile(file) as bundle:
            told = bundle.infolist()
            if len(told) > FILES_AT_MOST or sum(one.file_size for one in told) > FILE_AT_MOST:
                raise BundleUnreadable(f"{file} is larger than any bundle", "is it the right file?")
            if len({one.filename for one in told}) != len(told):
                raise BundleUnreadable(f"{file} holds a file twice", "somebody changed it")
            return {one.filename: bundle.read(one) for one in told}
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise BundleUnreadable(f"{file} cannot be read as a bundle", "is it the right file, and all of it?") from error


def _differing(contents: Mapping[str, bytes]) -> Iterator[Finding]:
    if SUMS not in contents:
        yield _problem("bundle-file-missing", SUMS, "the list of hashes is gone")
        return
    listed: dict[str, str] = {}
    for line in contents[SUMS].decode("utf-8", "replace").splitlines():
        sha256, _, name = line.partition("  ")
        listed[name] = sha256
    for name, sha256 in listed.items():
        if name not in contents:
            yield _problem("bundle-file-missing", name, "it is in the list of hashes, and not in the bundle")
        elif hashlib.sha256(contents[name]).hexdigest() != sha256:
            yield _problem("bundle-file-changed", name, "it is not what it was when the bundle was made")
    for name in contents:
        if name not in listed and name not in (SUMS, SIGNATURE):
            yield _problem("bundle-file-added", name, "it was not in the bundle when that was made")


def _problem(code: str, subject: str, message: str) -> Finding:
    return Finding(Level.PROBLEM, code, subject, message, "ask whoever gave it to you for the original")


def _left_out(what: str, error: LifeboatError | OSError) -> Finding:
    why = error.message if isinstance(error, LifeboatError) else (error.strerror or str(error)).lower()
    return Finding(Level.WARNING, "evidence-left-out", what, f"it is not in the bundle: {why}")


def _records(declared: Declared, facts: Mapping[str, Fact]) -> list[tuple[str, str]]:
    """The record of processing, for backups."""

    def found(name: str) -> str:
        return facts[name].said if name in facts else "not known"

    nobody = "not named"
    return [
        ("Processing", "keeping encrypted copies, to restore after loss"),
        ("Controller", declared.controller or nobody),
        ("Data protection officer", declared.data_protection_officer or nobody),
        ("Purposes", "; ".join((*declared.purposes, "restoring availability after an incident"))),
        ("Legal basis", declared.legal_basis or nobody),
        ("Categories of data", "; ".join(declared.data_categories) or nobody),
        ("Categories of people", "; ".join(declared.data_subjects) or nobody),
        ("Recipients", "; ".join(declared.recipients) or nobody),
        ("Where the copies lie", found("region-known")),
        ("Second copies", found("second-copy")),
        ("Transfers abroad", "; ".join(declared.transfers) or nobody),
        ("Kept for", found("retention-set") + (f" ({declared.retention_reason})" if declared.retention_reason else "")),
        ("Security", f"{found('encrypted')}; {found('guarded')}"),
        ("Erasure", found("erasures-known")),
    ]


def _index(document: Document, about: str) -> Document:
    from lifeboat.evidence.paper.document import Facts as Pairs
    from lifeboat.evidence.paper.document import Paragraph

    pairs = (
        ("report.html, report.md, report.json", "the report, for people and programs"),
        ("evidence/", "each fact with its time and source, and the values behind it"),
        ("records-of-processing", "for PDPL 31 and GDPR 30"),
        ("drills/", "every drill that the ledger holds"),
        ("audit.jsonl", "the record of acts; checked as docs/format.md, section 16, says"),
        (SUMS, "hashes of all files: `sha256sum -c SHA256SUMS`"),
        (SIGNATURE, "the signature of that list: `lifeboat report compliance --check FILE`"),
    )
    return Document(
        document.title, f"{about}: what is in this bundle", (Pairs(pairs), Paragraph("Begin with report.html."))
    )


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _csv(records: Sequence[tuple[str, str]]) -> bytes:
    written = io.StringIO()
    # A leading = + - @ would be a formula where a spreadsheet opens it.
    safe = [(name, f"'{text}" if text[:1] in "=+-@" else text) for name, text in records]
    csv.writer(written).writerows([("what", "said"), *safe])
    return written.getvalue().encode()


_VERIFY = """How to check this bundle

1. Unpack it, and in its folder: sha256sum -c SHA256SUMS
   Every file has to be OK. No other files belong to it but SHA256SUMS and SIGNATURE.json.
2. With Lifeboat, where the repository can be opened: lifeboat report compliance --check FILE.zip
   It also says who signed it: somebody whose key opens the copies.
3. The record of acts (audit.jsonl) is a chain of hashes: docs/format.md, section 16, says how to check it without Lifeboat.
"""
