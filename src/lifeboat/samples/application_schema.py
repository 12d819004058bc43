"""The sample application's collections: options, validators and indexes, one row each.

Every kind of index and option a restore must bring back is here at least once, so that a lost one shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import SON
from pymongo import ASCENDING, DESCENDING, GEOSPHERE, HASHED, TEXT, IndexModel
from pymongo.collation import Collation
from pymongo.database import Database

from lifeboat.foundation.value import Value, field

Document = dict[str, Any]

ARABIC_ORDER = Collation(locale="ar", strength=2)
CASELESS = Collation(locale="en", strength=2)


class CollectionPlan(Value):
    """How one collection is created; indexes come after the documents."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    indexes: Sequence[IndexModel] = ()


def _schema(required: list[str], **properties: Document) -> Document:
    return {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}


_USERS = CollectionPlan(
    "users",
    {
        "validator": _schema(
            ["email", "passwordHash", "role"],
            email={"bsonType": "string", "pattern": "^[^@]+@[^@]+$"},
            passwordHash={"bsonType": "string", "minLength": 60, "maxLength": 60},
            role={"enum": ["lawyer", "client", "clerk", "admin"]},
        ),
        "validationLevel": "strict",
        "validationAction": "error",
    },
    [
        IndexModel([("email", ASCENDING)], unique=True, name="email_unique"),
        IndexModel([("name", ASCENDING)], collation=CASELESS, name="name_caseless"),
        IndexModel([("profile.$**", ASCENDING)], name="profile_any"),
    ],
)
_CLIENTS = CollectionPlan(
    "clients",
    {},
    [
        IndexModel([("nationalId", HASHED)], name="national_id_hashed"),
        IndexModel([("office", GEOSPHERE)], sparse=True, name="office_where"),
        IndexModel([("city", ASCENDING), ("name", ASCENDING)], name="city_name"),
    ],
)
_CASES = CollectionPlan(
    "cases",
    {
        "validator": _schema(
            ["number", "status", "fee", "openedAt"],
            number={"bsonType": "string"},
            status={"enum": ["open", "waiting", "closed", "appealed"]},
            fee={"bsonType": "decimal"},
            openedAt={"bsonType": "date"},
            parties={"bsonType": "array", "items": {"bsonType": "object", "required": ["name", "side"]}},
        ),
        "validationLevel": "moderate",
    },
    [
        IndexModel([("number", ASCENDING)], unique=True),
        IndexModel([("lawyer", ASCENDING), ("status", ASCENDING), ("openedAt", DESCENDING)], name="lawyer_desk"),
        IndexModel([("tags", ASCENDING)]),
        IndexModel([("court", ASCENDING)], hidden=True, name="court_retired"),
    ],
)
_MESSAGES = CollectionPlan(
    "messages",
    {},
    [
        IndexModel(
            [("subject", TEXT), ("body", TEXT)],
            weights={"subject": 5, "body": 1},
            default_language="none",
            name="words",
        ),
        IndexModel([("case", ASCENDING), ("sentAt", DESCENDING)], name="case_newest"),
        IndexModel([("to", ASCENDING)], partialFilterExpression={"read": False}, name="unread"),
    ],
)
_INVOICES = CollectionPlan(
    "invoices",
    {"validator": {"$expr": {"$gte": ["$total", 0]}}, "validationAction": "warn"},
    [
        IndexModel([("number", ASCENDING)], unique=True, name="number_unique"),
        IndexModel([("dueAt", ASCENDING)], partialFilterExpression={"open": True}, name="unpaid"),
    ],
)
_SESSIONS = CollectionPlan("sessions", {}, [IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, name="ttl")])
_AUDIT = CollectionPlan(
    "audit_log",
    {"storageEngine": {"wiredTiger": {"configString": "block_compressor=zstd"}}},
    [IndexModel([("at", DESCENDING), ("actor", ASCENDING)])],
)
_ACTIVITY = CollectionPlan("recent_activity", {"capped": True, "size": 1 << 20, "max": 500})
_TIMINGS = CollectionPlan(
    "page_timings",
    {"timeseries": {"timeField": "at", "metaField": "page", "granularity": "minutes"}},
    [IndexModel([("page.route", ASCENDING), ("at", DESCENDING)], name="route_newest")],
)
_DIRECTORY = CollectionPlan(
    "directory",
    {"collation": ARABIC_ORDER},
    [
        IndexModel([("name", ASCENDING)], unique=True, name="name_as_people_see_it", collation=ARABIC_ORDER),
        # Simple collation in a collection that has another: forgotten by a naive copy of the specification.
        IndexModel([("code", ASCENDING)], unique=True, name="code_exact", collation=Collation(locale="simple")),
    ],
)
_CODES = CollectionPlan("reference_codes", {"clusteredIndex": {"key": {"_id": 1}, "unique": True}})
_SETTINGS = CollectionPlan("settings")
_FILES = CollectionPlan("fs.files", {}, [IndexModel([("filename", ASCENDING), ("uploadDate", ASCENDING)])])
_CHUNKS = CollectionPlan("fs.chunks", {}, [IndexModel([("files_id", ASCENDING), ("n", ASCENDING)], unique=True)])

PLANS = (
    *(_USERS, _CLIENTS, _CASES, _MESSAGES, _INVOICES, _SESSIONS),
    *(_AUDIT, _ACTIVITY, _TIMINGS, _DIRECTORY, _CODES, _SETTINGS, _FILES, _CHUNKS),
)
VIEW_NAME = "open_cases"
VIEW_PIPELINE = [{"$match": {"status": "open"}}, {"$project": {"number": 1, "title": 1, "lawyer": 1}}]
ROLE_NAME = "casework_reader"
USER_NAME = "casework_app"


def create_collections(database: Database[Document]) -> None:
    for plan in PLANS:
        # Created by command: create_collection would hide which option the server refuses.
        options = {
            name: value.document if isinstance(value, Collation) else value for name, value in plan.options.items()
        }
        database.command(SON([("create", plan.name), *options.items()]))


def create_indexes_and_view(database: Database[Document]) -> int:
    """Build the indexes and the view; return how many indexes there are now, ``_id`` included."""
    count = 0
    for plan in PLANS:
        if plan.indexes:
            database[plan.name].create_indexes(list(plan.indexes))
        count += len(plan.indexes) + plan.options.keys().isdisjoint(("clusteredIndex", "timeseries"))
    database.create_collection(VIEW_NAME, viewOn="cases", pipeline=VIEW_PIPELINE)
    return count


def create_accounts(database: Database[Document]) -> None:
    """A role and a user of the database, as an installation with access control has."""
    resource = {"db": database.name, "collection": ""}
    privileges = [{"resource": resource, "actions": ["find", "listCollections", "listIndexes"]}]
    database.command("createRole", ROLE_NAME, privileges=privileges, roles=[])
    roles = [{"role": ROLE_NAME, "db": database.name}, {"role": "readWrite", "db": database.name}]
    database.command("createUser", USER_NAME, pwd="not-a-real-password", roles=roles)
