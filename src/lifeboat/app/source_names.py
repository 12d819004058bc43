"""What people type for a source, what it is called in the repository, and which of them the settings describe."""

from collections.abc import Iterable

from lifeboat.app.settings import Settings
from lifeboat.foundation.errors import SettingsError
from lifeboat.repository.names import Source

SOURCES = {"db": Source.MONGODB, "files": Source.FILES, "config": Source.CONFIG}
"""What people type, and what it is called in the repository. The order is that of ``backup all``: the database first, so that
a file that a document names is never missing from the younger copy."""
TYPED = {str(source): name for name, source in SOURCES.items()}


def set_up(settings: Settings) -> list[str]:
    """Which of ``SOURCES`` the settings describe."""
    given = {"db": settings.mongodb.uri, "files": settings.files.paths, "config": settings.config.paths}
    return [name for name in SOURCES if given[name]]


def objectives(settings: Settings, names: Iterable[str]) -> dict[str, float]:
    """How old the newest copy of each may be, in seconds, by what the repository calls it. Args: names: As people type them."""
    said = settings.objectives
    seconds = {"db": said.db_seconds, "files": said.files_seconds, "config": said.config_seconds}
    # A replica may be so much older than the repository.
    more = settings.alerts.thresholds.replica_seconds if settings.as_replica else 0.0
    return {str(SOURCES[name]): seconds[name] + more for name in names}


def sources_of(settings: Settings, what: str) -> list[Source]:
    """The sources meant by a name or ``all``; what is asked for and not set up raises the sentence that says what to set."""
    if what == "all":
        there = set_up(settings)
        if not {"db", "files"} & set(there):
            raise SettingsError(
                "neither a database nor a folder of files is named", "set MONGODB_URI, UPLOADS_DIR or both in .env"
            )
        return [SOURCES[name] for name in there]
    {"db": settings.need_mongodb, "files": settings.need_files, "config": settings.need_config}[what]()
    return [SOURCES[what]]
