"""The database is gone, files are gone, a release or a person has spoilt some of it."""

from lifeboat.evidence.plan.facts import PlanFacts
from lifeboat.evidence.plan.procedures.procedure import (
    MOMENT,
    OPERATION,
    SNAPSHOT,
    Procedure,
    Step,
    Typed,
    beside,
    example,
    expected,
    here,
    newest_words,
    point_words,
    quoted,
    told,
)

STOP_APPLICATION = "stop the application and its workers, as the first page says; leave the database running"
UNDO = "Back to what was there before, with everything written since then lost:"


def database_loss(facts: PlanFacts) -> Procedure:
    typed, point = Typed(facts), point_words(facts)
    namespace = example(facts)
    database, _, collection = namespace.partition(".")
    return Procedure(
        "A",
        "The database is lost",
        "Is the database gone, empty or broken as a whole, on a server you trust?",
        STOP_APPLICATION,
        (
            here(facts),
            Step("What can be brought back, and how old it is:", (typed("status"), typed("timeline"))),
            Step(
                "The server itself is gone: start a new, empty one, write its address as `MONGODB_URI` into .env, and go on here. "
                "Look first: the plan of the restore names every collection and the time it takes, and changes nothing:",
                (typed(f"restore db {point} --over-live --dry-run"),),
            ),
            Step(
                "Restore. It keeps what is there now as a snapshot, compares every document, and only then puts it in place; it asks for "
                "the database's name. Stopped or killed, the same command goes on:",
                (typed(f"restore db {point} --over-live"),),
            ),
        ),
        expected(facts, ("db",), "database-loss"),
        (
            Step(
                "What is live against the copy; nothing should differ:",
                (typed(f"diff --ns {namespace} --from latest"),),
            ),
            Step(
                f'In mongosh, as often as you like: `db.getSiblingDB("{database}").getCollection("{collection}").countDocuments()`. '
                "Then start the application, sign in, open what was used last."
            ),
        ),
        (
            "Start the application; tell the users from which moment on they have to enter things again.",
            f"Take a new copy: `{typed('backup all')}`; then `{typed('status')}`.",
        ),
        told(facts),
        Step(UNDO, (typed("restore --undo"),)),
    )


def file_loss(facts: PlanFacts) -> Procedure:
    typed = Typed(facts)
    in_place = facts.installation.has_key and facts.source("files").is_set_up
    return Procedure(
        "B",
        "Files are lost",
        "Are uploaded files missing or spoilt, and the database is right?",
        "stop uploads (the application in read-only mode, or stopped): a restore in place writes beside what people upload",
        (
            here(facts),
            Step("Which copies there are, and what the newest holds:", (typed("snapshots"), typed("snapshots files"))),
            *(_files_in_place(facts) if in_place else _files_carried(facts)),
        ),
        expected(facts, ("files",), "file-loss"),
        (Step("The restore compares the content of each file. Open some of them from the application."),),
        (
            f"Take a new copy: `{typed('backup files')}`.",
            "Find out what deleted them before uploads are allowed again.",
        ),
        told(facts),
        Step("Back to the files as they were before the restore:", (typed("restore --undo"),))
        if in_place
        else Step("What the carrying over replaced lies on the host, in the folder that ends in `-replaced`."),
    )


def _files_in_place(facts: PlanFacts) -> tuple[Step, ...]:
    typed, folder = Typed(facts), (facts.trees.files or ("/srv/uploads",))[0]
    return (
        Step(
            "All of it, in place. What is there and right is left alone, what differs is kept as a snapshot first, nothing is deleted. "
            "Look first; this changes nothing:",
            (typed("restore files latest --over-live --dry-run"),),
        ),
        Step("Then do it:", (typed("restore files latest --over-live"),)),
        Step(
            "Or beside it, into a new folder, to choose by hand:",
            (typed(f"restore files latest --to {quoted(folder.rstrip('/') + '-restored')}"),),
        ),
        Step(
            "Or one folder or file, by its path below the tree:",
            ("WANTED='contracts/7.pdf'", typed('restore files latest "$WANTED" --over-live')),
        ),
    )


def _files_carried(facts: PlanFacts) -> tuple[Step, ...]:
    """The machine with the key is not the one where the files belong."""
    typed, folders = Typed(facts), facts.trees.files
    host = facts.installation.host if facts.source("files").is_set_up else "the name of the application's host"
    folder = (
        folders[0].rstrip("/")
        if len(folders) == 1
        else "the folder on that host, and below files-restored the one that belongs there"
    )
    where = (f"HOST={quoted(host)}", f"FOLDER={quoted(folder)}")
    several = " Each tree lies in a folder of its own: carry them over one by one." if len(folders) != 1 else ""
    return (
        Step(
            "Into a new folder on the machine with the key:",
            (typed(f"restore files {newest_words(facts)} --to files-restored"),),
        ),
        Step(
            f"Over to the host. Look at what would be copied; nothing is deleted there.{several}",
            (*where, 'rsync -aHAXcn --itemize-changes files-restored/ "$HOST:$FOLDER/"'),
        ),
        Step(
            "Then do it; what is replaced is kept beside:",
            (*where, 'rsync -aHAXc --backup --backup-dir="$FOLDER-replaced" files-restored/ "$HOST:$FOLDER/"'),
        ),
    )


def bad_deploy(facts: PlanFacts) -> Procedure:
    typed, namespace = Typed(facts), example(facts)
    collection = namespace.partition(".")[2]
    target = beside(facts)
    point = '"$BEFORE"' if facts.streams else '"$SNAPSHOT"'
    at, before = (f"--at {point}", '--before-op "$OP"') if facts.streams else (point, point)
    steps = [
        here(facts),
        Step(
            "What was dropped, deleted or changed in masses lately, with the number of the operation:",
            (typed("timeline --suspects"),),
        )
        if facts.streams
        else Step("Which copies there are; take one from before:", (typed("snapshots"),)),
        Step(
            f"Say what is meant (here {namespace}), in every new terminal again:",
            (f"NS={quoted(namespace)}", MOMENT, OPERATION) if facts.streams else (f"NS={quoted(namespace)}", SNAPSHOT),
        ),
        Step(
            "What changed in the collection since, document by document:",
            (typed(f'diff --ns "$NS" --from {point}'),),
        ),
        Step(
            "Some documents: look, choose, put back. Nothing else is touched:",
            (typed(f"""restore db {at} --ns "$NS" --filter '{{"email": "name@example.com"}}' --over-live"""),),
        ),
        Step("The whole collection, beside the live one:", (typed(f'restore db {before} --ns "$NS" --to {target}'),)),
        Step("It is right: over the live one.", (typed(f'restore db {before} --ns "$NS" --over-live'),)),
    ]
    if facts.streams:
        steps.append(
            Step(
                "Or as it was at a moment, over the live one:",
                (typed('restore db --at "$BEFORE" --ns "$NS" --over-live'),),
            )
        )
    return Procedure(
        "E",
        "A release or a person has spoilt some of it",
        "Are some documents or one collection wrong: a faulty release, a script, a slip?",
        "take the faulty release back or stop it first, else it spoils what you bring back; reading may go on",
        tuple(steps),
        expected(facts, ("db",), "bad-deploy") + "; one collection takes its share of that",
        (
            Step(
                "What is live against what was meant; nothing should differ:",
                (typed(f'diff --ns "$NS" --from {point}'),),
            ),
            Step(f"Look at some of the documents in the application ({collection})."),
        ),
        (
            "What was written to the collection since that moment is gone from it: the safety snapshot of the restore has it.",
            f"A database beside ({target}) is dropped when nobody needs it any more.",
            f"Take a new copy: `{typed('backup db')}`.",
        ),
        told(facts),
        Step(UNDO, (typed("restore --undo"),)),
    )
