"""The tables ``[drills]``, ``[organisation]`` and ``[[contact]]`` of ``lifeboat.toml``."""

from pathlib import Path
from typing import TYPE_CHECKING

from lifeboat.app.compliance_settings import ComplianceSettings
from lifeboat.app.drill_settings import DrillSettings
from lifeboat.app.organisation_settings import Contact, OrganisationSettings
from lifeboat.app.settings_tables import ComplianceTable, ContactTable, DrillsTable, OrganisationTable
from lifeboat.app.variables import Variables, absolute_path

if TYPE_CHECKING:
    from lifeboat.operations.drill.checks.kinds import AppCheck


def read_drills(said: DrillsTable, variables: Variables, base: Path) -> DrillSettings:
    """Args: base: the folder that relative paths are meant from."""
    checks: tuple[AppCheck, ...] = ()
    if said.check:
        from lifeboat.app.read_checks import read_check

        checks = tuple(read_check(one, variables, base) for one in said.check)
    return DrillSettings(
        to=said.to,
        folder=absolute_path(said.folder, base) if said.folder else None,
        restore_every_seconds=said.restore_every,
        full_every_seconds=said.full_every,
        exercise_every_seconds=said.exercise_every,
        notify=said.notify,
        checks=checks,
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


def read_organisation(said: OrganisationTable, contacts: list[ContactTable]) -> OrganisationSettings:
    return OrganisationSettings(
        name=said.name,
        application=said.application,
        systems=tuple(said.systems),
        contacts=tuple(
            Contact(one.name, one.role, one.phone, one.email, tuple(one.duties), one.key_holder) for one in contacts
        ),
    )
