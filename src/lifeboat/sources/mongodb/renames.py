"""``FROM=TO`` for databases and for single collections; the finer one wins."""

from collections.abc import Sequence

from lifeboat.sources.mongodb.catalog import CollectionEntry
from lifeboat.sources.mongodb.errors import RestorePlanInvalid


class Renames:
    """Where each captured collection goes. A rename that fits nothing is a mistake, and said."""

    def __init__(self, pairs: dict[str, str]) -> None:
        self._pairs = pairs
        self._unused = set(pairs)

    @classmethod
    def read(cls, texts: Sequence[str]) -> "Renames":
        """Raises:
        RestorePlanInvalid: Not ``DB=DB`` or ``DB.COLL=DB.COLL``.
        """
        pairs: dict[str, str] = {}
        for text in texts:
            source, equals, goal = text.partition("=")
            is_whole = equals and all(_is_name(side) for side in (source, goal))
            if not is_whole or ("." in source) != ("." in goal) or source in pairs:
                raise RestorePlanInvalid(
                    f"the rename {text!r} cannot be read",
                    "write it as OLD=NEW for a database, or OLDDB.COLL=NEWDB.COLL for a collection",
                )
            pairs[source] = goal
        return cls(pairs)

    def place_for(self, entry: CollectionEntry) -> tuple[str, str]:
        """Database and name."""
        for source in (entry.namespace, entry.database):
            if source in self._pairs:
                self._unused.discard(source)
                goal = self._pairs[source]
                if source == entry.database:
                    return goal, entry.name
                database, _, name = goal.partition(".")
                return database, name
        return entry.database, entry.name

    def refuse_unused(self) -> None:
        """Raises:
        RestorePlanInvalid: A rename fits nothing that is restored.
        """
        for source in sorted(self._unused):
            raise RestorePlanInvalid(
                f"nothing to be restored is called {source}", "`lifeboat snapshots SNAPSHOT` lists what it has"
            )


def _is_name(text: str) -> bool:
    database, dot, name = text.partition(".")
    return bool(database) and (bool(name) if dot else True) and not set(database) & set('/\\ "$\0')
