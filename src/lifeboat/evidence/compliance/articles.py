"""The articles and controls, what each asks for, and which facts would support it.

Limits: this is a reading of the texts for backups alone, and no legal advice. Sources: research/operations.md, section 5: PDPL (Saudi Arabia) and its
Implementing Regulation, GDPR, ISO/IEC 27001:2022 (with the numbers of 2013 beside it).
"""

from lifeboat.foundation.value import Value


class Need(Value):
    """A fact that an article asks for. Args: missing: The gap, where it does not hold or is not known."""

    fact: str
    missing: str


class Article(Value):
    """Args: number: as cited; asks: in a sentence; needs: facts; beyond: what Lifeboat cannot see, and is always a gap."""

    number: str
    title: str
    asks: str
    needs: tuple[Need, ...]
    beyond: tuple[str, ...]


_ENCRYPTED = Need("encrypted", "no copy is stored yet that could be shown to be encrypted")
_KEYS_APART = Need(
    "key-elsewhere", "nobody has shown to have the key outside this machine: `lifeboat init` and `lifeboat doctor` ask"
)
_TWO_KEYS = Need(
    "two-keys",
    "one key opens everything: if its holder is gone, so are the copies; `lifeboat recipient list` says how to add a second",
)
_GUARDED = Need(
    "guarded", "the application's host can read and remove old copies: see the guarded profile in docs/operations.md"
)
_STORE = Need(
    "store-protected",
    "the store does not keep what is deleted, or nobody could look: `lifeboat aws check`, `lifeboat doctor`",
)
_AGE = Need("rpo-met", "a source is older than its objective allows: `lifeboat status`")
_PROVED = Need(
    "proved", "not every source has a copy of which every byte was opened lately: `lifeboat verify --level full`"
)
_DRILLED = Need("drill-passed", "no drill has passed within the calendar's time: `lifeboat drill`")
_FULL = Need(
    "full-drill-passed",
    "no drill of everything has passed within the calendar's time: `lifeboat drill --scenario server-loss`",
)
_RTO = Need("rto-met", "the time to recover was not measured, or is above the objective: `lifeboat drill`")
_EXERCISE = Need("exercise-held", "no exercise of the people is on record within the calendar's time: docs/training.md")
_FOLLOW_UPS = Need(
    "follow-ups-closed",
    "actions after drills are late, or none was put down about one that failed: `lifeboat drill follow-up list`",
)
_REPLICA = Need("second-copy", "no second copy was made in another place: `lifeboat replicate`")
_REPLICA_NEW = Need("second-copy-current", "the second copy is behind, or nobody could look: `lifeboat replicate`")
_AUDIT = Need("audit-whole", "the record of acts is not whole, or could not be checked: `lifeboat audit verify`")
_TOLD = Need("alerts-reach", "nobody would be told when a backup fails: `[notify]`, `lifeboat alerts test`")
_PLAN = Need("plan-approved", "the recovery plan is not approved as it stands: `lifeboat report plan --approve`")
_CONTACTS = Need("contacts", "nobody is named who is called: `[[contact]]` in lifeboat.toml")
_RETENTION = Need("retention-set", "no rules say how long copies are kept")
_PRUNED = Need("retention-done", "the rules were not carried out lately: `lifeboat prune`")
_ERASURES = Need(
    "erasures-known",
    "no erasure is on record, one is open too long, or the ledger could not be read in full: `lifeboat erase list`",
)
_REGION = Need("region-known", "in which country the copies lie is not known: `[repository] region`")
_RAN = Need(
    "jobs-succeed", "not every run of the period ended well: `lifeboat serve`, the dashboard, `lifeboat status`"
)

_ORGANISATION = "organisational measures (who may do what, training, contracts) are not seen from here"
_LEGAL = "whether the processing has a legal basis is not seen from here"

ARTICLES = (
    Article(
        "PDPL 18",
        "Destruction of personal data",
        "Personal data is destroyed when it is no longer needed; backups count as personal data.",
        (_RETENTION, _PRUNED, _ERASURES),
        ("whether a stated period is as short as the purpose allows is for the controller to decide",),
    ),
    Article(
        "PDPL 19",
        "Security of personal data",
        "Organisational, administrative and technical measures protect personal data, also while it is transferred.",
        (_ENCRYPTED, _KEYS_APART, _GUARDED, _STORE, _AUDIT),
        (_ORGANISATION,),
    ),
    Article(
        "PDPL 20 (Implementing Regulation 24)",
        "Notification of breaches, damage and loss",
        "The authority is told within 72 hours, and the people concerned where it may harm them.",
        (_TOLD, _AUDIT, _CONTACTS, _PLAN),
        ("whether and when somebody was told is not seen from here",),
    ),
    Article(
        "PDPL 22 (Implementing Regulation 25)",
        "Impact assessment",
        "The effects of processing personal data are assessed, in writing where it is sensitive or large.",
        (Need("impact-assessment", "no impact assessment is named: `[compliance] impact_assessment`"),),
        (
            "what the assessment says is not seen from here; the description of the system in this report can go into it",
        ),
    ),
    Article(
        "PDPL 29 (Transfer Regulation)",
        "Transfer outside the Kingdom",
        "Personal data leaves the Kingdom on conditions only; encrypted copies count too.",
        (
            _REGION,
            Need(
                "stays-inside",
                "copies lie outside the Kingdom, or nobody knows where: the conditions for that have to be documented",
            ),
            Need("transfers-declared", "no transfer is documented: `[compliance] transfers`"),
        ),
        ("whether the conditions for a transfer are fulfilled is not seen from here",),
    ),
    Article(
        "PDPL 31",
        "Records of processing",
        "The controller keeps records of processing, with retention and transfers.",
        (
            Need("controller", "no controller is named: `[compliance] controller`"),
            Need("purposes", "no purposes are named: `[compliance] purposes`"),
            Need("data-categories", "no categories of data are named: `[compliance] data_categories`"),
            _RETENTION,
            _REGION,
        ),
        ("the records of the application itself are not seen from here",),
    ),
    Article(
        "GDPR 17, 5(1)(e)",
        "Erasure, storage limitation",
        "A person is erased without undue delay, and data is kept no longer than necessary.",
        (_ERASURES, _RETENTION, _PRUNED),
        ("whether every request reached the ledger is not seen from here",),
    ),
    Article(
        "GDPR 30",
        "Records of processing",
        "Purposes, categories, recipients, transfers, time limits and measures are on record.",
        (
            Need("controller", "no controller is named: `[compliance] controller`"),
            Need("purposes", "no purposes are named: `[compliance] purposes`"),
            Need("data-categories", "no categories of data are named: `[compliance] data_categories`"),
            Need("data-subjects", "no categories of people are named: `[compliance] data_subjects`"),
            _REGION,
            _RETENTION,
        ),
        (_LEGAL,),
    ),
    Article(
        "GDPR 32(1)(a)",
        "Encryption",
        "Personal data is pseudonymised and encrypted.",
        (_ENCRYPTED, _KEYS_APART),
        (_ORGANISATION,),
    ),
    Article(
        "GDPR 32(1)(b)",
        "Confidentiality, integrity, availability, resilience",
        "Systems keep data confidential, whole and available, lastingly.",
        (_GUARDED, _STORE, _PROVED, _REPLICA, _AUDIT),
        (_ORGANISATION,),
    ),
    Article(
        "GDPR 32(1)(c)",
        "Restoring in a timely manner",
        "Availability and access are restored in a timely manner after an incident.",
        (_AGE, _RTO, _TWO_KEYS),
        ("that the application itself works again is seen as far as the drills' checks ask it",),
    ),
    Article(
        "GDPR 32(1)(d)",
        "Regular testing",
        "The measures are tested and evaluated regularly.",
        (_DRILLED, _FULL, _EXERCISE, _FOLLOW_UPS, _PROVED),
        (_ORGANISATION,),
    ),
    Article(
        "GDPR 33",
        "Notification of breaches",
        "The authority is told within 72 hours of becoming aware.",
        (_TOLD, _AUDIT, _CONTACTS),
        ("whether and when somebody was told is not seen from here",),
    ),
    Article(
        "ISO 27001:2022 8.13 (2013: A.12.3.1)",
        "Information backup",
        "Copies are made, kept and regularly tested by a policy.",
        (_RAN, _AGE, _RETENTION, _ENCRYPTED, _PROVED, _DRILLED),
        ("what else than this database and these files needs a copy is not seen from here",),
    ),
    Article(
        "ISO 27001:2022 8.14 (2013: A.17.2.1)",
        "Redundancy",
        "What processes information is there more than once.",
        (_REPLICA, _REPLICA_NEW),
        ("redundancy of the application's own servers is not seen from here",),
    ),
    Article(
        "ISO 27001:2022 5.29 (2013: A.17.1.2)",
        "Security during disruption",
        "Information stays secure while things are disrupted, by a plan that is exercised.",
        (_PLAN, _CONTACTS, _EXERCISE, _AUDIT),
        (_ORGANISATION,),
    ),
    Article(
        "ISO 27001:2022 5.30",
        "Readiness for continuity",
        "Objectives for the time to recover are set, measured, and exercised.",
        (_RTO, _AGE, _FULL, _TWO_KEYS, _FOLLOW_UPS),
        ("objectives of the business are set by people; whether these are right is not seen from here",),
    ),
    Article(
        "ISO 27001:2022 8.15, 8.16",
        "Logging, monitoring",
        "Acts are logged and protected from change, and what is unusual is noticed.",
        (_AUDIT, _TOLD),
        ("logs of other systems are not seen from here",),
    ),
)


def needed_facts() -> frozenset[str]:
    """The names of all facts that an article refers to."""
    return frozenset(need.fact for article in ARTICLES for need in article.needs)
