"""The tables ``[drills]``, ``[organisation]`` and ``[[contact]]`` of ``lifeboat.toml``."""

from pathlib import Path

from lifeboat.app.compliance_settings import ComplianceSettings
from lifeboat.app.drill_settings import DrillSettings
from lifeboat.app.organisation_settings import Contact, OrganisationSettings
from lifeboat.app.settings_file import (
    CheckTable,
    CommandCheckTable,
    ComplianceTable,
    ContactTable,
    DrillsTable,
    HttpCheckTable,
    OrganisationTable,
    QueryCheckTable,
    ServiceCheckTable,
    SettingsFileInvalid,
    SignInCheckTable,
)
from lifeboat.app.variables import Variables, absolute_path, follow
from lifeboat.foundation.errors import SettingsError
from lifeboat.foundation.secret import Secret
from lifeboat.operations.drill.checks.kinds import AppCheck, Command, Http, Query, References, Service, SignIn


def read_drills(said: DrillsTable, variables: Variables, base: Path) -> DrillSettings:
    """Args: base: the folder that relative paths are meant from."""
    return DrillSettings(
        to=said.to,
        folder=absolute_path(said.folder, base) if said.folder else None,
        restore_every_seconds=said.restore_every,
        full_every_seconds=said.full_every,
        exercise_every_seconds=said.exercise_every,
        notify=said.notify,
        checks=tuple(_check(one, variables, base) for one in said.check),
    )


def read_compliance(said: ComplianceTable) -> ComplianceSettings:
    return ComplianceSettings(
        said.controller,
        said.data_protection_officer,
        tuple(said.purposes),
        tuple(said.data_categories),
        tuple(said.data_subjects),
        tuple(said.recipients),
        tuple(said.transfers),
        said.legal_basis,
        said.impact_assessment,
        said.retention_reason,
    )


def _check(said: CheckTable, variables: Variables, base: Path) -> AppCheck:
    if isinstance(said, CommandCheckTable):
        cwd = absolute_path(said.cwd, base) if said.cwd else base
        return Command(said.name, tuple(said.argv), cwd, said.timeout, said.expect_exit, said.expect_text)
    if isinstance(said, ServiceCheckTable):
        cwd = absolute_path(said.cwd, base) if said.cwd else base
        return Service(said.name, tuple(said.argv), said.ready, cwd, said.timeout, said.expect_status)
    if isinstance(said, HttpCheckTable):
        headers = {name: Secret(value) for name, value in said.headers.items()}
        headers |= {name: _secret(value, variables, base) for name, value in said.secret_headers.items()}
        return Http(
            said.name,
            said.url,
            said.method,
            headers,
            said.body,
            said.expect_status,
            said.expect_text,
            dict(said.expect_json),
            said.allow_host,
            said.timeout,
        )
    if isinstance(said, SignInCheckTable):
        return SignIn(
            said.name,
            said.url,
            said.user,
            _secret(said.password, variables, base),
            said.form,
            said.user_field,
            said.password_field,
            said.expect_status,
            said.token_field,
            said.then_url,
            said.then_status,
            said.allow_host,
            said.timeout,
        )
    if isinstance(said, QueryCheckTable):
        bounds = (said.count, said.at_least, said.at_most)
        if bounds == (None, None, None):
            raise SettingsFileInvalid(
                f"[[drills.check]] {said.name} expects nothing", "say count, at_least or at_most: at_least = 1"
            )
        return Query(said.name, said.collection, said.filter, *bounds, said.timeout)
    return References(said.name, said.collection, said.field, absolute_path(said.root, base), said.strip)


def _secret(said: str, variables: Variables, base: Path) -> Secret:
    """What ``env:NAME`` or ``file:/path`` leads to; empty where it is not there now: the check then fails, and no backup does."""
    try:
        return follow(said, variables, base) or Secret("")
    except SettingsError:
        return Secret("")


def read_organisation(said: OrganisationTable, contacts: list[ContactTable]) -> OrganisationSettings:
    return OrganisationSettings(
        name=said.name,
        application=said.application,
        systems=tuple(said.systems),
        contacts=tuple(
            Contact(one.name, one.role, one.phone, one.email, tuple(one.duties), one.key_holder) for one in contacts
        ),
    )
