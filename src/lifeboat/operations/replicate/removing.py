"""``lifeboat replicate --delete``: the replica follows prune, by prune's own reasoning, never because something is gone.

What prune would remove in the replica (its snapshots were forgotten a grace ago by a signed statement; nobody else needs it; its month is
closed) and what the repository has no more, both: then it goes. A thief who empties the repository forgets nothing, so nothing goes here.
"""

from collections.abc import Collection
from itertools import groupby

from lifeboat.foundation.finding import Finding
from lifeboat.foundation.progress import Progress
from lifeboat.operations.annotate import need_signer
from lifeboat.operations.prune.plan import Kind, Removal
from lifeboat.operations.prune.run import look, remove_in_order
from lifeboat.repository.names import CATALOG, KEYS, SEGMENTS, Source
from lifeboat.repository.open_repository import Repository
from lifeboat.retention.rules import Rules
from lifeboat.storage.object_store import ObjectStore

PREFIXES = (CATALOG, *(f"{source}/pack/" for source in Source), SEGMENTS, KEYS)


def follow_prune(
    source: ObjectStore, replica: Repository, rules: Rules, progress: Progress, *, dry_run: bool
) -> tuple[list[Removal], list[Finding]]:
    """Remove from the replica what prune has removed from the repository; returns that, and what stood in the way.

    Args:
        replica: Opened with a key that opens catalogs.

    Raises:
        KeyMissing: There is none, so what is still needed is not known.
    """
    need_signer(replica, "removing from a replica", in_replica=True)
    plan = look(replica, rules, progress)
    going = _whole_generations(plan.removals, gone_from(source, plan.removals))
    if dry_run:
        return going, list(plan.findings)
    removed, stopped = remove_in_order(replica, going, plan.heard, progress)
    return removed, [*plan.findings, *stopped]


def gone_from(source: ObjectStore, removals: Collection[Removal]) -> set[str]:
    """The names among these that the repository does not have."""
    gone = {one.name for one in removals}
    for prefix in PREFIXES if gone else ():
        for stored in source.list_under(prefix):
            gone.discard(stored.name)
    return gone


def _whole_generations(removals: Collection[Removal], gone: Collection[str]) -> list[Removal]:
    """Those that are gone, of months whose records that are to go are all gone: of others a record that stays might name what goes."""
    going = []
    for _, same in groupby(removals, key=lambda one: one.generation):
        of_month = list(same)
        if all(one.name in gone for one in of_month if one.kind is Kind.RECORD):
            going += [one for one in of_month if one.name in gone]
    return going
