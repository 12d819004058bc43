"""One shard's part of making a second copy: the bulk of the bytes, and nothing that names anything.

The last shard runs the whole replication afterwards, as one process does: what is missing still it copies, then indexes, records and links. So a
shard that is lost costs time, and never a right replica.

Invariant: only data keys and packs are written here, which nothing in the replica names before the last shard is through.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from lifeboat.foundation.progress import Progress
from lifeboat.operations.replicate.copying import End, copy_all
from lifeboat.operations.replicate.order import Phase
from lifeboat.operations.replicate.places import Place, take_place
from lifeboat.operations.replicate.survey import survey
from lifeboat.repository.description import Description
from lifeboat.storage.object_store import ObjectStore

if TYPE_CHECKING:
    from lifeboat.operations.shards import Shard

SHARED = (Phase.KEY, Phase.PACK)


def copy_part(
    name: str,
    source: ObjectStore,
    description: Description,
    place: Place,
    shard: "Shard",
    now: datetime,
    progress: Progress,
) -> tuple[int, int]:
    """Copy what is missing of this shard's packs and keys; returns how many objects that were, and bytes.

    What cannot be copied is passed over: the last shard meets it again, and tells. Several may take one place at once: each leaves a mark,
    and they say the same.
    """
    take_place(place, source, description, now)
    objects = copied_bytes = 0
    with survey(source, place.store, progress) as found:
        waiting = [found.waiting[phase] for phase in SHARED]
        progress.begin(f"copying to {name}, {shard}")
        for one in waiting:
            rows = (row for row in one if shard.holds_name(row.name.encode()))
            for copied in copy_all(source, place.store, rows, in_order=False):
                if copied.end is End.COPIED:
                    objects, copied_bytes = objects + 1, copied_bytes + copied.row.size_bytes
                    progress.advance(copied.row.size_bytes, 1)
    return objects, copied_bytes
