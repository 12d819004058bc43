"""What the mission's checklist wants in the plan: its own plan, emergency guide, testing schedule and drill checklist, line by line."""

import re

THE_MISSIONS_PLAN = {
    "emergency contacts: primary": r"\| 1 \| [^|]+ \| incident lead \| \+966 [\d ]+ \|",
    "emergency contacts: secondary": r"\| 2 \| [^|]+ \| restores \| \+966",
    "support of the provider": r"yours: provider-support",
    "database recovery": r"## A\. The database is lost",
    "RTO: 4 hours": r"everything back within \(RTO\)\*\*: 4 hours",
    "RPO: 1 hour": r"database \| 1 hour",
    "identify the latest backup": r"lifeboat (snapshots|timeline)\n",
    "download, decrypt, verify checksum, restore": r"compares every document, and only then",
    "verify the restoration: countDocuments": r'getSiblingDB\("\w+"\)\.getCollection\("\w+"\)\.countDocuments\(\)',
    "file recovery": r"## B\. Files are lost",
    "testing: weekly restore to staging": r"restore to staging \| 7 days",
    "testing: monthly full drill": r"full drill \| 30 days",
    "testing: quarterly training": r"exercise of people \| 90 days",
    "team training": r"Train: once a quarter",
    "do not panic": r"Do not panic",
    "stop all writes": r"Stop what writes",
    "assess the damage": r"Look what is lost",
    "notify stakeholders": r"## Who is told",
    "choose the latest before the incident": r'lifeboat restore db (--at "\$BEFORE"|"\$DB")',
    "check completeness, test the application": r"sign in",
    "notify users of recovery": r'"The service is back\.',
    "drill: notify the team, note the start": r"Prepare: tell the team",
    "drill: simulate, identify, download, decrypt, check, restore": r"Do it: pretend the loss",
    "drill: RTO, RPO, completeness, sign-in, API": r"Validate: time to be back .*sign-in of a test user, API",
    "drill: lessons, next one": r"Learn: .*name the day of the next one",
    "document version": r"\*\*version\*\*: \d",
    "last updated": r"\*\*made\*\*: 20\d\d-",
    "next review": r"\*\*next review\*\*: .*by 20\d\d-",
    "last result of a drill": r"(server|file)-loss \| 20\d\d-\d\d-\d\d \| passed",
    "PDPL: 72 hours": r"within 72 hours",
    "where the copies are": r"the repository \| (s3://|/)",
    "where the key is and who holds it": r"Key holders: Noura Al-Harbi",
    "how long archived copies take": r"(?i)glacier(: 3 to 5 hours| bulk| standard: up to 5 h)",
}


def missing_in(markdown: str) -> list[str]:
    """What of it is not in a plan."""
    text = re.sub(r"\\([*_\[\]<>#|~!&])", r"\1", markdown)
    return [what for what, pattern in THE_MISSIONS_PLAN.items() if not re.search(pattern, text)]
