"""The recovery plan of one installation: written, kept with what people wrote into it, checked, approved.

Invariant: a file that was there is replaced in one step, and nothing that people wrote goes: what stands between the marks is taken over,
what was changed outside of them is put aside first, what cannot be read for certain is not touched.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lifeboat.app.build import label
from lifeboat.app.plan_facts import Gathering, HowFar
from lifeboat.app.plan_memory import PlanLedger, remember_plan, remembered_plan
from lifeboat.app.settings import Settings
from lifeboat.evidence.paper.document import Yours
from lifeboat.evidence.paper.markdown import to_markdown
from lifeboat.evidence.paper.page import to_html
from lifeboat.evidence.plan.document import plan_document
from lifeboat.evidence.plan.facts import Approval, PlanFacts
from lifeboat.evidence.plan.front import REVIEW_DAYS
from lifeboat.evidence.plan.kept import KeptPlan, read_kept, write_kept
from lifeboat.evidence.plan.report import PlanCheck, PlanWritten
from lifeboat.evidence.plan.stable import Parts, carried, changes, parts_digest, stable_parts
from lifeboat.foundation.clock import Clock
from lifeboat.foundation.errors import LifeboatError, SettingsError
from lifeboat.foundation.replace_file import replace_file
from lifeboat.foundation.value import Value
from lifeboat.repository.open_repository import Repository

NAME = "recovery-plan"
SECRET_AT_LEAST = 8
"""Shorter texts than this are words that may stand anywhere."""


class PlanMissing(SettingsError):
    """There is no plan that could be checked or approved."""

    code = "plan-missing"


class PlanStale(SettingsError):
    """What lies there is not true any more, so nobody should approve it."""

    code = "plan-stale"


class PlanNotWritten(SettingsError):
    """The plan's file cannot be read or written."""

    code = "plan-not-written"


class _Drawn(Value):
    """A plan, ready to be written."""

    facts: PlanFacts
    parts: Parts
    version: int
    yours: dict[str, str]
    markdown: str
    html: str
    to_write: tuple[str, ...]


class Planning:
    """Args: config: the settings file that was named by hand, which commands in the plan then name too."""

    def __init__(self, settings: Settings, clock: Clock, config: Path | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._config = config

    def write(self, out: Path | None = None, *, offline: bool = False) -> PlanWritten:
        """Write the plan, or renew it.

        Args:
            out: A folder, or a file that ends in .md or .html; None: the working folder.

        Raises:
            PlanFileDoubtful, PlanNotWritten.
        """
        markdown, html = paths_of(out, self._settings.folder)
        raw, kept = self._kept(markdown)
        gathering = Gathering(self._settings, self._clock, self._config, HowFar(offline=offline))
        ledger = self._ledger(gathering.repository)
        before = kept or self._from_ledger(ledger)
        drawn = self._draw(gathering.facts(), before, ledger)
        backup = None
        if kept is not None and kept.is_edited and raw is not None:
            backup = _put_aside(markdown, raw)
        text = write_kept(drawn.markdown, drawn.version, drawn.facts.made, drawn.parts)
        _write(markdown, text)
        _write(html, drawn.html)
        with suppress(LifeboatError):  # a full disk there must not hide that the plan is written
            remember_plan(gathering.state, str(markdown), drawn.version)
        in_ledger = self._note(ledger, drawn)
        changed = changes(before.parts, drawn.parts) if before and before.version != drawn.version else []
        return PlanWritten(
            files=(str(markdown), str(html)),
            version=drawn.version,
            version_before=before.version if before else None,
            changed=tuple(changed),
            to_write=drawn.to_write,
            backup=backup,
            in_ledger=in_ledger,
            said=tuple(self._said(drawn, kept, before, backup)),
            facts=drawn.facts,
        )

    def facts(self, *, offline: bool = False) -> PlanFacts:
        """What it is made of, and who approved which version; nothing is written."""
        gathering = Gathering(self._settings, self._clock, self._config, HowFar(offline=offline))
        ledger = self._ledger(gathering.repository)
        approvals = tuple(one.approval for one in ledger.approvals()) if ledger else ()
        return replace(gathering.facts(), approvals=approvals)

    def check(self, file: Path | None = None, *, offline: bool = False, server: bool = True) -> PlanCheck:
        """Compare a plan with what is really there.

        Args:
            file: Else the plan in the working folder, else the one this machine wrote last.
            server: Whether the database is asked which databases it has.

        Raises:
            PlanMissing, PlanFileDoubtful.
        """
        how = HowFar(offline=offline, everything=False, server=server)
        return self.check_with(Gathering(self._settings, self._clock, self._config, how), file)

    def check_with(self, gathering: Gathering, file: Path | None = None) -> PlanCheck:
        """The same, with what is open already."""
        path = self._existing(file, gathering)
        _, kept = self._kept(path)
        assert kept is not None  # _existing found it
        facts = gathering.facts()
        ledger = self._ledger(gathering.repository) if gathering.how.ledger else None
        now = carried(stable_parts(facts), kept.parts)
        return PlanCheck(
            str(path),
            kept.version,
            kept.made,
            tuple(changes(kept.parts, now)),
            tuple(self._reasons(kept, facts)),
            facts.unknown,
            self._approval(kept, ledger),
        )

    def approve(self, who: str, file: Path | None = None) -> PlanWritten:
        """Put somebody's approval of the plan as it lies there into the ledger, and renew the plan, which then shows it.

        Raises:
            PlanMissing, PlanStale, KeyMissing, StorageError.
        """
        gathering = Gathering(self._settings, self._clock, self._config, HowFar(everything=False))
        path = self._existing(file, gathering)
        raw, kept = self._kept(path)
        assert raw is not None and kept is not None
        if gathering.repository is None:
            # Not to be noted is worse than an error: somebody would believe that it was.
            from lifeboat.app.build import build_repository

            build_repository(self._settings, self._clock)
            raise PlanStale("the repository is away", "try it again when it answers")
        gathering.repository.need_identity()
        changed = changes(kept.parts, carried(stable_parts(gathering.facts()), kept.parts))
        if changed or kept.is_edited:
            why = changed[0].sentence if changed else "somebody changed what is not theirs to write"
            raise PlanStale(
                f"{path} is not true any more: {why}",
                "make it anew with `lifeboat report plan`, read it, then approve it",
            )
        ledger = PlanLedger(gathering.repository, label(self._settings))
        now = gathering.repository.store.time_there()
        digest = hashlib.sha256(raw).hexdigest()
        ledger.put_approval(Approval(who, now, kept.version, digest), raw.decode("utf-8-sig"), kept.parts, now)
        return self.write(path)

    def _draw(self, facts: PlanFacts, before: KeptPlan | None, ledger: PlanLedger | None) -> _Drawn:
        parts = carried(stable_parts(facts), before.parts if before else None)
        last = ledger.newest() if ledger else None
        newest = max((one for one in (before, last) if one is not None), key=lambda one: one.version, default=None)
        version = 1
        if newest is not None:
            is_same = parts_digest(carried(parts, newest.parts)) == parts_digest(newest.parts)
            version = newest.version if is_same else newest.version + 1
        yours = dict(before.yours) if before else {}
        approvals = tuple(one.approval for one in ledger.approvals()) if ledger else ()
        facts = replace(_with_remembered(facts, parts), approvals=approvals)
        document = plan_document(facts, version, yours)
        to_write = tuple(one.name for one in document.blocks if isinstance(one, Yours) and not one.markdown.strip())
        return _Drawn(facts, parts, version, yours, to_markdown(document), to_html(document), to_write)

    def _ledger(self, repository: Repository | None) -> PlanLedger | None:
        """None where there is no key, or the store does not let it be read."""
        if repository is None or repository.identity is None:
            return None
        with suppress(LifeboatError):
            return PlanLedger(repository, label(self._settings))
        return None

    def _from_ledger(self, ledger: PlanLedger | None) -> KeptPlan | None:
        return (ledger.newest() or ledger.newest_of_any()) if ledger else None

    def _note(self, ledger: PlanLedger | None, drawn: _Drawn) -> bool | None:
        """Put the version, and what people wrote, into the ledger, if it is not there yet."""
        if ledger is None:
            return None
        last = ledger.newest()
        if last is not None and last.version == drawn.version and dict(last.yours) == drawn.yours:
            return True
        try:
            ledger.put_version(drawn.version, drawn.parts, drawn.yours, drawn.facts.made, self._clock.now())
        except LifeboatError:
            return False
        return True

    def _reasons(self, kept: KeptPlan, facts: PlanFacts) -> Sequence[str]:
        """Why it should be made anew, although nothing has changed."""
        found = []
        if kept.is_edited:
            found.append("somebody changed what is not theirs to write: it is not what Lifeboat wrote")
        if self._clock.now() - kept.made > timedelta(days=REVIEW_DAYS):
            found.append(f"it is older than a year: made {kept.made:%Y-%m-%d}")
        found += [f"{one.what}: overdue since {one.due:%Y-%m-%d}" for one in facts.due if one.is_overdue and one.due]
        return found

    def _approval(self, kept: KeptPlan, ledger: PlanLedger | None) -> str:
        """Why it has to be approved anew; empty where it is approved, or none ever was."""
        approved = ledger.approvals() if ledger else ()
        if not approved:
            return ""
        last = approved[-1]
        of_this = [one for one in approved if one.approval.version == kept.version]
        if not of_this:
            return (
                f"version {last.approval.version} was approved ({last.approval.by}), and this is version {kept.version}"
            )
        differing = _differing(of_this[-1].yours, kept.yours)
        return f"what people wrote was changed since it was approved: {', '.join(differing)}" if differing else ""

    def _said(self, drawn: _Drawn, kept: KeptPlan | None, before: KeptPlan | None, backup: str | None) -> Sequence[str]:
        found = list(drawn.facts.unknown)
        if kept is None and before is not None:
            found.append("there was no file: what people wrote was taken from the ledger")
        if backup is not None:
            found.append(
                f"somebody had changed what is not theirs to write; the file as it was is {backup}: move what is needed into the parts "
                "between <!-- yours --> and <!-- end -->"
            )
        texts = {text for text in self._settings.hidden_texts() if len(text) >= SECRET_AT_LEAST}
        for name, text in drawn.yours.items():
            if any(secret in text for secret in texts):
                found.append(
                    f"the part {name} holds a secret of the settings: take it out, the plan is made to be shared"
                )
        return found

    def _existing(self, file: Path | None, gathering: Gathering) -> Path:
        if file is not None:
            path = paths_of(file, self._settings.folder)[0]
        else:
            path = paths_of(None, self._settings.folder)[0]
            remembered = remembered_plan(gathering.state)
            if not path.exists() and remembered is not None:
                path = Path(remembered)
        if not path.exists():
            raise PlanMissing(f"there is no plan at {path}", "write one with `lifeboat report plan`, or name its file")
        return path

    def _kept(self, path: Path) -> tuple[bytes | None, KeptPlan | None]:
        """The file as it is, and what it says; nothing where there is none."""
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None, None
        except OSError as error:
            raise _unwritten(path, error, "read") from None
        return raw, read_kept(raw, str(path))


def paths_of(out: Path | None, folder: Path) -> tuple[Path, Path]:
    """Where Markdown and HTML go."""
    if out is None:
        base = folder / NAME
    elif out.suffix in (".md", ".html") and not out.is_dir():
        base = folder / out.with_suffix("")
    else:
        base = folder / out / NAME
    base = Path(os.path.abspath(base))
    return base.with_name(f"{base.name}.md"), base.with_name(f"{base.name}.html")


def _with_remembered(facts: PlanFacts, parts: Parts) -> PlanFacts:
    """What nobody could look at now, as it was when somebody could."""
    database = facts.database
    protected, left_out = parts.get("databases"), parts.get("left out")
    if database.protected is None and isinstance(protected, list):
        database = replace(database, protected=tuple(protected), seen="before")
    if database.left_out is None and isinstance(left_out, list):
        database = replace(database, left_out=tuple(left_out))
    return replace(facts, database=database)


def _differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the parts that are not the same."""
    return sorted(name for name in {*was, *now} if was.get(name) != now.get(name))


def _put_aside(path: Path, raw: bytes) -> str:
    """Keep the file as it was under a name that was not taken."""
    number = 1
    while True:
        beside = path.with_name(f"{path.name}.bak" if number == 1 else f"{path.name}.bak{number}")
        if not beside.exists():
            break
        number += 1
    _write(beside, raw)
    return str(beside)


def _write(path: Path, content: str | bytes) -> None:
    try:
        path = path.resolve()  # a link to where the papers are kept stays one
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.encode() if isinstance(content, str) else content)
        if mode is not None:
            path.chmod(mode)
    except OSError as error:
        raise _unwritten(path, error, "written") from None


def _unwritten(path: Path, error: OSError, what: str) -> PlanNotWritten:
    reason = (error.strerror or "no reason given").lower()
    return PlanNotWritten(f"{path} cannot be {what}: {reason}", "name another folder or file with --out")
