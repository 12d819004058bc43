"""What only people can say about the processing, for reports to auditors; Lifeboat cannot check it."""

from lifeboat.foundation.value import Value


class ComplianceSettings(Value):
    """Section ``[compliance]``."""

    controller: str = ""
    data_protection_officer: str = ""
    purposes: tuple[str, ...] = ()
    data_categories: tuple[str, ...] = ()
    data_subjects: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    transfers: tuple[str, ...] = ()
    legal_basis: str = ""
    impact_assessment: str = ""
    retention_reason: str = ""
